#include "store/bookings.h"

#define COLUMNS                                                                \
    "id, workspace_id, operation_id, provider, calendar_id, event_id, status," \
    " starts_at, ends_at, call_id, caller, created_at, updated_at, sealed"

enum {
    LONGEST_MS = 15 * 24 * 3600 * 1000, /* no booking lasts longer */
    FRESH_MS = 60 * 1000,               /* after that the calendar itself shows it, or it is gone */
};

struct sealed_place booking_row_place(const struct booking_row *row) {
    return (struct sealed_place){ "bookings", "sealed", row->workspace_id, row->id, 0 };
}

enum err booking_row_insert(struct ctx *ctx, struct db_conn *tx, const struct booking_row *row) {
    struct db_stmt *q = db_use(tx, "INSERT INTO bookings (" COLUMNS ")"
                                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->operation_id);
    db_bind_text(q, row->provider);
    db_bind_text(q, row->calendar_id);
    db_bind_text(q, row->event_id);
    db_bind_text(q, row->status);
    db_bind_i64(q, row->starts_ms);
    db_bind_i64(q, row->ends_ms);
    db_bind_text(q, row->call_id);
    db_bind_text(q, row->caller);
    db_bind_i64(q, row->created_ms);
    db_bind_i64(q, row->updated_ms);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    return db_run(ctx, q);
}

enum err booking_row_update(struct ctx *ctx, struct db_conn *tx, const struct booking_row *row) {
    struct db_stmt *q = db_use(tx, "UPDATE bookings SET event_id = COALESCE(?, event_id),"
                                   " status = ?, updated_at = ? WHERE id = ?");
    db_bind_text(q, row->event_id);
    db_bind_text(q, row->status);
    db_bind_i64(q, row->updated_ms);
    db_bind_text(q, row->id);
    return db_run(ctx, q);
}

enum err booking_row_delete(struct ctx *ctx, struct db_conn *tx, const char *id) {
    struct db_stmt *q = db_use(tx, "DELETE FROM bookings WHERE id = ?");
    db_bind_text(q, id);
    return db_run(ctx, q);
}

static void read_row(struct ctx *ctx, struct db_stmt *q, struct booking_row *row) {
    row->id = db_text(q, ctx->arena);
    row->workspace_id = db_text(q, ctx->arena);
    row->operation_id = db_text(q, ctx->arena);
    row->provider = db_text(q, ctx->arena);
    row->calendar_id = db_text(q, ctx->arena);
    row->event_id = db_text(q, ctx->arena);
    row->status = db_text(q, ctx->arena);
    row->starts_ms = db_i64(q);
    row->ends_ms = db_i64(q);
    row->call_id = db_text(q, ctx->arena);
    row->caller = db_text(q, ctx->arena);
    row->created_ms = db_i64(q);
    row->updated_ms = db_i64(q);
    row->sealed = db_blob(q, ctx->arena);
}

enum err booking_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                          const char *id, struct booking_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM bookings WHERE id = ?1"
                                  " AND (?2 IS NULL OR workspace_id = ?2)");
    db_bind_text(q, id);
    db_bind_text(q, workspace_id);
    *found = (struct booking_row){ .id = NULL };
    if (db_next(q))
        read_row(ctx, q, found);
    return db_done(ctx, q);
}

enum err booking_rows_cancel(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                             const char *provider, const char *event_id, int64_t now_ms) {
    struct db_stmt *q = db_use(tx, "UPDATE bookings SET status = 'canceled', updated_at = ?"
                                   " WHERE workspace_id = ? AND provider = ? AND event_id = ?");
    db_bind_i64(q, now_ms);
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider);
    db_bind_text(q, event_id);
    return db_run(ctx, q);
}

enum err booking_rows_of_caller(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                const char *caller, int64_t now_ms, int limit,
                                struct booking_row *out, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM bookings WHERE workspace_id = ?"
                                  " AND caller = ? AND starts_at > ? AND status = 'booked'"
                                  " ORDER BY starts_at LIMIT ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, caller);
    db_bind_i64(q, now_ms);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_row(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err booking_rows_overlap(struct ctx *ctx, struct db_conn *tx, const struct booking_row *row,
                              bool *found) {
    struct db_stmt *q = db_use(tx, "SELECT 1 FROM bookings WHERE workspace_id = ? AND provider = ?"
                                   " AND calendar_id = ? AND starts_at < ? AND ends_at > ?"
                                   " AND starts_at > ? AND (status IN ('requested', 'unknown')"
                                   " OR (status = 'booked' AND updated_at > ?)) LIMIT 1");
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->provider);
    db_bind_text(q, row->calendar_id);
    db_bind_i64(q, row->ends_ms);
    db_bind_i64(q, row->starts_ms);
    db_bind_i64(q, row->starts_ms - LONGEST_MS);
    db_bind_i64(q, row->created_ms - FRESH_MS);
    *found = db_next(q);
    return db_done(ctx, q);
}
