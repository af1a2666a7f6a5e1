#include "store/opt_outs.h"

enum err opt_out_row_put(struct ctx *ctx, struct db_conn *tx, const struct opt_out_row *row) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO opt_outs (workspace_id, address, is_out, asked_at)"
                   " VALUES (?, ?, ?, ?) ON CONFLICT (workspace_id, address) DO UPDATE SET"
                   " is_out = excluded.is_out, asked_at = excluded.asked_at"
                   " WHERE excluded.asked_at >= opt_outs.asked_at");
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->address);
    db_bind_i64(q, row->is_out);
    db_bind_i64(q, row->asked_ms);
    return db_run(ctx, q);
}

enum err opt_out_row_since(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           const char *address, int64_t *since_ms) {
    struct db_stmt *q = db_use(c, "SELECT asked_at FROM opt_outs WHERE workspace_id = ?"
                                  " AND address = ? AND is_out = 1");
    db_bind_text(q, workspace_id);
    db_bind_text(q, address);
    *since_ms = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}
