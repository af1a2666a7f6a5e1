/* sessions: sign-in sessions, API keys and setup links, all known by the hash of their secret. */
#pragma once

#include "db/db.h"

struct session {
    unsigned char id_hash[32];
    const char *family, *user_id, *workspace_id;
    int64_t created_ms, serves_until_ms, idle_until_ms, ends_ms;
    int64_t replaced_ms; /* 0: still the newest of its family */
};

/* Found when family is not NULL afterwards. */
enum err session_find(struct ctx *ctx, struct db_conn *c, const unsigned char id_hash[32],
                      struct session *found);
enum err session_insert(struct ctx *ctx, struct db_conn *tx, const struct session *s);
enum err session_mark_replaced(struct ctx *ctx, struct db_conn *tx, const unsigned char id_hash[32],
                               int64_t at_ms);
/* The workspace in which the newest id of the family serves, the arena's; NULL: it has none that was not replaced. */
enum err session_place(struct ctx *ctx, struct db_conn *c, const char *family,
                       const char **workspace_id);
enum err session_end_family(struct ctx *ctx, struct db_conn *tx, const char *family);
enum err session_end_user(struct ctx *ctx, struct db_conn *tx, const char *user_id);
enum err session_end_all(struct ctx *ctx, struct db_conn *tx);
/* Those that serve for one workspace. */
enum err session_end_member(struct ctx *ctx, struct db_conn *tx, const char *user_id,
                            const char *workspace_id);
enum err session_sweep(struct ctx *ctx, struct db_conn *tx, int64_t now_ms); /* removes dead ones */

struct api_key {
    const char *id, *user_id, *workspace_id, *name, *mode, *last4;
    unsigned char key_hash[32];
    int64_t created_ms, last_used_ms;
    int64_t rate_per_minute; /* 0: as a person */
    bool is_confined;        /* to its workspace, also an operator's */
};

enum err api_key_find(struct ctx *ctx, struct db_conn *c, const unsigned char key_hash[32],
                      struct api_key *found);
enum err api_key_insert(struct ctx *ctx, struct db_conn *tx, const struct api_key *k);
enum err api_keys_list(struct ctx *ctx, struct db_conn *c, const char *user_id,
                       const char *before_id, int limit, struct api_key *out, size_t *count);
/* A key with whose it is, for those who look after the workspace. */
struct owned_key {
    struct api_key key;
    const char *user_name, *user_email; /* user_name: NULL when not told */
    bool is_operator;                   /* its user runs the installation */
};
/* Those for the workspace, newest first; user_id NULL: everybody's. */
enum err api_keys_of_workspace(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               const char *user_id, const char *before_id, int limit,
                               struct owned_key *out, size_t *count);
/* user_id NULL: whosever it is; workspace_id NULL: whichever it is for. *name: of the one that went; NULL: there was
 * none. */
enum err api_key_delete(struct ctx *ctx, struct db_conn *tx, const char *id, const char *user_id,
                        const char *workspace_id, const char **name);
/* All of somebody's keys, for one workspace or (NULL) for any; *count: how many they were. */
enum err api_keys_delete(struct ctx *ctx, struct db_conn *tx, const char *user_id,
                         const char *workspace_id, int64_t *count);
enum err api_keys_count(struct ctx *ctx, struct db_conn *c, const char *user_id, int64_t *out);
enum err api_key_touch(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t now_ms);

enum err setup_token_insert(struct ctx *ctx, struct db_conn *tx, const unsigned char hash[32],
                            int64_t expires_ms);
/* Removes it; *good when it was there and not over. */
enum err setup_token_use(struct ctx *ctx, struct db_conn *tx, const unsigned char hash[32],
                         int64_t now_ms, bool *good);
