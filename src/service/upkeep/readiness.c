#include "service/upkeep/readiness.h"

#include "db/db.h"
#include "vault/vault.h"

enum { PROBE_AGE_MS = 5000 };

void readiness_check(struct ctx *ctx, struct readiness *out) {
    out->database = db_write_probe(ctx, PROBE_AGE_MS) == OK;
    out->keys = vault_is_ready(ctx->parts->vault);
    ctx_clear(ctx); /* what it found is the answer, not a failure of it */
}
