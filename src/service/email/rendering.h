/* rendering: from a template and variables to what is sent. Whatever takes long is done beside the loop. */
#pragma once

#include <jansson.h>

#include "service/email/template_content.h"

enum {
    RENDERED_PART_MAX = 1 << 20,   /* bytes of a text or HTML that comes out */
    RENDERED_SOURCES_MAX = 1 << 20 /* bytes of a template and all its partials */
};

/* Notes each part of the content that is no template at its field. */
void rendering_check(struct ctx *ctx, const struct rendered *content);

/* What the content says of the variables. Partials are templates of the workspace: the text of them in a
 * subject or a text, their HTML in HTML. What is wrong is noted: with a variable at "variables.NAME", with
 * the content at `field`, or at the part itself when that is NULL. */
enum err rendering_make(struct ctx *ctx, struct db_conn *c, const struct rendered *content,
                        const json_t *variables, const char *field, struct rendered *out);
