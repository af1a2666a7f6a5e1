#include "store/deliveries.h"

#define COLUMNS                                                                                 \
    "seq, id, workspace_id, destination_id, event_id, type, resource, status, body, attempts, " \
    "tries, next_at, settled_at, created_at, trace"

enum err delivery_row_insert(struct ctx *ctx, struct db_conn *tx, const struct delivery_row *row,
                             bool *is_new) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO deliveries (id, workspace_id, destination_id, event_id, type,"
                   " resource, status, settled_at, created_at, body, trace)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                   " ON CONFLICT (destination_id, event_id) DO NOTHING");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->destination_id);
    db_bind_text(q, row->event_id);
    db_bind_text(q, row->type);
    db_bind_text(q, row->resource);
    db_bind_text(q, row->status);
    db_bind_i64(q, row->settled_ms);
    db_bind_i64(q, row->created_ms);
    db_bind_text(q, row->body);
    db_bind_text(q, row->trace);
    TRY(db_run(ctx, q));
    *is_new = db_changes(tx) > 0;
    return OK;
}

static void read_delivery(struct ctx *ctx, struct db_stmt *q, struct delivery_row *d) {
    d->seq = db_i64(q);
    d->id = db_text(q, ctx->arena);
    d->workspace_id = db_text(q, ctx->arena);
    d->destination_id = db_text(q, ctx->arena);
    d->event_id = db_text(q, ctx->arena);
    d->type = db_text(q, ctx->arena);
    d->resource = db_text(q, ctx->arena);
    d->status = db_text(q, ctx->arena);
    d->body = db_text(q, ctx->arena);
    d->attempts = db_i64(q);
    d->tries = db_i64(q);
    d->next_ms = db_i64(q);
    d->settled_ms = db_i64(q);
    d->created_ms = db_i64(q);
    d->trace = db_text(q, ctx->arena);
}

enum err delivery_row_find(struct ctx *ctx, struct db_conn *c, const char *destination_id,
                           const char *id, struct delivery_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM deliveries WHERE id = ?"
                                  " AND destination_id = ?");
    db_bind_text(q, id);
    db_bind_text(q, destination_id);
    *found = (struct delivery_row){ .id = NULL };
    if (db_next(q))
        read_delivery(ctx, q, found);
    return db_done(ctx, q);
}

/* *seq: before which row the page begins; INT64_MAX: with the newest. A cursor of another destination
 * is none. */
static enum err find_start(struct ctx *ctx, struct db_conn *c, const char *destination_id,
                           const struct delivery_filter *f, int64_t *seq) {
    *seq = INT64_MAX;
    if (!f->before_id)
        return OK;
    struct db_stmt *q = db_use(c, "SELECT seq FROM deliveries WHERE id = ? AND destination_id = ?");
    db_bind_text(q, f->before_id);
    db_bind_text(q, destination_id);
    *seq = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}

static enum err find_end(struct ctx *ctx, struct db_conn *c, const char *destination_id,
                         const struct delivery_filter *f, int64_t before_seq, int64_t *seq,
                         struct page_end *end) {
    *end = (struct page_end){ "" };
    *seq = 0;
    if (!f->status && !f->type)
        return OK;
    struct db_stmt *q = db_use(c, "SELECT seq, id FROM deliveries WHERE seq = (SELECT seq FROM"
                                  " deliveries WHERE destination_id = ? AND seq < ?"
                                  " ORDER BY seq DESC LIMIT 1 OFFSET ?)");
    db_bind_text(q, destination_id);
    db_bind_i64(q, before_seq);
    db_bind_i64(q, PAGE_LOOK_MAX - 1);
    if (db_next(q)) {
        *seq = db_i64(q);
        db_copy(q, end->id, sizeof end->id);
    }
    return db_done(ctx, q);
}

enum err delivery_rows_list(struct ctx *ctx, struct db_conn *c, const char *destination_id,
                            const struct delivery_filter *f, int limit, struct delivery_row *out,
                            size_t *count, struct page_end *end) {
    int64_t before_seq, end_seq;
    TRY(find_start(ctx, c, destination_id, f, &before_seq));
    TRY(find_end(ctx, c, destination_id, f, before_seq, &end_seq, end));
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM deliveries WHERE destination_id = ?1"
                                  " AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR type = ?3)"
                                  " AND seq < ?4 AND seq >= ?5 ORDER BY seq DESC LIMIT ?6");
    db_bind_text(q, destination_id);
    db_bind_text(q, f->status);
    db_bind_text(q, f->type);
    db_bind_i64(q, before_seq);
    db_bind_i64(q, end_seq);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_delivery(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

/* --- sending --------------------------------------------------------------------------------- */

/* By the destinations, which are few: an event alone has no index. */
enum err delivery_rows_of_event(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                const char *event_id, int limit, struct delivery_row *out,
                                size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM deliveries WHERE destination_id IN"
                                  " (SELECT id FROM destinations WHERE workspace_id = ?1)"
                                  " AND event_id = ?2 ORDER BY seq LIMIT ?3");
    db_bind_text(q, workspace_id);
    db_bind_text(q, event_id);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_delivery(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

/* Triggers keep behind (0021_deliveries_behind.sql). */
#define FIRST_ONES                                                                             \
    " FROM deliveries INDEXED BY deliveries_first WHERE destination_id = ? AND settled_at = 0" \
    " AND behind = 0"

enum err delivery_rows_due(struct ctx *ctx, struct db_conn *c, const char *destination_id,
                           int64_t now_ms, int limit, struct delivery_row *out, size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT " COLUMNS FIRST_ONES " AND next_at <= ? ORDER BY next_at, seq LIMIT ?");
    db_bind_text(q, destination_id);
    db_bind_i64(q, now_ms);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_delivery(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err delivery_rows_next_due(struct ctx *ctx, struct db_conn *c, const char *destination_id,
                                int64_t *at_ms) {
    struct db_stmt *q = db_use(c, "SELECT next_at" FIRST_ONES " ORDER BY next_at LIMIT 1");
    db_bind_text(q, destination_id);
    *at_ms = db_next(q) ? db_i64(q) : INT64_MAX;
    return db_done(ctx, q);
}

enum err delivery_row_settle(struct ctx *ctx, struct db_conn *tx, const struct delivery_row *row) {
    struct db_stmt *q = db_use(tx, "UPDATE deliveries SET status = ?, attempts = ?, tries = ?,"
                                   " next_at = ?, settled_at = ? WHERE id = ?");
    db_bind_text(q, row->status);
    db_bind_i64(q, row->attempts);
    db_bind_i64(q, row->tries);
    db_bind_i64(q, row->next_ms);
    db_bind_i64(q, row->settled_ms);
    db_bind_text(q, row->id);
    return db_run(ctx, q);
}

enum err delivery_rows_hold(struct ctx *ctx, struct db_conn *tx, const char *destination_id,
                            int64_t now_ms, int limit) {
    struct db_stmt *q =
        db_use(tx, "UPDATE deliveries SET status = 'held', next_at = 0, settled_at = ?1"
                   " WHERE seq IN (SELECT seq FROM deliveries INDEXED BY deliveries_in_order"
                   " WHERE destination_id = ?2 AND settled_at = 0 LIMIT ?3)");
    db_bind_i64(q, now_ms);
    db_bind_text(q, destination_id);
    db_bind_i64(q, limit);
    return db_run(ctx, q);
}

enum err delivery_rows_release(struct ctx *ctx, struct db_conn *tx, const char *destination_id,
                               int64_t since_ms, int limit) {
    struct db_stmt *q =
        db_use(tx, "UPDATE deliveries SET status = 'waiting', tries = 0, next_at = 0,"
                   " settled_at = 0 WHERE seq IN (SELECT seq FROM deliveries INDEXED BY"
                   " deliveries_stopped WHERE destination_id = ? AND created_at >= ?"
                   " AND status IN ('held', 'failed') LIMIT ?)");
    db_bind_text(q, destination_id);
    db_bind_i64(q, since_ms);
    db_bind_i64(q, limit);
    return db_run(ctx, q);
}

/* --- attempts -------------------------------------------------------------------------------- */

enum err attempt_row_insert(struct ctx *ctx, struct db_conn *tx, const char *delivery_id,
                            const struct attempt_row *row) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO delivery_attempts (delivery_id, number, at, duration_ms,"
                   " status_code, error) VALUES (?, ?, ?, ?, ?, ?)");
    db_bind_text(q, delivery_id);
    db_bind_i64(q, row->number);
    db_bind_i64(q, row->at_ms);
    db_bind_i64(q, row->duration_ms);
    db_bind_i64(q, row->status_code);
    db_bind_text(q, row->error);
    return db_run(ctx, q);
}

enum err attempt_rows_list(struct ctx *ctx, struct db_conn *c, const char *delivery_id, int limit,
                           struct attempt_row *out, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT number, at, duration_ms, status_code, error"
                                  " FROM delivery_attempts WHERE delivery_id = ?"
                                  " ORDER BY number DESC LIMIT ?");
    db_bind_text(q, delivery_id);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count) {
        struct attempt_row *row = &out[*count];
        row->number = db_i64(q);
        row->at_ms = db_i64(q);
        row->duration_ms = db_i64(q);
        row->status_code = db_i64(q);
        row->error = db_text(q, ctx->arena);
    }
    return db_done(ctx, q);
}

/* --- the end --------------------------------------------------------------------------------- */

enum err delivery_rows_sweep(struct ctx *ctx, struct db_conn *tx, int64_t before_ms, int limit) {
    struct db_stmt *q =
        db_use(tx, "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries INDEXED BY"
                   " deliveries_settled WHERE settled_at > 0 AND created_at < ? LIMIT ?)");
    db_bind_i64(q, before_ms);
    db_bind_i64(q, limit);
    return db_run(ctx, q);
}

enum err delivery_rows_count_open(struct ctx *ctx, struct db_conn *c, int64_t *out) {
    struct db_stmt *q = db_use(c, "SELECT COUNT(*) FROM deliveries WHERE settled_at = 0");
    *out = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}
