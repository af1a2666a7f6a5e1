/* oauth: rows of what people granted Ava at a provider (OAuth 2.0, RFC 6749), and of consents that were begun. */
#pragma once

#include "store/sealed.h"

struct oauth_grant_row {
    const char *id, *workspace_id, *provider;
    const char *account;    /* whose calendar: an e-mail address; "" not known */
    const char *scopes;     /* as granted, with blanks between */
    const char *access;     /* "read" or "write": what of it can be used */
    const char *granted_by; /* a user's id */
    int64_t version;        /* of the access token; from 1, never the same again */
    int64_t expires_ms;     /* of the access token, by ava_steady_ms */
    int64_t life_ms;        /* how long it was good when it was new */
    int64_t ended_ms;       /* when the provider said that the grant is over; 0: it is not */
    int64_t created_ms, updated_ms;
    struct str sealed; /* access_token */
};

struct sealed_place oauth_grant_row_place(const struct oauth_grant_row *row);
/* found->id NULL when there is none. */
enum err oauth_grant_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                              const char *provider, struct oauth_grant_row *found);
/* Takes the place of the workspace's grant at that provider, if there is one; its refresh token goes with it. */
enum err oauth_grant_row_put(struct ctx *ctx, struct db_conn *tx,
                             const struct oauth_grant_row *row);
/* Writes a new access token: version, expires, life, scopes, sealed. *done false: the row has another version
 * than before, or is gone. */
enum err oauth_grant_row_renew(struct ctx *ctx, struct db_conn *tx,
                               const struct oauth_grant_row *row, int64_t before, bool *done);
/* *done: it was not over yet, and had that version. */
enum err oauth_grant_row_end(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t version,
                             int64_t now_ms, bool *done);
enum err oauth_grant_row_delete(struct ctx *ctx, struct db_conn *tx, const char *id, bool *found);

struct oauth_refresh_row {
    const char *id, *workspace_id; /* id: of its grant */
    int64_t version;               /* the grant's when it was stored */
    struct str sealed;             /* refresh_token */
};

struct sealed_place oauth_refresh_row_place(const struct oauth_refresh_row *row);
enum err oauth_refresh_row_find(struct ctx *ctx, struct db_conn *c, const char *grant_id,
                                struct oauth_refresh_row *found);
enum err oauth_refresh_row_put(struct ctx *ctx, struct db_conn *tx,
                               const struct oauth_refresh_row *row);

struct oauth_state_row {
    const char *id, *workspace_id, *user_id, *provider, *access;
    const char *session; /* the family of the session that began it */
    const char *result;  /* NULL: none yet */
    int64_t expires_ms, used_ms;
    unsigned char state_hash[32];
    struct str sealed; /* verifier */
};

struct sealed_place oauth_state_row_place(const struct oauth_state_row *row);
enum err oauth_state_row_insert(struct ctx *ctx, struct db_conn *tx,
                                const struct oauth_state_row *row);
enum err oauth_state_row_find(struct ctx *ctx, struct db_conn *c,
                              const unsigned char state_hash[32], struct oauth_state_row *found);
/* *done: it was used for the first time. */
enum err oauth_state_row_use(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t now_ms,
                             bool *done);
enum err oauth_state_row_result(struct ctx *ctx, struct db_conn *tx, const char *id,
                                const char *result);
/* Removes those that are over, and all but the newest `keep` of the session. */
enum err oauth_state_rows_sweep(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                                const char *session, int64_t keep, int64_t now_ms);
