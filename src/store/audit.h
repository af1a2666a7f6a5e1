/* audit: who did what, in a chain that shows tampering (RESILIENCE 14).
 *
 * hash = BLAKE2b-256(prev || canonical row); one chain per workspace, and one for what belongs to
 * no workspace (workspace ""). Written in the transaction of the action it records. */
#pragma once

#include "base/buf.h"
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

/* A row as it is stored, to be checked; texts are the arena's. */
struct audit_row {
    struct audit_entry entry;
    unsigned char prev[32], hash[32];
    unsigned char before[32]; /* of audit_rows_chained */
    bool has_before;
};

/* The rows beyond after_seq, of all workspaces, in their order. *count: at most max. */
enum err audit_rows(struct ctx *ctx, struct db_conn *c, int64_t after_seq, struct audit_row *out,
                    size_t max, size_t *count);
/* The same, and for each the hash of the row before it in its chain, where it has one. */
enum err audit_rows_chained(struct ctx *ctx, struct db_conn *c, int64_t after_seq,
                            struct audit_row *out, size_t max, size_t *count);
bool audit_row_is_sound(struct db_conn *c, const struct audit_row *row); /* its hash fits it */
/* How many rows lie beyond seq, and when the oldest of them was written; 0, 0: none. */
enum err audit_rows_beyond(struct ctx *ctx, struct db_conn *c, int64_t seq, int64_t *count,
                           int64_t *oldest_ms);
enum err audit_rows_ends(struct ctx *ctx, struct db_conn *c, int64_t *first, int64_t *last);

/* What all rows up to seq amount to, signed (0034_audit_heads.sql). */
struct audit_head {
    int64_t seq, from_seq, at_ms; /* seq 0: there is none */
    unsigned char digest[32], signature[64];
    char kek_id[17];
};

/* Continues digest, which is that of the head before, by a row's hash; in the end it is the head's. */
struct audit_digest {
    struct buf hashes;
};
void audit_digest_begin(struct audit_digest *d, const unsigned char before[32]);
void audit_digest_add(struct audit_digest *d, const unsigned char hash[32]);
void audit_digest_end(struct db_conn *c, struct audit_digest *d, unsigned char out[32]);

enum err audit_head_last(struct ctx *ctx, struct db_conn *c, struct audit_head *out);
/* The first that covers this seq or a later one. */
enum err audit_head_from(struct ctx *ctx, struct db_conn *c, int64_t seq, struct audit_head *out);
/* The first that was signed before at_ms, if rows that it covers are still there. */
enum err audit_head_old(struct ctx *ctx, struct db_conn *c, int64_t at_ms, struct audit_head *out);
enum err audit_head_insert(struct ctx *ctx, struct db_conn *tx, const struct audit_head *head);
/* Removes the rows up to seq, which is a head's, and the heads before that one. */
enum err audit_rows_remove(struct ctx *ctx, struct db_conn *tx, int64_t seq);

/* Which entries of a workspace are wanted; NULL and 0: any. */
struct audit_filter {
    const char *workspace_id; /* "" for what belongs to the installation; never NULL */
    const char *actor, *outcome;
    const char *action; /* "key.create", or the part before the dot */
    int64_t since_ms, until_ms;
};

struct audit_shown {
    struct audit_entry entry;
    const char *actor_name; /* of the person or the key, as it is now; NULL: not known */
    const char
        *object_name; /* of the object, the same; NULL also of what has no name, or is gone */
};

struct audit_page {
    struct audit_shown *entries;
    size_t count;
    int64_t next_seq; /* the next page lies before it; 0: this is the last one */
};

/* Newest first; before_seq 0 means from the newest. Looks at so many rows (page.h) that a page may be short and yet not
 * the last. */
enum err audit_list(struct ctx *ctx, const struct audit_filter *f, int64_t before_seq, int limit,
                    struct audit_page *out);
