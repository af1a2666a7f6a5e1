#include "store/call_limits.h"

#include "store/book.h"

enum { DAY_MS = 24 * 3600 * 1000 };

/* A limit as it is kept: NULL for none. */
static int64_t read_limit(struct db_stmt *q) {
    bool is_none = db_is_null(q);
    int64_t value = db_i64(q);
    return is_none ? CALL_NO_LIMIT : value;
}

static void bind_limit(struct db_stmt *q, int64_t value) {
    if (value == CALL_NO_LIMIT)
        db_bind_null(q);
    else
        db_bind_i64(q, value);
}

bool call_limits_row_is_daily(const struct call_limits_row *row) {
    return row->daily_minutes != CALL_NO_LIMIT || row->daily_cost_cents != CALL_NO_LIMIT;
}

enum err call_limits_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                              const char *number, struct call_limits_row *found) {
    struct db_stmt *q =
        db_use(c, "SELECT workspace_id, number, daily_minutes, daily_cost_cents, concurrent_calls,"
                  " assistant_seconds, version, created_at, updated_at FROM call_limits"
                  " WHERE workspace_id = ? AND number = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, number);
    *found = (struct call_limits_row){ .daily_minutes = CALL_NO_LIMIT,
                                       .daily_cost_cents = CALL_NO_LIMIT,
                                       .concurrent_calls = CALL_NO_LIMIT };
    if (db_next(q)) {
        found->workspace_id = db_text(q, ctx->arena);
        found->number = db_text(q, ctx->arena);
        found->daily_minutes = read_limit(q);
        found->daily_cost_cents = read_limit(q);
        found->concurrent_calls = read_limit(q);
        found->assistant_seconds = db_i64(q);
        found->version = db_i64(q);
        found->created_ms = db_i64(q);
        found->updated_ms = db_i64(q);
    }
    return db_done(ctx, q);
}

enum err call_limits_row_put(struct ctx *ctx, struct db_conn *tx,
                             const struct call_limits_row *row) {
    struct db_stmt *q = db_use(
        tx, "INSERT INTO call_limits (workspace_id, number, daily_minutes, daily_cost_cents,"
            " concurrent_calls, version, created_at, updated_at)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (workspace_id, number) DO UPDATE"
            " SET daily_minutes = ?3, daily_cost_cents = ?4, concurrent_calls = ?5, version = ?6,"
            " updated_at = ?8");
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->number);
    bind_limit(q, row->daily_minutes);
    bind_limit(q, row->daily_cost_cents);
    bind_limit(q, row->concurrent_calls);
    db_bind_i64(q, row->version);
    db_bind_i64(q, row->created_ms);
    db_bind_i64(q, row->updated_ms);
    TRY(db_run(ctx, q));
    return book_note(ctx, tx, row->workspace_id);
}

/* A row that was written since the last learning says 600: the longest counts. */
enum err call_limits_rows_length(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                 int64_t *seconds) {
    struct db_stmt *q = db_use(
        c, "SELECT max(assistant_seconds) FROM call_limits WHERE workspace_id = ?1 AND EXISTS"
           " (SELECT 1 FROM call_limits WHERE workspace_id = ?1"
           " AND (daily_minutes IS NOT NULL OR daily_cost_cents IS NOT NULL))");
    db_bind_text(q, workspace_id);
    *seconds = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}

enum err call_limits_row_learn_length(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                                      int64_t seconds) {
    struct db_stmt *q =
        db_use(tx, "UPDATE call_limits SET assistant_seconds = ? WHERE workspace_id = ?");
    db_bind_i64(q, seconds);
    db_bind_text(q, workspace_id);
    TRY(db_run(ctx, q));
    return book_note(ctx, tx, workspace_id);
}

int64_t call_day_of(int64_t unix_ms) {
    return unix_ms / DAY_MS;
}

enum err call_day_read(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                       const char *number, int64_t day, struct call_day *out) {
    *out = (struct call_day){ 0 };
    struct db_stmt *q = db_use(c, "SELECT seconds, cost_micros, alerted FROM call_days"
                                  " WHERE workspace_id = ? AND number = ? AND day = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, number);
    db_bind_i64(q, day);
    if (db_next(q)) {
        out->seconds = db_i64(q);
        out->cost_micros = db_i64(q);
        out->alerted = db_i64(q);
    }
    TRY(db_done(ctx, q));
    q = db_use(c, "SELECT CAST(SUM(reserved_seconds) AS BIGINT), CAST(SUM(reserved_micros) AS "
                  "BIGINT) FROM calls"
                  " WHERE workspace_id = ?1 AND (reserved_seconds > 0 OR reserved_micros > 0)"
                  " AND created_at >= ?3 AND created_at < ?4 AND (?2 = '' OR line = ?2)");
    db_bind_text(q, workspace_id);
    db_bind_text(q, number);
    db_bind_i64(q, day * DAY_MS);
    db_bind_i64(q, (day + 1) * DAY_MS);
    if (db_next(q)) {
        out->reserved_seconds = db_i64(q);
        out->reserved_micros = db_i64(q);
    }
    return db_done(ctx, q);
}

enum err call_day_add(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                      const char *number, int64_t day, int64_t seconds, int64_t cost_micros) {
    struct db_stmt *q = db_use(
        tx, "INSERT INTO call_days (workspace_id, number, day, seconds, cost_micros)"
            " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (workspace_id, number, day) DO UPDATE SET"
            " seconds = call_days.seconds + ?4, cost_micros = call_days.cost_micros + ?5");
    db_bind_text(q, workspace_id);
    db_bind_text(q, number);
    db_bind_i64(q, day);
    db_bind_i64(q, seconds);
    db_bind_i64(q, cost_micros);
    return db_run(ctx, q);
}

enum err call_day_alert(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                        const char *number, int64_t day, int64_t alerted) {
    TRY(call_day_add(ctx, tx, workspace_id, number, day, 0, 0));
    struct db_stmt *q = db_use(tx, "UPDATE call_days SET alerted = ? WHERE workspace_id = ?"
                                   " AND number = ? AND day = ?");
    db_bind_i64(q, alerted);
    db_bind_text(q, workspace_id);
    db_bind_text(q, number);
    db_bind_i64(q, day);
    return db_run(ctx, q);
}

enum err call_book_find(struct ctx *ctx, struct db_conn *c, const char *call_id,
                        struct call_book *out) {
    struct db_stmt *q = db_use(c, "SELECT line, reserved_seconds, reserved_micros, booked_seconds,"
                                  " booked_micros FROM calls WHERE id = ?");
    db_bind_text(q, call_id);
    *out = (struct call_book){ .line = "" };
    if (db_next(q)) {
        out->line = db_text(q, ctx->arena);
        out->reserved_seconds = db_i64(q);
        out->reserved_micros = db_i64(q);
        out->booked_seconds = db_i64(q);
        out->booked_micros = db_i64(q);
    }
    return db_done(ctx, q);
}

enum err call_book_put(struct ctx *ctx, struct db_conn *tx, const char *call_id,
                       const struct call_book *book) {
    struct db_stmt *q =
        db_use(tx, "UPDATE calls SET reserved_seconds = ?, reserved_micros = ?, booked_seconds = ?,"
                   " booked_micros = ? WHERE id = ?");
    db_bind_i64(q, book->reserved_seconds);
    db_bind_i64(q, book->reserved_micros);
    db_bind_i64(q, book->booked_seconds);
    db_bind_i64(q, book->booked_micros);
    db_bind_text(q, call_id);
    return db_run(ctx, q);
}
