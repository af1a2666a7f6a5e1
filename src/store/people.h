/* people: users, workspaces and who belongs where. Rows in, rows out; the rules are in
 * auth/people.h. */
#pragma once

#include "db/db.h"

struct user {
    const char *id, *email, *name, *password_hash, *workspace_id; /* the user's own workspace */
    bool is_admin, is_disabled;
    int64_t created_ms, updated_ms;
};

struct workspace {
    const char *id, *name, *platform_providers; /* " vapi twilio" as an operator allowed */
    int64_t call_weight; /* 1..100: its share of lines that several workspaces wait for */
    enum role role;      /* of the asker; ROLE_NONE for an admin who is no member */
    int64_t created_ms, updated_ms;
};

struct member {
    const char *user_id, *email, *name;
    enum role role;
    int64_t created_ms;
};

/* c may be the thread's reader or the writer's transaction. When there is no such row OK is
 * returned, and *found is all zeros, its id NULL. */
enum err user_find(struct ctx *ctx, struct db_conn *c, const char *id, struct user *found);
enum err user_find_by_email(struct ctx *ctx, struct db_conn *c, const char *email,
                            struct user *found);
enum err users_list(struct ctx *ctx, struct db_conn *c, const char *before_id, int limit,
                    struct user *out, size_t *count);
enum err users_count(struct ctx *ctx, struct db_conn *c, bool enabled_admins_only, int64_t *out);

/* Addresses are compared without case, as people type them. */
const char *user_email_key(struct ctx *ctx, const char *email);

/* *taken when another user has that address. */
enum err user_insert(struct ctx *ctx, struct db_conn *tx, const struct user *u, bool *taken);
enum err user_update(struct ctx *ctx, struct db_conn *tx, const struct user *u, bool *taken);
enum err user_delete(struct ctx *ctx, struct db_conn *tx, const char *id);

enum err workspace_find(struct ctx *ctx, struct db_conn *c, const char *id, const char *for_user,
                        struct workspace *found);
/* Those for_user is a member of; all of them when for_user is NULL (role then of as_user). */
enum err workspaces_list(struct ctx *ctx, struct db_conn *c, const char *for_user,
                         const char *as_user, const char *before_id, int limit,
                         struct workspace *out, size_t *count);
enum err workspaces_count(struct ctx *ctx, struct db_conn *c, int64_t *out);
enum err workspace_insert(struct ctx *ctx, struct db_conn *tx, const struct workspace *w);
enum err workspace_update(struct ctx *ctx, struct db_conn *tx, const struct workspace *w);

enum err member_role(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                     const char *user_id, enum role *out); /* ROLE_NONE when no member */
enum err member_put(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                    const char *user_id, enum role role);
enum err member_delete(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                       const char *user_id);
enum err members_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                      const char *after_id, int limit, struct member *out, size_t *count);
enum err members_with_role(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           enum role role, int64_t *out);
