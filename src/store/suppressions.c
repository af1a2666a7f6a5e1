#include "store/suppressions.h"

#define COLUMNS "id, workspace_id, address_key, reason, detail, message_id, created_at"

enum err suppression_row_put(struct ctx *ctx, struct db_conn *tx, const struct suppression_row *row,
                             bool *is_new) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO suppressions (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)"
                   " ON CONFLICT (workspace_id, address_key) DO NOTHING");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->address_key);
    db_bind_text(q, row->reason);
    db_bind_text(q, row->detail);
    db_bind_text(q, row->message_id);
    db_bind_i64(q, row->created_ms);
    TRY(db_run(ctx, q));
    *is_new = db_changes(tx) > 0;
    return OK;
}

static void read_row(struct ctx *ctx, struct db_stmt *q, struct suppression_row *row) {
    row->id = db_text(q, ctx->arena);
    row->workspace_id = db_text(q, ctx->arena);
    row->address_key = db_text(q, ctx->arena);
    row->reason = db_text(q, ctx->arena);
    row->detail = db_text(q, ctx->arena);
    row->message_id = db_text(q, ctx->arena);
    row->created_ms = db_i64(q);
}

enum err suppression_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                              const char *address_key, struct suppression_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM suppressions WHERE workspace_id = ?"
                                  " AND address_key = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, address_key);
    *found = (struct suppression_row){ .id = NULL };
    if (db_next(q))
        read_row(ctx, q, found);
    return db_done(ctx, q);
}

enum err suppression_row_delete(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                                const char *id, bool *found) {
    struct db_stmt *q = db_use(tx, "DELETE FROM suppressions WHERE workspace_id = ? AND id = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, id);
    TRY(db_run(ctx, q));
    *found = db_changes(tx) > 0;
    return OK;
}

enum err suppression_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               const char *address_key, const char *before_id, int limit,
                               struct suppression_row *out, size_t *count) {
    *count = 0;
    if (address_key) {
        TRY(suppression_row_find(ctx, c, workspace_id, address_key, out));
        *count = out->id != NULL;
        return OK;
    }
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM suppressions WHERE workspace_id = ?"
                                  " AND id < ? ORDER BY id DESC LIMIT ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, before_id ? before_id : "~");
    db_bind_i64(q, limit);
    for (; db_next(q); ++*count)
        read_row(ctx, q, &out[*count]);
    return db_done(ctx, q);
}
