/* number_undo: puts numbers back: one that could not be brought in, and one that leaves. Private to
 * the files of the import. */
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

/* Brings the number at hand back to where it was before the import, from whatever step it reached.
 * An error that may pass is returned, and the next run goes on; on the last run it is written down
 * that the number could not be put back. */
enum err number_undo(struct number_walk *w);

/* Ends all open steps with this error, which is returned: nothing can be done for any number. */
enum err number_give_up(struct ctx *ctx, const struct operation *op, struct number_step_row *steps,
                        size_t count, enum err e);
