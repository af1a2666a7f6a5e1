#include "store/flags.h"

enum err flag_row_find(struct ctx *ctx, struct db_conn *c, const char *name, struct flag_row *out) {
    struct db_stmt *q =
        db_use(c, "SELECT name, is_on, changed_at, changed_by FROM feature_flags WHERE name = ?");
    db_bind_text(q, name);
    *out = (struct flag_row){ .name = NULL };
    if (db_next(q)) {
        out->name = db_text(q, ctx->arena);
        out->is_on = db_i64(q) != 0;
        out->changed_ms = db_i64(q);
        out->changed_by = db_text(q, ctx->arena);
    }
    return db_done(ctx, q);
}

enum err flag_row_put(struct ctx *ctx, struct db_conn *tx, const struct flag_row *row) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO feature_flags (name, is_on, changed_at, changed_by)"
                   " VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET is_on = excluded.is_on,"
                   " changed_at = excluded.changed_at, changed_by = excluded.changed_by");
    db_bind_text(q, row->name);
    db_bind_i64(q, row->is_on);
    db_bind_i64(q, row->changed_ms);
    db_bind_text(q, row->changed_by);
    return db_run(ctx, q);
}
