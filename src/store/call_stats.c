#include "store/call_stats.h"

#include "base/clock.h"

#define REASON                                                                        \
    "CASE WHEN ended_reason IS NULL AND status IN ('failed', 'canceled') THEN status" \
    " ELSE ended_reason END"
#define SUMS(day)                                                                                 \
    ", " REASON " AS reason, " day ", COUNT(*), COUNT(*) FILTER (WHERE started_at > 0),"          \
    " CAST(SUM(CASE WHEN started_at > 0 AND ended_at > started_at THEN (ended_at - started_at + " \
    "999)"                                                                                        \
    " / 1000 ELSE 0 END) AS BIGINT), CAST(SUM(COALESCE(cost_micros, 0)) AS BIGINT) FROM calls "   \
    "INDEXED BY calls_by_time"                                                                    \
    " WHERE workspace_id = ?1 AND created_at >= ?2 AND created_at < ?3"                           \
    " AND (?4 IS NULL OR direction = ?4) AND (?5 IS NULL OR assistant_id = ?5)"                   \
    " AND (?6 IS NULL OR line = ?6) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT ?7"

#define DAY "created_at / 86400000"

static struct db_stmt *statement(struct db_conn *c, enum call_stats_by by) {
    switch (by) {
    case STATS_BY_DAY:
        return db_use(c, "SELECT CAST(" DAY " AS TEXT)" SUMS(DAY)); /* of five digits until 2243 */
    case STATS_BY_ASSISTANT:
        return db_use(c, "SELECT COALESCE(assistant_id, '')" SUMS(DAY));
    case STATS_BY_NUMBER:
        return db_use(c, "SELECT line" SUMS(DAY));
    default:
        return db_use(c, "SELECT COALESCE(" REASON ", '')" SUMS("0"));
    }
}

/* "2026-11-21" */
static const char *date_of(struct ctx *ctx, int64_t day) {
    char text[32];
    clock_rfc3339(day * 86400000, text);
    return arena_strndup(ctx->arena, text, strlen("2026-11-21"));
}

enum err call_stats(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                    enum call_stats_by by, const struct call_stats_filter *f, int limit,
                    struct call_stats_row *out, size_t *count) {
    struct db_stmt *q = statement(c, by);
    db_bind_text(q, workspace_id);
    db_bind_i64(q, f->since_ms);
    db_bind_i64(q, f->until_ms);
    db_bind_text(q, f->direction);
    db_bind_text(q, f->assistant_id);
    db_bind_text(q, f->line);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count) {
        struct call_stats_row *r = &out[*count];
        r->key = db_text(q, ctx->arena);
        r->reason = db_text(q, ctx->arena);
        r->day = db_i64(q);
        if (by == STATS_BY_DAY)
            r->key = date_of(ctx, r->day);
        r->calls = db_i64(q);
        r->answered = db_i64(q);
        r->seconds = db_i64(q);
        r->cost_micros = db_i64(q);
    }
    return db_done(ctx, q);
}
