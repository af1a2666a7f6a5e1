/* audit: who did what, in a chain that shows tampering (RESILIENCE 14).
 *
 * hash = BLAKE2b-256(prev || canonical row); one chain per workspace, and one for what belongs to
 * no workspace (workspace ""). Written in the transaction of the action it records. */
#pragma once

#include "db/db.h"

struct audit_entry {
    int64_t seq, at_ms;
    const char *workspace_id; /* "" for the installation */
    const char *actor;        /* user id, key id, "setup", "operator" or "system" */
    const char *action;       /* "login.ok", "credential.add", ... */
    const char *object;       /* what it was done to, or "" */
    const char *outcome;      /* "ok" or "failed" */
    const char *correlation_id;
    const char *detail; /* a JSON object or ""; never a secret, the last 4 at most */
};

/* Fills seq, at_ms, correlation_id and, where NULL, actor and workspace_id from ctx. */
enum err audit_write(struct ctx *ctx, struct db_conn *tx, struct audit_entry e);

/* Counts a failed attempt to sign in to an account that does not exist; with the first of an hour comes the
 * entry "login.strangers" of the hour before that had some. now_ms: Unix time. */
enum err audit_stranger(struct ctx *ctx, struct db_conn *tx, int64_t now_ms);

/* Did this ever happen in the workspace? */
enum err audit_has(struct ctx *ctx, struct db_conn *c, const char *workspace_id, const char *action,
                   const char *object, bool *has);

struct audit_page {
    struct audit_entry *entries;
    size_t count;
    bool has_more;
};

/* Newest first; before_seq 0 means from the newest. */
enum err audit_list(struct ctx *ctx, const char *workspace_id, int64_t before_seq, int limit,
                    struct audit_page *out);
