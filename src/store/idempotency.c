#include "store/idempotency.h"

#include <string.h>

static enum err find(struct ctx *ctx, struct db_conn *c, const struct idempotency_row *by,
                     struct idempotency_row *found) {
    struct db_stmt *q = db_use(c, "SELECT id, fingerprint, owner, operation_id, created_at, sealed"
                                  " FROM idempotency_keys WHERE workspace_id = ? AND principal = ?"
                                  " AND route = ? AND key = ?");
    db_bind_text(q, by->workspace_id);
    db_bind_text(q, by->principal);
    db_bind_text(q, by->route);
    db_bind_text(q, by->key);
    *found = *by;
    if (db_next(q)) {
        found->id = db_text(q, ctx->arena);
        struct str print = db_blob(q, ctx->arena);
        memcpy(found->fingerprint, print.ptr, sizeof found->fingerprint);
        found->owner = db_text(q, ctx->arena);
        found->operation_id = db_text(q, ctx->arena);
        found->created_ms = db_i64(q);
        found->sealed = db_blob(q, ctx->arena);
    }
    return db_done(ctx, q);
}

struct sealed_place idempotency_row_place(const struct idempotency_row *row) {
    return (struct sealed_place){ "idempotency_keys", "sealed", row->workspace_id, row->id };
}

enum err idempotency_row_insert(struct ctx *ctx, struct db_conn *tx,
                                const struct idempotency_row *row, int64_t expired_ms, bool *is_new,
                                struct idempotency_row *found) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO idempotency_keys (id, workspace_id, principal, route, key,"
                   " fingerprint, owner, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                   " ON CONFLICT (workspace_id, principal, route, key) DO UPDATE SET"
                   " id = excluded.id, fingerprint = excluded.fingerprint, owner = excluded.owner,"
                   " operation_id = NULL, created_at = excluded.created_at, sealed = NULL"
                   " WHERE idempotency_keys.created_at < ?9");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->principal);
    db_bind_text(q, row->route);
    db_bind_text(q, row->key);
    db_bind_blob(q, row->fingerprint, sizeof row->fingerprint);
    db_bind_text(q, row->owner);
    db_bind_i64(q, row->created_ms);
    db_bind_i64(q, expired_ms);
    TRY(db_run(ctx, q));
    *is_new = db_changes(tx) > 0;
    if (*is_new)
        return OK;
    return find(ctx, tx, row, found);
}

enum err idempotency_row_adopt(struct ctx *ctx, struct db_conn *tx, const char *id,
                               const char *former, const char *owner, bool *is_mine) {
    struct db_stmt *q = db_use(tx, "UPDATE idempotency_keys SET owner = ? WHERE id = ?"
                                   " AND owner = ? AND operation_id IS NULL AND sealed IS NULL");
    db_bind_text(q, owner);
    db_bind_text(q, id);
    db_bind_text(q, former);
    TRY(db_run(ctx, q));
    *is_mine = db_changes(tx) > 0;
    return OK;
}

enum err idempotency_row_answer(struct ctx *ctx, struct db_conn *tx, const char *id,
                                const char *owner, struct str sealed, bool *is_mine) {
    struct db_stmt *q =
        db_use(tx, "UPDATE idempotency_keys SET sealed = ? WHERE id = ? AND owner = ?");
    db_bind_blob(q, sealed.ptr, sealed.len);
    db_bind_text(q, id);
    db_bind_text(q, owner);
    TRY(db_run(ctx, q));
    *is_mine = db_changes(tx) > 0;
    return OK;
}

enum err idempotency_row_link(struct ctx *ctx, struct db_conn *tx, const char *id,
                              const char *owner, const char *operation_id, bool *is_mine) {
    struct db_stmt *q =
        db_use(tx, "UPDATE idempotency_keys SET operation_id = ? WHERE id = ? AND owner = ?");
    db_bind_text(q, operation_id);
    db_bind_text(q, id);
    db_bind_text(q, owner);
    TRY(db_run(ctx, q));
    *is_mine = db_changes(tx) > 0;
    return OK;
}

enum err idempotency_row_has(struct ctx *ctx, struct db_conn *c, const char *operation_id,
                             bool *has) {
    struct db_stmt *q = db_use(c, "SELECT 1 FROM idempotency_keys WHERE operation_id = ?");
    db_bind_text(q, operation_id);
    *has = db_next(q);
    return db_done(ctx, q);
}

enum err idempotency_row_delete(struct ctx *ctx, struct db_conn *tx, const char *id,
                                const char *owner) {
    struct db_stmt *q = db_use(tx, "DELETE FROM idempotency_keys WHERE id = ? AND owner = ?"
                                   " AND sealed IS NULL AND operation_id IS NULL");
    db_bind_text(q, id);
    db_bind_text(q, owner);
    return db_run(ctx, q);
}

enum err idempotency_rows_sweep(struct ctx *ctx, struct db_conn *tx, int64_t expired_ms,
                                int limit) {
    struct db_stmt *q = db_use(tx, "DELETE FROM idempotency_keys WHERE id IN (SELECT id FROM"
                                   " idempotency_keys WHERE created_at < ? LIMIT ?)");
    db_bind_i64(q, expired_ms);
    db_bind_i64(q, limit);
    return db_run(ctx, q);
}
