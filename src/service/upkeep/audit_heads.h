/* audit_heads: the audit log is closed piece by piece by signed heads, which also go to the log, so that nobody
 * who can only write into the database can take rows out or change them unseen (RESILIENCE 14). */
#pragma once

#include "store/audit.h"
#include "vault/signing.h"

enum { AUDIT_HEAD_ROWS = 1000 };

/* Signs what is not signed yet once there are that many rows, or one is an hour old; everything: as soon as there is
 * one. Each head is logged as "audit_head". */
enum err audit_heads_sign(struct ctx *ctx, bool everything);

/* Removes rows older than AUDIT_RETENTION_DAYS, up to a signed head, and leaves an entry that says so. Same shape as
 * the others that forget (cli/serve.c). */
enum err audit_forget_old(struct ctx *ctx, int64_t within_ms, bool *is_done);

struct audit_check {
    int64_t rows, first_seq, last_seq; /* 0: there are none */
    int64_t heads, signed_seq,
        signed_ms;        /* how far the last head reaches, and when it was signed; 0: no head */
    int64_t unread_heads; /* by master keys that are not loaded; later ones vouch for them */
    unsigned char digest[32]; /* of the last head */
    int64_t bad_seq;          /* the first row that is wrong, or misses; 0: none */
    const char *wrong;        /* a sentence that says what; the arena's. NULL: nothing */
};

/* Who wants to know how far it is, and may break it off: asked after every so many rows. */
struct audit_watch {
    bool (*go_on)(void *arg, int64_t rows);
    void *arg;
};

/* Reads all of the log. pinned: a head that was seen in a log file, which must be among those in the database; seq 0:
 * none. watch: NULL when nobody does. OK also when something is wrong; ERR_DRAINING when it was broken off. */
enum err audit_check(struct ctx *ctx, const struct audit_head *pinned,
                     const struct audit_watch *watch, struct audit_check *out);
