/* number_walk: the steps of an import, one number after the other, from wherever they were left;
 * and back again for a number that cannot be brought in. Private to this folder. */
#pragma once

#include "service/numbers/number_routes.h"
#include "store/numbers.h"
#include "tasks/operations.h"

/* The steps of one number, in their order. */
enum { NUMBER_STEPS_MAX = 4 };
extern const char STEP_REMEMBER[], STEP_POINT[], STEP_VAPI[], STEP_POINT_AGAIN[];
size_t number_steps_of(const struct number_wish *wish, const char *steps[NUMBER_STEPS_MAX]);

/* {"code","reason"} of what ctx->problem says, for the detail of a step. */
const char *number_reason(struct ctx *ctx, enum err e);

/* {"changes":[fields]} of what is set at Twilio, for the detail of a step and of an audit entry. */
const char *number_changes(struct ctx *ctx, const json_t *routes);

/* For operation_kind. */
enum err number_walk(struct ctx *ctx, const struct operation *op,
                     const struct upstream_watch *watch, const void **result);
enum err number_walk_steps(struct ctx *ctx, const char *operation_id, struct jsonw *w);
