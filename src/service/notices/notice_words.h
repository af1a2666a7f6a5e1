/* notice_words: what a template may say of what happened, as its variables. */
#pragma once

#include <jansson.h>

#include "base/zone.h"
#include "store/rules.h"

/* caller, called, time, title, text and workspace; where they are known reason, duration, summary, message and link. A
 * tree of the arena. Opens what is sealed: not inside a write. */
enum err notice_variables(struct ctx *ctx, const struct rule_use_row *use, struct zone *zone,
                          const json_t **out);
