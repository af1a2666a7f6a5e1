/* idempotency: between the limits and the route, on every POST of somebody who is known. */
#pragma once

#include "routes/entry.h"

/* Runs the route once for each Idempotency-Key; a repeated request gets the stored answer. Without
 * a key, just runs it. */
enum err idempotent_run(struct ctx *ctx, const struct route *route, struct call *call);
