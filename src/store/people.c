#include "store/people.h"

#include <ctype.h>

#include "base/clock.h"
#include "store/book.h"

#define USER_COLUMNS \
    "id, email, name, password_hash, workspace_id, is_admin, disabled, created_at, updated_at"

static void read_user(struct ctx *ctx, struct db_stmt *q, struct user *u) {
    u->id = db_text(q, ctx->arena);
    u->email = db_text(q, ctx->arena);
    u->name = db_text(q, ctx->arena);
    u->password_hash = db_text(q, ctx->arena);
    u->workspace_id = db_text(q, ctx->arena);
    u->is_admin = db_i64(q) != 0;
    u->is_disabled = db_i64(q) != 0;
    u->created_ms = db_i64(q);
    u->updated_ms = db_i64(q);
}

const char *user_email_key(struct ctx *ctx, const char *email) {
    char *key = arena_strdup(ctx->arena, email);
    for (char *p = key; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return key;
}

static enum err find_one(struct ctx *ctx, struct db_stmt *q, struct user *found) {
    *found = (struct user){ 0 };
    if (db_next(q))
        read_user(ctx, q, found);
    return db_done(ctx, q);
}

enum err user_find(struct ctx *ctx, struct db_conn *c, const char *id, struct user *found) {
    struct db_stmt *q = db_use(c, "SELECT " USER_COLUMNS " FROM users WHERE id = ?");
    db_bind_text(q, id);
    return find_one(ctx, q, found);
}

enum err user_find_by_email(struct ctx *ctx, struct db_conn *c, const char *email,
                            struct user *found) {
    struct db_stmt *q = db_use(c, "SELECT " USER_COLUMNS " FROM users WHERE email_key = ?");
    db_bind_text(q, user_email_key(ctx, email));
    return find_one(ctx, q, found);
}

enum err users_list(struct ctx *ctx, struct db_conn *c, const char *before_id, int limit,
                    struct user *out, size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT " USER_COLUMNS " FROM users WHERE id < ? ORDER BY id DESC LIMIT ?");
    db_bind_text(q, before_id ? before_id : "~");
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_user(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

static enum err count_of(struct ctx *ctx, struct db_stmt *q, int64_t *out) {
    if (db_next(q))
        *out = db_i64(q);
    return db_done(ctx, q);
}

enum err users_count(struct ctx *ctx, struct db_conn *c, bool enabled_admins_only, int64_t *out) {
    return count_of(
        ctx,
        enabled_admins_only
            ? db_use(c, "SELECT COUNT(*) FROM users WHERE is_admin = 1 AND disabled = 0")
            : db_use(c, "SELECT COUNT(*) FROM users"),
        out);
}

static void bind_user(struct ctx *ctx, struct db_stmt *q, const struct user *u) {
    db_bind_text(q, u->email);
    db_bind_text(q, user_email_key(ctx, u->email));
    db_bind_text(q, u->name);
    db_bind_text(q, u->password_hash);
    db_bind_i64(q, u->is_admin);
    db_bind_i64(q, u->is_disabled);
    db_bind_i64(q, u->updated_ms);
    db_bind_text(q, u->id);
}

enum err user_insert(struct ctx *ctx, struct db_conn *tx, const struct user *u, bool *taken) {
    struct db_stmt *q = db_use(tx, "INSERT INTO users (email, email_key, name, password_hash,"
                                   " is_admin, disabled, updated_at, id, workspace_id, created_at)"
                                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                                   " ON CONFLICT (email_key) DO NOTHING");
    bind_user(ctx, q, u);
    db_bind_text(q, u->workspace_id);
    db_bind_i64(q, u->created_ms);
    TRY(db_run(ctx, q));
    *taken = db_changes(tx) == 0;
    return OK;
}

enum err user_update(struct ctx *ctx, struct db_conn *tx, const struct user *u, bool *taken) {
    struct user other;
    TRY(user_find_by_email(ctx, tx, u->email, &other));
    *taken = other.id && strcmp(other.id, u->id) != 0;
    if (*taken)
        return OK;
    struct db_stmt *q = db_use(tx, "UPDATE users SET email = ?, email_key = ?, name = ?,"
                                   " password_hash = ?, is_admin = ?, disabled = ?,"
                                   " updated_at = ? WHERE id = ?");
    bind_user(ctx, q, u);
    return db_run(ctx, q);
}

enum err user_delete(struct ctx *ctx, struct db_conn *tx, const char *id) {
    struct db_stmt *q = db_use(tx, "DELETE FROM users WHERE id = ?");
    db_bind_text(q, id);
    return db_run(ctx, q);
}

#define WORKSPACE_COLUMNS \
    "w.id, w.name, w.platform_providers, w.call_weight, w.created_at, w.updated_at, m.role"

static void read_workspace(struct ctx *ctx, struct db_stmt *q, struct workspace *w) {
    w->id = db_text(q, ctx->arena);
    w->name = db_text(q, ctx->arena);
    w->platform_providers = db_text(q, ctx->arena);
    w->call_weight = db_i64(q);
    w->created_ms = db_i64(q);
    w->updated_ms = db_i64(q);
    w->role = role_parse(db_text(q, ctx->arena));
}

enum err workspace_find(struct ctx *ctx, struct db_conn *c, const char *id, const char *for_user,
                        struct workspace *found) {
    struct db_stmt *q = db_use(c, "SELECT " WORKSPACE_COLUMNS " FROM workspaces w"
                                  " LEFT JOIN memberships m ON m.workspace_id = w.id"
                                  " AND m.user_id = ? WHERE w.id = ? AND w.removed_at = 0");
    db_bind_text(q, for_user);
    db_bind_text(q, id);
    *found = (struct workspace){ 0 };
    if (db_next(q))
        read_workspace(ctx, q, found);
    return db_done(ctx, q);
}

enum err workspaces_list(struct ctx *ctx, struct db_conn *c, const char *for_user,
                         const char *as_user, const char *before_id, int limit,
                         struct workspace *out, size_t *count) {
    struct db_stmt *q =
        for_user ? db_use(c, "SELECT " WORKSPACE_COLUMNS " FROM workspaces w"
                             " JOIN memberships m ON m.workspace_id = w.id AND m.user_id = ?"
                             " WHERE w.id < ? AND w.removed_at = 0"
                             " ORDER BY w.id DESC LIMIT ?")
                 : db_use(c, "SELECT " WORKSPACE_COLUMNS " FROM workspaces w"
                             " LEFT JOIN memberships m ON m.workspace_id = w.id AND m.user_id = ?"
                             " WHERE w.id < ? AND w.removed_at = 0"
                             " ORDER BY w.id DESC LIMIT ?");
    db_bind_text(q, for_user ? for_user : as_user);
    db_bind_text(q, before_id ? before_id : "~");
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_workspace(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err workspaces_count(struct ctx *ctx, struct db_conn *c, int64_t *out) {
    return count_of(ctx, db_use(c, "SELECT COUNT(*) FROM workspaces WHERE removed_at = 0"), out);
}

enum err workspace_insert(struct ctx *ctx, struct db_conn *tx, const struct workspace *w) {
    struct db_stmt *q = db_use(tx, "INSERT INTO workspaces (id, name, created_at, updated_at)"
                                   " VALUES (?, ?, ?, ?)");
    db_bind_text(q, w->id);
    db_bind_text(q, w->name);
    db_bind_i64(q, w->created_ms);
    db_bind_i64(q, w->created_ms);
    TRY(db_run(ctx, q));
    return book_note(ctx, tx, w->id);
}

enum err workspace_update(struct ctx *ctx, struct db_conn *tx, const struct workspace *w) {
    struct db_stmt *q = db_use(tx, "UPDATE workspaces SET name = ?, platform_providers = ?,"
                                   " call_weight = ?, updated_at = ? WHERE id = ?");
    db_bind_text(q, w->name);
    db_bind_text(q, w->platform_providers);
    db_bind_i64(q, w->call_weight);
    db_bind_i64(q, w->updated_ms);
    db_bind_text(q, w->id);
    TRY(db_run(ctx, q));
    return book_note(ctx, tx, w->id);
}

enum err member_role(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                     const char *user_id, enum role *out) {
    struct db_stmt *q =
        db_use(c, "SELECT role FROM memberships WHERE workspace_id = ? AND user_id = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, user_id);
    *out = db_next(q) ? role_parse(db_text(q, ctx->arena)) : ROLE_NONE;
    return db_done(ctx, q);
}

enum err member_put(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                    const char *user_id, enum role role) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO memberships (workspace_id, user_id, role, created_at)"
                   " VALUES (?, ?, ?, ?)"
                   " ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = excluded.role");
    db_bind_text(q, workspace_id);
    db_bind_text(q, user_id);
    db_bind_text(q, role_name(role));
    db_bind_i64(q, ava_wall_ms());
    return db_run(ctx, q);
}

enum err member_delete(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                       const char *user_id) {
    struct db_stmt *q =
        db_use(tx, "DELETE FROM memberships WHERE workspace_id = ? AND user_id = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, user_id);
    return db_run(ctx, q);
}

enum err members_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                      const char *after_id, int limit, struct member *out, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT u.id, u.email, u.name, m.role, m.created_at"
                                  " FROM memberships m JOIN users u ON u.id = m.user_id"
                                  " WHERE m.workspace_id = ? AND m.user_id > ?"
                                  " ORDER BY m.user_id LIMIT ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, after_id ? after_id : "");
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count) {
        struct member *m = &out[*count];
        m->user_id = db_text(q, ctx->arena);
        m->email = db_text(q, ctx->arena);
        m->name = db_text(q, ctx->arena);
        m->role = role_parse(db_text(q, ctx->arena));
        m->created_ms = db_i64(q);
    }
    return db_done(ctx, q);
}

enum err members_with_role(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           enum role role, int64_t *out) {
    struct db_stmt *q = db_use(c, "SELECT COUNT(*) FROM memberships m"
                                  " JOIN users u ON u.id = m.user_id AND u.disabled = 0"
                                  " WHERE m.workspace_id = ? AND m.role = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, role_name(role));
    return count_of(ctx, q, out);
}
