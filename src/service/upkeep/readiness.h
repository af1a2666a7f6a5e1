/* readiness: can this Ava take traffic? An open breaker never makes it unready. */
#pragma once

#include "obs/ctx.h"

struct readiness {
    bool database, keys;
    bool clock; /* of this machine: not far from the database's, by which Ava goes */
};

/* Probes the database when its last write is older than five seconds. */
void readiness_check(struct ctx *ctx, struct readiness *out);
