/* idempotency: a request with an Idempotency-Key happens once, however often it is sent
 * (RESILIENCE 9).
 *
 * A key is claimed before the work and settled after it: kept with its answer, kept with the
 * operation it led to, or given back when nothing was tried. Its scope is (workspace, user,
 * route); it is remembered for 24 hours, its answer sealed. */
#pragma once

#include <jansson.h>

#include "base/id.h"
#include "obs/ctx.h"

enum { IDEMPOTENCY_KEY_MAX = 255, IDEMPOTENCY_KEPT_MS = 24 * 3600 * 1000 };

/* Reads the header: 1..255 visible ASCII characters, quotes around them optional. False when it is
 * something else. */
bool idempotency_key_parse(struct str header, struct str *key);

struct idempotency_answer {
    int status;
    const char *content_type; /* NULL: no body */
    struct str head, body;    /* head: header lines, each ended by CRLF */
};

enum idempotency_found {
    IDEMPOTENCY_FIRST,    /* nobody asked this before: do it, then settle */
    IDEMPOTENCY_ANSWERED, /* say again what was said */
    IDEMPOTENCY_OPERATION /* it led to this operation: say how that stands */
};

struct idempotency_claim {
    struct idempotency_claim *next; /* of those whose requests run */
    enum idempotency_found found;
    struct id id;                     /* FIRST: of the claim */
    struct idempotency_answer answer; /* ANSWERED; the arena's */
    const char *operation_id;         /* OPERATION */
};

/* Claims the key for the asker, or says what the first request with it led to. Durable when OK. One
 * that is FIRST is among those that run until idempotency_over, and must live as long.
 * route: method and template; path: as it came; body: NULL when there is none.
 * ERR_IDEMPOTENCY_IN_PROGRESS while the first request runs, ERR_IDEMPOTENCY_REUSED when the key was
 * used for another request. */
enum err idempotency_claim(struct ctx *ctx, struct str key, const char *route, struct str path,
                           const json_t *body, struct idempotency_claim *out);

/* Stores the answer for those who repeat the request: keep_in within the transaction of what was
 * asked for, which fails with ERR_IDEMPOTENCY_IN_PROGRESS when another host has taken the claim up meanwhile; keep by
 * itself. give_back frees the key, unless it has an answer or an operation. The last
 * two work also when the request's own time is over. */
enum err idempotency_keep_in(struct ctx *ctx, struct db_conn *tx, const struct id *claim,
                             const struct idempotency_answer *answer);
enum err idempotency_keep(struct ctx *ctx, const struct id *claim,
                          const struct idempotency_answer *answer);
enum err idempotency_give_back(struct ctx *ctx, const struct id *claim);

/* For what the request led to, within its transaction; fails as keep_in does. */
enum err idempotency_link_in(struct ctx *ctx, struct db_conn *tx, const struct id *claim,
                             const char *operation_id);

/* The request runs no longer: a claim that has neither answer nor operation by now can be made again. */
void idempotency_over(struct idempotency_claim *claim);

/* Deletes claims older than IDEMPOTENCY_KEPT_MS; called now and then. */
enum err idempotency_forget_old(struct ctx *ctx, int64_t within_ms, bool *is_done);
