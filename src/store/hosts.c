#include "store/hosts.h"

#define COLUMNS \
    "run_id, place, name, version, schema_version, started_at, beat_at, off_ms, mark, master_keys"

enum err host_row_put(struct ctx *ctx, struct db_conn *tx, const struct host_row *row) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO hosts (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                   " ON CONFLICT (run_id) DO UPDATE SET beat_at = excluded.beat_at,"
                   " off_ms = excluded.off_ms, mark = excluded.mark,"
                   " master_keys = excluded.master_keys");
    db_bind_text(q, row->run_id);
    db_bind_text(q, row->place);
    db_bind_text(q, row->name);
    db_bind_text(q, row->version);
    db_bind_i64(q, row->schema_version);
    db_bind_i64(q, row->started_ms);
    db_bind_i64(q, row->beat_ms);
    db_bind_i64(q, row->off_ms);
    db_bind_text(q, row->mark);
    db_bind_text(q, row->master_keys);
    return db_run(ctx, q);
}

enum err host_row_beat(struct ctx *ctx, struct db_conn *tx, const struct host_row *row,
                       const char *mark, const char *or_mark, bool *is_ours) {
    struct db_stmt *q =
        db_use(tx, "UPDATE hosts SET beat_at = ?, off_ms = ?, mark = ?, master_keys = ?"
                   " WHERE run_id = ? AND (mark = ? OR mark = ?)");
    db_bind_i64(q, row->beat_ms);
    db_bind_i64(q, row->off_ms);
    db_bind_text(q, row->mark);
    db_bind_text(q, row->master_keys);
    db_bind_text(q, row->run_id);
    db_bind_text(q, mark);
    db_bind_text(q, or_mark);
    TRY(db_run(ctx, q));
    *is_ours = db_changes(tx) > 0;
    return OK;
}

static void read_row(struct ctx *ctx, struct db_stmt *q, struct host_row *found) {
    found->run_id = db_text(q, ctx->arena);
    found->place = db_text(q, ctx->arena);
    found->name = db_text(q, ctx->arena);
    found->version = db_text(q, ctx->arena);
    found->schema_version = db_i64(q);
    found->started_ms = db_i64(q);
    found->beat_ms = db_i64(q);
    found->off_ms = db_i64(q);
    found->mark = db_text(q, ctx->arena);
    found->master_keys = db_text(q, ctx->arena);
}

enum err host_row_find(struct ctx *ctx, struct db_conn *c, const char *run_id,
                       struct host_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM hosts WHERE run_id = ?");
    db_bind_text(q, run_id);
    *found = (struct host_row){ .run_id = NULL };
    if (db_next(q))
        read_row(ctx, q, found);
    return db_done(ctx, q);
}

enum err host_row_delete(struct ctx *ctx, struct db_conn *tx, const char *run_id) {
    struct db_stmt *q = db_use(tx, "DELETE FROM hosts WHERE run_id = ?");
    db_bind_text(q, run_id);
    return db_run(ctx, q);
}

enum err host_rows_list(struct ctx *ctx, struct db_conn *c, struct host_row *out, size_t max,
                        size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT " COLUMNS " FROM hosts ORDER BY started_at, run_id LIMIT ?");
    db_bind_i64(q, (int64_t)max);
    for (*count = 0; *count < max && db_next(q); ++*count)
        read_row(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err host_rows_count(struct ctx *ctx, struct db_conn *c, int64_t since_ms, int64_t *count) {
    struct db_stmt *q = db_use(c, "SELECT COUNT(*) FROM hosts WHERE beat_at >= ?");
    db_bind_i64(q, since_ms);
    *count = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}

enum err host_rows_forget(struct ctx *ctx, struct db_conn *tx, int64_t before_ms) {
    struct db_stmt *q = db_use(tx, "DELETE FROM hosts WHERE beat_at < ?");
    db_bind_i64(q, before_ms);
    return db_run(ctx, q);
}

/* --- leases ---------------------------------------------------------------------------------- */

enum err lease_row_take(struct ctx *ctx, struct db_conn *tx, const char *name, const char *owner,
                        int64_t now_ms, int64_t until_ms, bool *is_ours) {
    struct db_stmt *q = db_use(
        tx, "INSERT INTO leases (name, owner, until_at) VALUES (?1, ?2, ?3)"
            " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until_at = excluded.until_at"
            " WHERE leases.owner = excluded.owner OR leases.until_at < ?4 OR NOT EXISTS"
            " (SELECT 1 FROM hosts WHERE run_id = leases.owner AND beat_at >= ?5)");
    db_bind_text(q, name);
    db_bind_text(q, owner);
    db_bind_i64(q, until_ms);
    db_bind_i64(q, now_ms);
    db_bind_i64(q, now_ms - HOST_ALIVE_MS);
    TRY(db_run(ctx, q));
    *is_ours = db_changes(tx) > 0;
    return OK;
}

enum err lease_row_give(struct ctx *ctx, struct db_conn *tx, const char *name, const char *owner) {
    struct db_stmt *q = db_use(tx, "DELETE FROM leases WHERE name = ? AND owner = ?");
    db_bind_text(q, name);
    db_bind_text(q, owner);
    return db_run(ctx, q);
}

enum err lease_rows_give_all(struct ctx *ctx, struct db_conn *tx, const char *owner) {
    struct db_stmt *q = db_use(tx, "DELETE FROM leases WHERE owner = ?");
    db_bind_text(q, owner);
    return db_run(ctx, q);
}

enum err lease_rows_forget(struct ctx *ctx, struct db_conn *tx, int64_t before_ms) {
    struct db_stmt *q = db_use(tx, "DELETE FROM leases WHERE until_at < ?");
    db_bind_i64(q, before_ms);
    return db_run(ctx, q);
}
