/* audit_verifier: the check of the audit log that somebody asks a running server for. It may take minutes, so it runs beside
 * the requests, on a thread of the pool; one at a time, whoever asks. What came of the last one is kept until the process
 * ends. */
#pragma once

#include "service/upkeep/audit_heads.h"

struct audit_verifier;

struct audit_verifier *audit_verifier_new(const struct parts *parts); /* which must outlive it */
void audit_verifier_free(struct audit_verifier *v); /* after its loops have ended; NULL is fine */

/* Begins a check, unless one runs. On a fiber. */
enum err audit_verifier_begin(struct ctx *ctx, struct audit_verifier *v);

struct audit_verification {
    const char *state; /* "never", "running", "done", "failed" (it could not be read to its end) */
    int64_t rows;      /* read so far */
    int64_t began_ms, ended_ms; /* wall clock; 0: not yet */
    struct audit_check found;   /* of "done" */
};
/* found.wrong is the arena's of ctx. */
void audit_verifier_read(struct ctx *ctx, struct audit_verifier *v, struct audit_verification *out);
