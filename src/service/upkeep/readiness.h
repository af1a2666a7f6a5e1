/* readiness: can this Ava take traffic? An open breaker never makes it unready. */
#pragma once

#include "obs/ctx.h"

struct readiness {
    bool database, keys;
};

/* Probes the database when its last write is older than five seconds. */
void readiness_check(struct ctx *ctx, struct readiness *out);
