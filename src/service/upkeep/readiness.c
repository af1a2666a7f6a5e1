#include "service/upkeep/readiness.h"

#include <stdlib.h>

#include "base/clock.h"
#include "db/db.h"
#include "tasks/hosts.h"
#include "vault/vault.h"

enum { PROBE_AGE_MS = 5000 };

void readiness_check(struct ctx *ctx, struct readiness *out) {
    out->database = db_write_probe(ctx, PROBE_AGE_MS) == OK;
    out->clock = llabs(clock_off_ms()) <= HOSTS_OFF_MAX_MS;
    out->keys = vault_is_ready(ctx->parts->vault);
    ctx_clear(ctx); /* what it found is the answer, not a failure of it */
}
