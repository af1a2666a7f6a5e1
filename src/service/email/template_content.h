/* template_content: what a template says, how it is kept, and where it is found. */
#pragma once

#include "service/email/built_ins.h"
#include "store/templates.h"

enum {
    TEMPLATE_NAME_CHARS = 64,
    TEMPLATE_SUBJECT_MAX = 998, /* bytes, as are those below */
    TEMPLATE_PART_MAX = 256 << 10
};

/* The parts of an e-mail, or of the template of one. ptr NULL: it has no such part. */
struct rendered {
    struct str subject, text, html;
};

struct template_view {
    struct template_row row;         /* id NULL: it comes with Ava */
    const struct built_in *built_in; /* the one of its name; NULL: none */
    struct rendered content;
};

/* a to z, 0 to 9 and _; not what an id looks like. */
bool template_name_is_good(const char *name);

/* As it is sealed, and back. */
struct str template_pack(struct arena *a, const struct rendered *content);
bool template_unpack(struct str packed, struct rendered *content);

/* Opens what the version says. ERR_NOT_FOUND when it is not kept. */
enum err template_content_open(struct ctx *ctx, struct db_conn *c, const char *template_id,
                               int64_t version, struct rendered *content);

/* The template of the workspace of ctx, by id or name, its own before the one that comes with Ava; *found:
 * there is one. */
enum err template_find(struct ctx *ctx, struct db_conn *c, const char *id_or_name,
                       struct template_view *out, bool *found);
