#include "store/invitations.h"

#include "store/people.h"

#define COLUMNS "id, workspace_id, email, role, invited_by, created_at, expires_at"

static void read_row(struct ctx *ctx, struct db_stmt *q, struct invitation *i) {
    i->id = db_text(q, ctx->arena);
    i->workspace_id = db_text(q, ctx->arena);
    i->email = db_text(q, ctx->arena);
    i->role = role_parse(db_text(q, ctx->arena));
    i->invited_by = db_text(q, ctx->arena);
    i->created_ms = db_i64(q);
    i->expires_ms = db_i64(q);
}

enum err invitation_row_put(struct ctx *ctx, struct db_conn *tx, const struct invitation *i) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO invitations (id, workspace_id, email, email_key, role,"
                   " token_hash, invited_by, created_at, expires_at)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (workspace_id, email_key)"
                   " DO UPDATE SET id = excluded.id, email = excluded.email, role = excluded.role,"
                   " token_hash = excluded.token_hash, invited_by = excluded.invited_by,"
                   " created_at = excluded.created_at, expires_at = excluded.expires_at");
    db_bind_text(q, i->id);
    db_bind_text(q, i->workspace_id);
    db_bind_text(q, i->email);
    db_bind_text(q, user_email_key(ctx, i->email));
    db_bind_text(q, role_name(i->role));
    db_bind_blob(q, i->token_hash, 32);
    db_bind_text(q, i->invited_by);
    db_bind_i64(q, i->created_ms);
    db_bind_i64(q, i->expires_ms);
    return db_run(ctx, q);
}

enum err invitation_row_find(struct ctx *ctx, struct db_conn *c, const unsigned char token_hash[32],
                             int64_t now_ms, struct invitation *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM invitations WHERE token_hash = ?"
                                  " AND expires_at > ?");
    db_bind_blob(q, token_hash, 32);
    db_bind_i64(q, now_ms);
    *found = (struct invitation){ 0 };
    if (db_next(q))
        read_row(ctx, q, found);
    return db_done(ctx, q);
}

enum err invitation_row_find_id(struct ctx *ctx, struct db_conn *c, const char *id, int64_t now_ms,
                                struct invitation *found) {
    struct db_stmt *q =
        db_use(c, "SELECT " COLUMNS " FROM invitations WHERE id = ? AND expires_at > ?");
    db_bind_text(q, id);
    db_bind_i64(q, now_ms);
    *found = (struct invitation){ 0 };
    if (db_next(q))
        read_row(ctx, q, found);
    return db_done(ctx, q);
}

enum err invitation_rows_for(struct ctx *ctx, struct db_conn *c, const char *email_key,
                             const char *before_id, int64_t now_ms, int limit,
                             struct invitation *out, size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT i.id, i.workspace_id, i.email, i.role, i.invited_by, i.created_at,"
                  " i.expires_at, w.name, COALESCE(u.name, u.email) FROM invitations i"
                  " JOIN workspaces w ON w.id = i.workspace_id JOIN users u ON u.id = i.invited_by"
                  " WHERE i.email_key = ? AND i.id < ? AND i.expires_at > ?"
                  " ORDER BY i.id DESC LIMIT ?");
    db_bind_text(q, email_key);
    db_bind_text(q, before_id ? before_id : "~");
    db_bind_i64(q, now_ms);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count) {
        read_row(ctx, q, &out[*count]);
        out[*count].workspace_name = db_text(q, ctx->arena);
        out[*count].inviter = db_text(q, ctx->arena);
    }
    return db_done(ctx, q);
}

enum err invitation_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                              const char *before_id, int64_t now_ms, int limit,
                              struct invitation *out, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM invitations WHERE workspace_id = ?"
                                  " AND id < ? AND expires_at > ? ORDER BY id DESC LIMIT ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, before_id ? before_id : "~");
    db_bind_i64(q, now_ms);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_row(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err invitation_row_delete(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                               const char *id, bool *found) {
    struct db_stmt *q = db_use(tx, "DELETE FROM invitations WHERE workspace_id = ? AND id = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, id);
    TRY(db_run(ctx, q));
    *found = db_changes(tx) > 0;
    return OK;
}

enum err invitation_rows_delete_by(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                                   const char *invited_by) {
    struct db_stmt *q =
        db_use(tx, "DELETE FROM invitations WHERE workspace_id = ? AND invited_by = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, invited_by);
    return db_run(ctx, q);
}

enum err invitation_rows_count(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               int64_t now_ms, int64_t *out) {
    struct db_stmt *q = db_use(c, "SELECT COUNT(*) FROM invitations WHERE workspace_id = ?"
                                  " AND expires_at > ?");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, now_ms);
    if (db_next(q))
        *out = db_i64(q);
    return db_done(ctx, q);
}

enum err invitation_rows_sweep(struct ctx *ctx, struct db_conn *tx, int64_t now_ms) {
    struct db_stmt *q = db_use(tx, "DELETE FROM invitations WHERE expires_at <= ?");
    db_bind_i64(q, now_ms);
    return db_run(ctx, q);
}
