/* number_undo: puts numbers back: one that could not be brought in, and one that leaves. Between the
 * files of the import. */
#pragma once

#include "service/connections/lending.h"
#include "service/numbers/number_walk.h"

/* An import on its way; of the number at hand: */
struct number_walk {
    struct ctx *ctx;
    const struct operation *op;
    const struct upstream_watch *watch;
    struct number_wish wish;
    bool overwrite;
    struct lent twilio, vapi; /* vapi: where it is wished for */
    struct number_step_row *steps;
    size_t count;
    struct number_step_row *at; /* the step under way */
    struct number_row row;      /* id NULL: none yet */
    json_t *content;            /* what is sealed in row */
};

/* From wherever it is to where it was before the import. What holds that up is returned, and the
 * next run goes on; on the last one it is written down that it could not be done. */
enum err number_undo(struct number_walk *w);

/* Nothing can be done for any of them: their open steps end with this error, which is returned. */
enum err number_give_up(struct ctx *ctx, const struct operation *op, struct number_step_row *steps,
                        size_t count, enum err e);
