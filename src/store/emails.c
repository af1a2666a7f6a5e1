#include "store/emails.h"

enum err email_recipient_row_insert(struct ctx *ctx, struct db_conn *tx, const char *message_id,
                                    const char *workspace_id, int position, int64_t now_ms,
                                    const struct email_recipient_row *row) {
    struct db_stmt *q = db_use(
        tx, "INSERT INTO email_recipients (message_id, position, workspace_id, kind, address,"
            " address_key, status, error, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(q, message_id);
    db_bind_i64(q, position);
    db_bind_text(q, workspace_id);
    db_bind_text(q, row->kind);
    db_bind_text(q, row->address);
    db_bind_text(q, row->address_key);
    db_bind_text(q, row->status);
    db_bind_text(q, row->error);
    db_bind_i64(q, now_ms);
    return db_run(ctx, q);
}

enum err email_recipient_rows_of(struct ctx *ctx, struct db_conn *c, const char *message_id,
                                 struct email_recipient_row *out, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT kind, address, address_key, status, error"
                                  " FROM email_recipients WHERE message_id = ? ORDER BY position");
    db_bind_text(q, message_id);
    for (*count = 0; *count < EMAIL_RECIPIENTS_MAX && db_next(q); ++*count) {
        struct email_recipient_row *row = &out[*count];
        row->kind = db_text(q, ctx->arena);
        row->address = db_text(q, ctx->arena);
        row->address_key = db_text(q, ctx->arena);
        row->status = db_text(q, ctx->arena);
        row->error = db_text(q, ctx->arena);
    }
    return db_done(ctx, q);
}

enum err email_recipient_row_update(struct ctx *ctx, struct db_conn *tx, const char *message_id,
                                    int position, int64_t now_ms,
                                    const struct email_recipient_row *row) {
    struct db_stmt *q = db_use(tx, "UPDATE email_recipients SET status = ?, error = ?,"
                                   " updated_at = ? WHERE message_id = ? AND position = ?");
    db_bind_text(q, row->status);
    db_bind_text(q, row->error);
    db_bind_i64(q, now_ms);
    db_bind_text(q, message_id);
    db_bind_i64(q, position);
    return db_run(ctx, q);
}

/* --- files ----------------------------------------------------------------------------------- */

struct sealed_place email_file_row_place(const struct email_file_row *row) {
    return (struct sealed_place){ "email_files", "sealed", row->workspace_id, row->id, 0 };
}

const char *email_file_row_id(struct arena *a, const char *message_id, int position, int piece) {
    return arena_printf(a, "%s-%d-%d", message_id, position, piece);
}

enum err email_file_row_insert(struct ctx *ctx, struct db_conn *tx,
                               const struct email_file_row *row) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO email_files (id, workspace_id, message_id, position,"
                   " piece, sealed) VALUES (?, ?, ?, ?, ?, ?)");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->message_id);
    db_bind_i64(q, row->position);
    db_bind_i64(q, row->piece);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    return db_run(ctx, q);
}

enum err email_file_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                             const char *id, struct email_file_row *found) {
    struct db_stmt *q = db_use(c, "SELECT id, sealed FROM email_files WHERE id = ?"
                                  " AND workspace_id = ?");
    *found = (struct email_file_row){ .workspace_id = workspace_id };
    db_bind_text(q, id);
    db_bind_text(q, workspace_id);
    if (db_next(q)) {
        found->id = db_text(q, ctx->arena);
        found->sealed = db_blob(q, ctx->arena);
    }
    return db_done(ctx, q);
}

enum err email_file_rows_delete(struct ctx *ctx, struct db_conn *tx, const char *message_id) {
    struct db_stmt *q = db_use(tx, "DELETE FROM email_files WHERE message_id = ?");
    db_bind_text(q, message_id);
    return db_run(ctx, q);
}

enum err email_file_rows_count(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               int64_t *count) {
    struct db_stmt *q = db_use(c, "SELECT count(*) FROM email_files WHERE workspace_id = ?");
    db_bind_text(q, workspace_id);
    *count = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}
