#include "store/fallbacks.h"

#include "store/book.h"

enum err fallback_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           struct fallback_row *found) {
    struct db_stmt *q = db_use(c, "SELECT workspace_id, kind, text, to_number, assistant_id,"
                                  " version, created_at, updated_at FROM fallbacks"
                                  " WHERE workspace_id = ?");
    db_bind_text(q, workspace_id);
    *found = (struct fallback_row){ .workspace_id = NULL };
    if (db_next(q)) {
        found->workspace_id = db_text(q, ctx->arena);
        found->kind = db_text(q, ctx->arena);
        found->text = db_text(q, ctx->arena);
        found->to = db_text(q, ctx->arena);
        found->assistant_id = db_text(q, ctx->arena);
        found->version = db_i64(q);
        found->created_ms = db_i64(q);
        found->updated_ms = db_i64(q);
    }
    return db_done(ctx, q);
}

enum err fallback_row_put(struct ctx *ctx, struct db_conn *tx, const struct fallback_row *row) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO fallbacks (workspace_id, kind, text, to_number, assistant_id,"
                   " version, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                   " ON CONFLICT (workspace_id) DO UPDATE SET kind = ?2, text = ?3,"
                   " to_number = ?4, assistant_id = ?5, version = ?6, updated_at = ?8");
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->kind);
    db_bind_text(q, row->text);
    db_bind_text(q, row->to);
    db_bind_text(q, row->assistant_id);
    db_bind_i64(q, row->version);
    db_bind_i64(q, row->created_ms);
    db_bind_i64(q, row->updated_ms);
    TRY(db_run(ctx, q));
    return book_note(ctx, tx, row->workspace_id);
}
