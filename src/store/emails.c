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
