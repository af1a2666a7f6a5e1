#include "store/destinations.h"

#define COLUMNS                                                                              \
    "id, workspace_id, url, events, enabled, disabled_because, disabled_at, failing_since, " \
    "last_failure_at, last_success_at, former_until, version, created_at, updated_at, "      \
    "removed_at, sealed"

static void bind_choices(struct db_stmt *q, const struct destination_row *row) {
    db_bind_text(q, row->url);
    db_bind_text(q, row->events);
    db_bind_i64(q, row->enabled);
    db_bind_text(q, row->disabled_because);
    db_bind_i64(q, row->disabled_ms);
    db_bind_i64(q, row->former_until_ms);
    db_bind_i64(q, row->version);
    db_bind_i64(q, row->updated_ms);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
}

struct sealed_place destination_row_place(const struct destination_row *row) {
    return (struct sealed_place){ "destinations", "sealed", row->workspace_id, row->id,
                                  row->former_until_ms };
}

enum err destination_row_insert(struct ctx *ctx, struct db_conn *tx,
                                const struct destination_row *row) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO destinations (url, events, enabled, disabled_because, disabled_at,"
                   " former_until, version, updated_at, sealed, id, workspace_id, created_at)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind_choices(q, row);
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_i64(q, row->created_ms);
    return db_run(ctx, q);
}

enum err destination_row_update(struct ctx *ctx, struct db_conn *tx,
                                const struct destination_row *row) {
    struct db_stmt *q =
        db_use(tx, "UPDATE destinations SET url = ?, events = ?, enabled = ?,"
                   " disabled_because = ?, disabled_at = ?, former_until = ?, version = ?,"
                   " updated_at = ?, sealed = ? WHERE id = ?");
    bind_choices(q, row);
    db_bind_text(q, row->id);
    return db_run(ctx, q);
}

enum err destination_row_fares(struct ctx *ctx, struct db_conn *tx,
                               const struct destination_row *row) {
    struct db_stmt *q = db_use(tx, "UPDATE destinations SET failing_since = ?,"
                                   " last_failure_at = ?, last_success_at = ? WHERE id = ?");
    db_bind_i64(q, row->failing_since_ms);
    db_bind_i64(q, row->last_failure_ms);
    db_bind_i64(q, row->last_success_ms);
    db_bind_text(q, row->id);
    return db_run(ctx, q);
}

enum err destination_row_hide(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t now_ms) {
    struct db_stmt *q =
        db_use(tx, "UPDATE destinations SET removed_at = ?, enabled = 0 WHERE id = ?");
    db_bind_i64(q, now_ms);
    db_bind_text(q, id);
    return db_run(ctx, q);
}

static void read_destination(struct ctx *ctx, struct db_stmt *q, struct destination_row *d) {
    d->id = db_text(q, ctx->arena);
    d->workspace_id = db_text(q, ctx->arena);
    d->url = db_text(q, ctx->arena);
    d->events = db_text(q, ctx->arena);
    d->enabled = db_i64(q) != 0;
    d->disabled_because = db_text(q, ctx->arena);
    d->disabled_ms = db_i64(q);
    d->failing_since_ms = db_i64(q);
    d->last_failure_ms = db_i64(q);
    d->last_success_ms = db_i64(q);
    d->former_until_ms = db_i64(q);
    d->version = db_i64(q);
    d->created_ms = db_i64(q);
    d->updated_ms = db_i64(q);
    d->removed_ms = db_i64(q);
    d->sealed = db_blob(q, ctx->arena);
}

enum err destination_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                              const char *id, struct destination_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM destinations WHERE id = ?1"
                                  " AND (?2 IS NULL OR (workspace_id = ?2 AND removed_at = 0))");
    db_bind_text(q, id);
    db_bind_text(q, workspace_id);
    *found = (struct destination_row){ .id = NULL };
    if (db_next(q))
        read_destination(ctx, q, found);
    return db_done(ctx, q);
}

enum err destination_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               const char *before_id, int limit, struct destination_row *out,
                               size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM destinations WHERE workspace_id = ?"
                                  " AND id < ? AND removed_at = 0 ORDER BY id DESC LIMIT ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, before_id ? before_id : "~");
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_destination(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err destination_rows_count_disabled(struct ctx *ctx, struct db_conn *c, int64_t *out) {
    struct db_stmt *q = db_use(c, "SELECT COUNT(*) FROM destinations WHERE disabled_because"
                                  " IN ('gone', 'failing') AND removed_at = 0");
    *out = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}
