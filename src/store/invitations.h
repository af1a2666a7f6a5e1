/* invitations: who is asked to join which workspace, known by the hash of the token in the link. */
#pragma once

#include "db/db.h"

struct invitation {
    const char *id, *workspace_id, *email, *invited_by;
    const char *workspace_name, *inviter; /* in words; filled by invitation_rows_for alone */
    enum role role;
    unsigned char token_hash[32];
    int64_t created_ms, expires_ms;
};

/* Replaces the one for the same address in the same workspace. */
enum err invitation_row_put(struct ctx *ctx, struct db_conn *tx, const struct invitation *i);
/* Not yet over; found when its id is not NULL afterwards. */
enum err invitation_row_find(struct ctx *ctx, struct db_conn *c, const unsigned char token_hash[32],
                             int64_t now_ms, struct invitation *found);
enum err invitation_row_find_id(struct ctx *ctx, struct db_conn *c, const char *id, int64_t now_ms,
                                struct invitation *found);
/* Those that ask one address (user_email_key), whichever the workspace, as invitation_rows_list. */
enum err invitation_rows_for(struct ctx *ctx, struct db_conn *c, const char *email_key,
                             const char *before_id, int64_t now_ms, int limit,
                             struct invitation *out, size_t *count);
/* Those that are not over, newest first, from before_id on (NULL: the newest). */
enum err invitation_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                              const char *before_id, int64_t now_ms, int limit,
                              struct invitation *out, size_t *count);
enum err invitation_row_delete(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                               const char *id, bool *found);
/* Of all that somebody made for a workspace. */
enum err invitation_rows_delete_by(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                                   const char *invited_by);
/* How many of the workspace are not over. */
enum err invitation_rows_count(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               int64_t now_ms, int64_t *out);
enum err invitation_rows_sweep(struct ctx *ctx, struct db_conn *tx, int64_t now_ms);
