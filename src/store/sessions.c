#include "store/sessions.h"

enum err session_find(struct ctx *ctx, struct db_conn *c, const unsigned char id_hash[32],
                      struct session *found) {
    struct db_stmt *q = db_use(c, "SELECT family, user_id, workspace_id, created_at, serves_until,"
                                  " idle_until, ends_at, replaced_at FROM sessions"
                                  " WHERE id_hash = ?");
    db_bind_blob(q, id_hash, 32);
    *found = (struct session){ 0 };
    memcpy(found->id_hash, id_hash, 32);
    if (db_next(q)) {
        found->family = db_text(q, ctx->arena);
        found->user_id = db_text(q, ctx->arena);
        found->workspace_id = db_text(q, ctx->arena);
        found->created_ms = db_i64(q);
        found->serves_until_ms = db_i64(q);
        found->idle_until_ms = db_i64(q);
        found->ends_ms = db_i64(q);
        found->replaced_ms = db_i64(q);
    }
    return db_done(ctx, q);
}

enum err session_insert(struct ctx *ctx, struct db_conn *tx, const struct session *s) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO sessions (id_hash, family, user_id, workspace_id, created_at,"
                   " serves_until, idle_until, ends_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_blob(q, s->id_hash, 32);
    db_bind_text(q, s->family);
    db_bind_text(q, s->user_id);
    db_bind_text(q, s->workspace_id);
    db_bind_i64(q, s->created_ms);
    db_bind_i64(q, s->serves_until_ms);
    db_bind_i64(q, s->idle_until_ms);
    db_bind_i64(q, s->ends_ms);
    return db_run(ctx, q);
}

enum err session_mark_replaced(struct ctx *ctx, struct db_conn *tx, const unsigned char id_hash[32],
                               int64_t at_ms) {
    struct db_stmt *q = db_use(tx, "UPDATE sessions SET replaced_at = ? WHERE id_hash = ?"
                                   " AND replaced_at IS NULL");
    db_bind_i64(q, at_ms);
    db_bind_blob(q, id_hash, 32);
    return db_run(ctx, q);
}

enum err session_place(struct ctx *ctx, struct db_conn *c, const char *family,
                       const char **workspace_id) {
    struct db_stmt *q = db_use(c, "SELECT workspace_id FROM sessions WHERE family = ?"
                                  " AND replaced_at IS NULL ORDER BY created_at DESC LIMIT 1");
    db_bind_text(q, family);
    *workspace_id = db_next(q) ? db_text(q, ctx->arena) : NULL;
    return db_done(ctx, q);
}

enum err session_end_family(struct ctx *ctx, struct db_conn *tx, const char *family) {
    struct db_stmt *q = db_use(tx, "DELETE FROM sessions WHERE family = ?");
    db_bind_text(q, family);
    return db_run(ctx, q);
}

enum err session_end_user(struct ctx *ctx, struct db_conn *tx, const char *user_id) {
    struct db_stmt *q = db_use(tx, "DELETE FROM sessions WHERE user_id = ?");
    db_bind_text(q, user_id);
    return db_run(ctx, q);
}

enum err session_end_all(struct ctx *ctx, struct db_conn *tx) {
    return db_run(ctx, db_use(tx, "DELETE FROM sessions"));
}

enum err session_end_member(struct ctx *ctx, struct db_conn *tx, const char *user_id,
                            const char *workspace_id) {
    /* A refresh may have moved a session to another workspace: its newest id says where it is. */
    struct db_stmt *q = db_use(tx, "DELETE FROM sessions WHERE user_id = ?1 AND family IN ("
                                   "SELECT family FROM sessions WHERE user_id = ?1"
                                   " AND workspace_id = ?2 AND replaced_at IS NULL)");
    db_bind_text(q, user_id);
    db_bind_text(q, workspace_id);
    return db_run(ctx, q);
}

enum err session_sweep(struct ctx *ctx, struct db_conn *tx, int64_t now_ms) {
    struct db_stmt *q = db_use(tx, "DELETE FROM sessions WHERE ends_at < ? OR idle_until < ?");
    db_bind_i64(q, now_ms);
    db_bind_i64(q, now_ms);
    TRY(db_run(ctx, q));
    q = db_use(tx, "DELETE FROM setup_tokens WHERE expires_at < ?");
    db_bind_i64(q, now_ms);
    return db_run(ctx, q);
}

#define KEY_COLUMNS                                                                             \
    "id, user_id, workspace_id, name, mode, last4, created_at, last_used_at, rate_per_minute, " \
    "is_confined"

static void read_key(struct ctx *ctx, struct db_stmt *q, struct api_key *k) {
    k->id = db_text(q, ctx->arena);
    k->user_id = db_text(q, ctx->arena);
    k->workspace_id = db_text(q, ctx->arena);
    k->name = db_text(q, ctx->arena);
    k->mode = db_text(q, ctx->arena);
    k->last4 = db_text(q, ctx->arena);
    k->created_ms = db_i64(q);
    k->last_used_ms = db_i64(q);
    k->rate_per_minute = db_i64(q); /* NULL reads as 0 */
    k->is_confined = db_i64(q) != 0;
}

enum err api_key_find(struct ctx *ctx, struct db_conn *c, const unsigned char key_hash[32],
                      struct api_key *found) {
    struct db_stmt *q = db_use(c, "SELECT " KEY_COLUMNS " FROM api_keys WHERE key_hash = ?");
    db_bind_blob(q, key_hash, 32);
    *found = (struct api_key){ 0 };
    if (db_next(q))
        read_key(ctx, q, found);
    return db_done(ctx, q);
}

enum err api_key_insert(struct ctx *ctx, struct db_conn *tx, const struct api_key *k) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO api_keys (id, user_id, workspace_id, name, mode, key_hash, last4,"
                   " created_at, rate_per_minute, is_confined)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), ?)");
    db_bind_text(q, k->id);
    db_bind_text(q, k->user_id);
    db_bind_text(q, k->workspace_id);
    db_bind_text(q, k->name);
    db_bind_text(q, k->mode);
    db_bind_blob(q, k->key_hash, 32);
    db_bind_text(q, k->last4);
    db_bind_i64(q, k->created_ms);
    db_bind_i64(q, k->rate_per_minute);
    db_bind_i64(q, k->is_confined);
    return db_run(ctx, q);
}

enum err api_keys_list(struct ctx *ctx, struct db_conn *c, const char *user_id,
                       const char *before_id, int limit, struct api_key *out, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT " KEY_COLUMNS " FROM api_keys WHERE user_id = ?"
                                  " AND id < ? ORDER BY id DESC LIMIT ?");
    db_bind_text(q, user_id);
    db_bind_text(q, before_id ? before_id : "~");
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_key(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err api_keys_of_workspace(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               const char *user_id, const char *before_id, int limit,
                               struct owned_key *out, size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT k.id, k.user_id, k.workspace_id, k.name, k.mode, k.last4, k.created_at,"
                  " k.last_used_at, k.rate_per_minute, k.is_confined, u.name, u.email, u.is_admin"
                  " FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.workspace_id = ?1"
                  " AND (?2 IS NULL OR k.user_id = ?2) AND k.id < ?3 ORDER BY k.id DESC LIMIT ?4");
    db_bind_text(q, workspace_id);
    db_bind_text(q, user_id);
    db_bind_text(q, before_id ? before_id : "~");
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count) {
        struct owned_key *k = &out[*count];
        read_key(ctx, q, &k->key);
        k->user_name = db_text(q, ctx->arena);
        k->user_email = db_text(q, ctx->arena);
        k->is_operator = db_i64(q) != 0;
    }
    return db_done(ctx, q);
}

enum err api_key_delete(struct ctx *ctx, struct db_conn *tx, const char *id, const char *user_id,
                        const char *workspace_id, const char **name) {
    struct db_stmt *q = db_use(tx, "DELETE FROM api_keys WHERE id = ?1"
                                   " AND (?2 IS NULL OR user_id = ?2)"
                                   " AND (?3 IS NULL OR workspace_id = ?3) RETURNING name");
    db_bind_text(q, id);
    db_bind_text(q, user_id);
    db_bind_text(q, workspace_id);
    *name = db_next(q) ? db_text(q, ctx->arena) : NULL;
    return db_done(ctx, q);
}

enum err api_keys_delete(struct ctx *ctx, struct db_conn *tx, const char *user_id,
                         const char *workspace_id, int64_t *count) {
    struct db_stmt *q = db_use(tx, "DELETE FROM api_keys WHERE user_id = ?1"
                                   " AND (?2 IS NULL OR workspace_id = ?2)");
    db_bind_text(q, user_id);
    db_bind_text(q, workspace_id);
    TRY(db_run(ctx, q));
    *count = db_changes(tx);
    return OK;
}

enum err api_keys_count(struct ctx *ctx, struct db_conn *c, const char *user_id, int64_t *out) {
    struct db_stmt *q = db_use(c, "SELECT COUNT(*) FROM api_keys WHERE user_id = ?");
    db_bind_text(q, user_id);
    if (db_next(q))
        *out = db_i64(q);
    return db_done(ctx, q);
}

enum err api_key_touch(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t now_ms) {
    struct db_stmt *q = db_use(tx, "UPDATE api_keys SET last_used_at = ? WHERE id = ?");
    db_bind_i64(q, now_ms);
    db_bind_text(q, id);
    return db_run(ctx, q);
}

enum err setup_token_insert(struct ctx *ctx, struct db_conn *tx, const unsigned char hash[32],
                            int64_t expires_ms) {
    struct db_stmt *q = db_use(tx, "INSERT INTO setup_tokens (token_hash, expires_at)"
                                   " VALUES (?, ?)");
    db_bind_blob(q, hash, 32);
    db_bind_i64(q, expires_ms);
    return db_run(ctx, q);
}

enum err setup_token_use(struct ctx *ctx, struct db_conn *tx, const unsigned char hash[32],
                         int64_t now_ms, bool *good) {
    struct db_stmt *q = db_use(tx, "DELETE FROM setup_tokens WHERE token_hash = ?"
                                   " AND expires_at > ?");
    db_bind_blob(q, hash, 32);
    db_bind_i64(q, now_ms);
    TRY(db_run(ctx, q));
    *good = db_changes(tx) > 0;
    return OK;
}
