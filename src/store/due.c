#include "store/due.h"

#include <stdio.h>

#include "base/defs.h"
#include "base/str.h"
#include "store/sealed.h"

enum {
    NEAR_MS = 10 * 1000,           /* what time servers put right by and by is not worth a word */
    LONGEST_MS = 30 * 3600 * 1000, /* nothing waits longer for its next try */
};

#define NOTED "clock"

enum err due_note(struct ctx *ctx, struct db_conn *tx, int64_t now_ms) {
    char text[32];
    int len = snprintf(text, sizeof text, "%lld", (long long)now_ms);
    return meta_put(ctx, tx, NOTED, (struct str){ text, (size_t)len });
}

static enum err move(struct ctx *ctx, struct db_conn *tx, const char *sql, int64_t by_ms) {
    struct db_stmt *q = db_use(tx, sql);
    db_bind_i64(q, by_ms);
    return db_run(ctx, q);
}

static enum err move_all(struct ctx *ctx, struct db_conn *tx, int64_t back_ms) {
    static const char *const LATER[] = {
        "UPDATE jobs SET run_at = run_at - ?1, lease_until = lease_until - ?1,"
        " wanted_at = wanted_at - ?1",
        "UPDATE events SET next_at = next_at - ?1 WHERE status = 'retrying'",
        "UPDATE deliveries SET next_at = next_at - ?1 WHERE settled_at = 0 AND next_at > 0",
        "UPDATE rule_uses SET due_at = due_at - ?1 WHERE status = 'waiting'",
        "UPDATE rule_uses SET settled_at = settled_at - ?1 WHERE status = 'sent'",
        "UPDATE operations SET next_at = next_at - ?1 WHERE next_at > 0"
        " AND state IN ('prepared', 'sent', 'unknown')",
        "UPDATE messages SET next_at = next_at - ?1 WHERE next_at > 0",
        "UPDATE sessions SET serves_until = serves_until - ?1, idle_until = idle_until - ?1,"
        " ends_at = ends_at - ?1, replaced_at = replaced_at - ?1",
        "UPDATE destinations SET failing_since = failing_since - ?1 WHERE failing_since > 0",
        "UPDATE webhook_endpoints SET valid_until = valid_until - ?1 WHERE valid_until IS NOT NULL",
        "UPDATE idempotency_keys SET created_at = created_at - ?1",
        "UPDATE oauth_grants SET expires_at = expires_at - ?1",
        "UPDATE oauth_states SET expires_at = expires_at - ?1",
    };
    for (size_t i = 0; i < ARRAY_LEN(LATER); i++)
        TRY(move(ctx, tx, LATER[i], back_ms));
    return OK;
}

/* What was written before runs noted their clock, and what a copy of the database brings along. */
static enum err bound_all(struct ctx *ctx, struct db_conn *tx, int64_t now_ms) {
    static const char *const NOW[] = {
        "UPDATE jobs SET run_at = 0 WHERE state = 'ready' AND run_at > ?1",
        "UPDATE events SET next_at = 0 WHERE status = 'retrying' AND next_at > ?1",
        "UPDATE deliveries SET next_at = 0 WHERE settled_at = 0 AND next_at > ?1",
        "UPDATE rule_uses SET due_at = 0 WHERE status = 'waiting' AND due_at > ?1",
    };
    for (size_t i = 0; i < ARRAY_LEN(NOW); i++)
        TRY(move(ctx, tx, NOW[i], now_ms + LONGEST_MS));
    return OK;
}

enum err due_put_right(struct ctx *ctx, struct db_conn *tx, int64_t now_ms, int64_t *back_ms) {
    struct str noted;
    int64_t was_ms;
    *back_ms = 0;
    TRY(meta_get(ctx, tx, NOTED, &noted));
    if (noted.ptr && str_to_i64(noted, 0, INT64_MAX, &was_ms) && was_ms > now_ms + NEAR_MS) {
        *back_ms = was_ms - now_ms;
        TRY(move_all(ctx, tx, *back_ms));
    }
    TRY(bound_all(ctx, tx, now_ms));
    return due_note(ctx, tx, now_ms);
}
