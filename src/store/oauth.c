#include "store/oauth.h"

/* --- grants ----------------------------------------------------------------------------------- */

#define GRANT_COLUMNS                                                           \
    "id, workspace_id, provider, account, scopes, access, granted_by, version," \
    " expires_at, life_ms, ended_at, created_at, updated_at, sealed"

struct sealed_place oauth_grant_row_place(const struct oauth_grant_row *row) {
    return (struct sealed_place){ "oauth_grants", "sealed", row->workspace_id, row->id,
                                  row->version };
}

enum err oauth_grant_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                              const char *provider, struct oauth_grant_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " GRANT_COLUMNS " FROM oauth_grants"
                                  " WHERE workspace_id = ? AND provider = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider);
    *found = (struct oauth_grant_row){ .id = NULL };
    if (db_next(q)) {
        found->id = db_text(q, ctx->arena);
        found->workspace_id = db_text(q, ctx->arena);
        found->provider = db_text(q, ctx->arena);
        found->account = db_text(q, ctx->arena);
        found->scopes = db_text(q, ctx->arena);
        found->access = db_text(q, ctx->arena);
        found->granted_by = db_text(q, ctx->arena);
        found->version = db_i64(q);
        found->expires_ms = db_i64(q);
        found->life_ms = db_i64(q);
        found->ended_ms = db_i64(q);
        found->created_ms = db_i64(q);
        found->updated_ms = db_i64(q);
        found->sealed = db_blob(q, ctx->arena);
    }
    return db_done(ctx, q);
}

enum err oauth_grant_row_put(struct ctx *ctx, struct db_conn *tx,
                             const struct oauth_grant_row *row) {
    struct db_stmt *q =
        db_use(tx, "DELETE FROM oauth_grants WHERE workspace_id = ? AND provider = ?");
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->provider);
    TRY(db_run(ctx, q));
    q = db_use(tx, "INSERT INTO oauth_grants (" GRANT_COLUMNS ")"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->provider);
    db_bind_text(q, row->account);
    db_bind_text(q, row->scopes);
    db_bind_text(q, row->access);
    db_bind_text(q, row->granted_by);
    db_bind_i64(q, row->version);
    db_bind_i64(q, row->expires_ms);
    db_bind_i64(q, row->life_ms);
    db_bind_i64(q, row->ended_ms);
    db_bind_i64(q, row->created_ms);
    db_bind_i64(q, row->updated_ms);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    return db_run(ctx, q);
}

enum err oauth_grant_row_renew(struct ctx *ctx, struct db_conn *tx,
                               const struct oauth_grant_row *row, int64_t before, bool *done) {
    struct db_stmt *q = db_use(tx, "UPDATE oauth_grants SET version = ?, expires_at = ?,"
                                   " life_ms = ?, scopes = ?, updated_at = ?, sealed = ?,"
                                   " ended_at = 0 WHERE id = ? AND version = ?");
    db_bind_i64(q, row->version);
    db_bind_i64(q, row->expires_ms);
    db_bind_i64(q, row->life_ms);
    db_bind_text(q, row->scopes);
    db_bind_i64(q, row->updated_ms);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    db_bind_text(q, row->id);
    db_bind_i64(q, before);
    TRY(db_run(ctx, q));
    *done = db_changes(tx) > 0;
    return OK;
}

enum err oauth_grant_row_end(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t version,
                             int64_t now_ms, bool *done) {
    struct db_stmt *q = db_use(tx, "UPDATE oauth_grants SET ended_at = ?, updated_at = ?"
                                   " WHERE id = ? AND version = ? AND ended_at = 0");
    db_bind_i64(q, now_ms);
    db_bind_i64(q, now_ms);
    db_bind_text(q, id);
    db_bind_i64(q, version);
    TRY(db_run(ctx, q));
    *done = db_changes(tx) > 0;
    return OK;
}

enum err oauth_grant_row_delete(struct ctx *ctx, struct db_conn *tx, const char *id, bool *found) {
    struct db_stmt *q = db_use(tx, "DELETE FROM oauth_grants WHERE id = ?");
    db_bind_text(q, id);
    TRY(db_run(ctx, q));
    *found = db_changes(tx) > 0;
    return OK;
}

/* --- refresh tokens --------------------------------------------------------------------------- */

struct sealed_place oauth_refresh_row_place(const struct oauth_refresh_row *row) {
    return (struct sealed_place){ "oauth_refresh_tokens", "sealed", row->workspace_id, row->id,
                                  row->version };
}

enum err oauth_refresh_row_find(struct ctx *ctx, struct db_conn *c, const char *grant_id,
                                struct oauth_refresh_row *found) {
    struct db_stmt *q = db_use(c, "SELECT id, workspace_id, version, sealed"
                                  " FROM oauth_refresh_tokens WHERE id = ?");
    db_bind_text(q, grant_id);
    *found = (struct oauth_refresh_row){ .id = NULL };
    if (db_next(q)) {
        found->id = db_text(q, ctx->arena);
        found->workspace_id = db_text(q, ctx->arena);
        found->version = db_i64(q);
        found->sealed = db_blob(q, ctx->arena);
    }
    return db_done(ctx, q);
}

enum err oauth_refresh_row_put(struct ctx *ctx, struct db_conn *tx,
                               const struct oauth_refresh_row *row) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO oauth_refresh_tokens (id, workspace_id, version, sealed)"
                   " VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
                   " SET version = excluded.version, sealed = excluded.sealed");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_i64(q, row->version);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    return db_run(ctx, q);
}

/* --- consents that were begun ----------------------------------------------------------------- */

struct sealed_place oauth_state_row_place(const struct oauth_state_row *row) {
    return (struct sealed_place){ "oauth_states", "sealed", row->workspace_id, row->id, 0 };
}

enum err oauth_state_row_insert(struct ctx *ctx, struct db_conn *tx,
                                const struct oauth_state_row *row) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO oauth_states (id, state_hash, workspace_id, user_id, session,"
                   " provider, access, expires_at, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(q, row->id);
    db_bind_blob(q, row->state_hash, 32);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->user_id);
    db_bind_text(q, row->session);
    db_bind_text(q, row->provider);
    db_bind_text(q, row->access);
    db_bind_i64(q, row->expires_ms);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    return db_run(ctx, q);
}

enum err oauth_state_row_find(struct ctx *ctx, struct db_conn *c,
                              const unsigned char state_hash[32], struct oauth_state_row *found) {
    struct db_stmt *q = db_use(c, "SELECT id, workspace_id, user_id, session, provider, access,"
                                  " expires_at, used_at, result, sealed FROM oauth_states"
                                  " WHERE state_hash = ?");
    db_bind_blob(q, state_hash, 32);
    *found = (struct oauth_state_row){ .id = NULL };
    if (db_next(q)) {
        found->id = db_text(q, ctx->arena);
        found->workspace_id = db_text(q, ctx->arena);
        found->user_id = db_text(q, ctx->arena);
        found->session = db_text(q, ctx->arena);
        found->provider = db_text(q, ctx->arena);
        found->access = db_text(q, ctx->arena);
        found->expires_ms = db_i64(q);
        found->used_ms = db_i64(q);
        found->result = db_text(q, ctx->arena);
        found->sealed = db_blob(q, ctx->arena);
    }
    return db_done(ctx, q);
}

enum err oauth_state_row_use(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t now_ms,
                             bool *done) {
    struct db_stmt *q =
        db_use(tx, "UPDATE oauth_states SET used_at = ? WHERE id = ? AND used_at = 0");
    db_bind_i64(q, now_ms);
    db_bind_text(q, id);
    TRY(db_run(ctx, q));
    *done = db_changes(tx) > 0;
    return OK;
}

enum err oauth_state_row_result(struct ctx *ctx, struct db_conn *tx, const char *id,
                                const char *result) {
    struct db_stmt *q = db_use(tx, "UPDATE oauth_states SET result = ? WHERE id = ?");
    db_bind_text(q, result);
    db_bind_text(q, id);
    return db_run(ctx, q);
}

enum err oauth_state_rows_sweep(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                                const char *session, int64_t keep, int64_t now_ms) {
    struct db_stmt *q = db_use(tx, "DELETE FROM oauth_states WHERE id IN (SELECT id FROM"
                                   " oauth_states WHERE expires_at < ? LIMIT 100)");
    db_bind_i64(q, now_ms);
    TRY(db_run(ctx, q));
    q = db_use(tx,
               "DELETE FROM oauth_states WHERE id IN (SELECT id FROM oauth_states"
               " WHERE workspace_id = ? AND session = ? ORDER BY id DESC LIMIT 1000000 OFFSET ?)");
    db_bind_text(q, workspace_id);
    db_bind_text(q, session);
    db_bind_i64(q, keep);
    return db_run(ctx, q);
}
