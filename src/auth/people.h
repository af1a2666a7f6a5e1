/* people: who exists, which workspaces there are, who belongs where, and API keys.
 *
 * Every change is audited in its own transaction and in force at once. The rules that keep a door
 * open are here: the last enabled admin and a workspace's last owner can not be lost. */
#pragma once

#include "store/people.h"
#include "store/sessions.h"

/* Collects field errors in ctx for what is not an address, a good password, a name. */
void people_check_email(struct ctx *ctx, const char *email);
void people_check_password(struct ctx *ctx, struct str password);

/* Hashes the password and fills a user with ids of its own and of its workspace; people_insert
 * then writes both, in a transaction. ERR_INVALID "taken" when the address is in use. */
enum err people_prepare(struct ctx *ctx, const char *email, struct str password, const char *name,
                        bool is_admin, struct user *out);
enum err people_insert(struct ctx *ctx, struct db_conn *tx, const struct user *user);

enum err people_create(struct ctx *ctx, const char *email, struct str password, const char *name,
                       bool is_admin, struct user *out);

/* Reading. Lists are newest first, from before_id on (NULL: the newest); out has room for limit. */
enum err people_list(struct ctx *ctx, const char *before_id, int limit, struct user *out,
                     size_t *count);
enum err people_get(struct ctx *ctx, const char *id, struct user *out); /* or ERR_NOT_FOUND */
/* Those the asker may know of: a key its own, a person its memberships, an admin all. */
enum err workspace_list(struct ctx *ctx, const char *before_id, int limit, struct workspace *out,
                        size_t *count);
enum err member_list(struct ctx *ctx, const char *workspace_id, const char *after_id, int limit,
                     struct member *out, size_t *count);
enum err key_list(struct ctx *ctx, const char *before_id, int limit, struct api_key *out,
                  size_t *count);

/* What a PATCH changes; untouched where has_ is false. */
struct user_change {
    const char *email, *name;
    struct str password;
    bool has_email, has_name, has_password, has_admin, is_admin, has_disabled, is_disabled;
};
enum err people_change(struct ctx *ctx, const char *id, const struct user_change *change,
                       struct user *out);
enum err people_remove(struct ctx *ctx, const char *id);

enum err workspace_create(struct ctx *ctx, const char *name, const char *owner_id,
                          struct workspace *out);
enum err workspace_rename(struct ctx *ctx, const char *id, const char *name, struct workspace *out);
enum err workspace_remove(struct ctx *ctx, const char *id);
enum err workspace_allow_platform(struct ctx *ctx, const char *id, const char *provider);
/* Sets the workspace's share, 1..100, of the lines of an account that several workspaces wait
 * for. */
enum err workspace_weigh(struct ctx *ctx, const char *id, int64_t weight);

/* What the asker may do there: its own role, or owner for an installation admin; ERR_NOT_FOUND
 * when it may not even know of it. */
enum err workspace_role(struct ctx *ctx, const char *id, enum role *role, struct workspace *out);

/* mine: the asker's role there, as workspace_role said; only owners make or unmake owners. Only
 * installation admins and the command line add somebody who is no member yet: ERR_NOT_FOUND for
 * others (auth/invitations.h). Removing revokes the person's keys for the workspace. */
enum err member_set(struct ctx *ctx, const char *workspace_id, const char *user_id, enum role mine,
                    enum role role, struct member *out);
enum err member_remove(struct ctx *ctx, const char *workspace_id, const char *user_id,
                       enum role mine);

struct key_order {
    const char *user_id, *name;
    const char *workspace_id; /* NULL: the user's own */
    bool is_confined;         /* to that one, also when its user runs the installation */
    bool is_test;
    int64_t rate_per_minute; /* within what the operator allows; 0: as a person */
};
/* Makes an API key; *key is the only time the key itself is seen. ERR_FORBIDDEN for a rate of its own
 * when the asker is neither owner nor admin there. */
enum err key_create(struct ctx *ctx, const struct key_order *order, struct api_key *out,
                    const char **key);
enum err key_remove(struct ctx *ctx, const char *id);

/* The keys for a workspace, newest first. mine: the asker's role there, as workspace_role said; members see and
 * revoke their own alone. */
enum err workspace_keys(struct ctx *ctx, const char *workspace_id, enum role mine,
                        const char *before_id, int limit, struct owned_key *out, size_t *count);
enum err workspace_key_remove(struct ctx *ctx, const char *workspace_id, enum role mine,
                              const char *id);
