/* upstream: the only door to the outside.
 *
 * Every call to a provider takes the same way (RESILIENCE 1): cache, bulkhead, then attempts, each
 * of them through the credential gate, the throttle gate and both breakers, classified and
 * recorded, and retried where that is safe. A dialect (vapi.c, twilio.c) says what to send and how
 * to read the answer; it never sends.
 *
 * What is cached may be refreshed beside a request that was answered from it; so digest, authorize
 * and reason must be good beyond the request.
 *
 * What goes to an address that a customer named takes the same door by another handle:
 * upstream_send.
 *
 * The idempotency claim is made before (routes/idempotency.c); a call that must not happen twice is
 * made by tasks/operation_run.c, which watches it (struct upstream_watch). */
#pragma once

#include <jansson.h>

#include "base/address.h"
#include "base/secret.h"
#include "obs/ctx.h"
#include "obs/provider.h"
#include "resilience/guard.h"

struct upstream;
struct config;
struct dialect;

/* config must outlive it. dialect: dialect_of of dialect.h, as a pointer, because dialects call
 * this file. */
struct upstream *upstream_new(const struct config *config,
                              const struct dialect *(*dialect)(enum provider p));
void upstream_free(struct upstream *u);
void upstream_retune(struct upstream *u, const struct config *config); /* its live settings */
void upstream_drain(struct upstream *u); /* from now on nothing is retried */

/* Called whenever a breaker opened or closed or a credential was refused, by the call that moved it, with no lock held.
 * workspace_id: whom it concerns; NULL when it is the provider's or the operator's credential's,
 * and so concerns everybody. Must be quick. Before the first call. */
void upstream_on_moved(struct upstream *u,
                       void (*moved)(void *arg, enum provider p, const char *workspace_id),
                       void *arg);

/* Called before each wait for another attempt at what somebody asks for on a page: not for API keys,
 * nor for what has a watch of its own. ctx->attempts: how many were made. Must be quick. Before the
 * first call. */
void upstream_on_retry(struct upstream *u,
                       void (*retried)(const struct ctx *ctx, enum provider p, int64_t wait_ms));

/* Which credential to use, without holding it: its plaintext exists only during an attempt. */
struct upstream_credential {
    const char *id;
    int64_t version;
    const char *workspace_id; /* whose call it is: bulkhead and cache */
    char last4[5];            /* of its secret, for people; "": not known */
    bool is_trial;            /* somebody tries it out; it is not stored */
    bool is_platform;         /* the operator's: a refusal is the operator's fault */
    /* Brings the secret fields ("api_key", ...). */
    enum err (*reveal)(struct ctx *ctx, const struct upstream_credential *c, struct secret *out);
    struct str source; /* reveal's business: sealed bytes, or what names the secret */
    /* OAuth: after a 401, gets another token than the one of that version, which reveal told as the field
     * "version". NULL: there is no way to. */
    enum err (*renew)(struct ctx *ctx, const struct upstream_credential *c, int64_t version);
};

struct upstream_request;

/* For a caller that must write down what happens before it does. Called on the fiber of the
 * call. */
struct upstream_watch {
    /* Before the first byte of each attempt; not OK: nothing is sent, the call ends with that. */
    enum err (*sending)(struct ctx *ctx, const struct upstream_request *req, void *arg);
    /* This attempt was not processed; the next one is made after wait_ms. */
    void (*waiting)(struct ctx *ctx, int attempts, int64_t wait_ms, void *arg);
    void *arg;
};

struct upstream_request;

struct upstream_headers {
    const char *lines[8];
    size_t count;
};

struct upstream_request {
    enum provider provider;
    const char *operation; /* for metrics: "assistant.get" */
    const char *method;
    const char *path; /* below the base URL, query sorted */
    /* Instead of the base URL and path: an address that the provider itself named, to which no
     * credential goes. Whether it may be asked is for the dialect to check before. */
    const char *url;
    struct str body;
    const char *content_type; /* of body */
    /* Instead of body, where a secret of another provider must go into it: writes the body into
     * *out, for each attempt anew; it is wiped after. The answer may repeat it, so paths must name
     * what is kept. Never with resource: nothing of it may be cached. */
    enum err (*fill)(struct ctx *ctx, const struct upstream_request *req, struct secret *out);
    const void *fill_arg; /* fill's business */
    const struct upstream_credential *credential;
    /* Adds the authentication to the headers; what it puts into the arena is wiped after. */
    void (*authorize)(struct ctx *ctx, const struct upstream_request *req,
                      const struct secret *fields, struct upstream_headers *out);
    /* What of a good answer digest or read look at, as paths of sift.h, static; NULL: all of it. The
     * answer is read as it comes, up to 16 MiB, and only this is kept. */
    const char *const *paths;
    /* Reads a good answer: *kept is what callers get and the cache keeps. said: the arena's; a value
     * that was too much to keep is null. False: it is not what the provider documents. */
    bool (*digest)(struct ctx *ctx, const json_t *said, struct str *kept);
    /* Instead of digest, where nothing is cached: reads a good answer into *into, which is the
     * caller's, anew for each attempt. False as above. Neither: the body is not read. */
    bool (*read)(struct ctx *ctx, const json_t *said, void *into);
    void *into;
    const struct upstream_watch *watch; /* NULL: nobody */
    const char *resource; /* what is read or changed, for the cache; NULL: not cached */
    bool is_repeatable;   /* documented as safe to repeat although not idempotent by method */
    bool changes_nothing; /* that callers see: a POST that reads, or renews a token */
    bool skip_cache;      /* a read that must see what is true now */
    /* Not JSON: what is asked for instead, which is kept as it comes, up to so many bytes. */
    const char *accept;
    size_t answer_max_bytes;
    const char *range;  /* "bytes=0-1": the part that is asked for; NULL: all */
    int64_t attempt_ms; /* how long one may take, up to its first byte too; 0: 5 s and 4 s */
    /* upstream_send: */
    const char *scope;      /* whom breaker and bulkhead are for, instead of all of the provider */
    const char *message_id; /* the same each time it is sent; for authorize */
};

struct upstream_answer {
    int status;
    struct str body; /* what digest kept; the arena's, or lent until the arena's end */
    int64_t age_ms;  /* 0 when fresh */
    bool is_cached, is_stale;
    int attempts;
    uint64_t bumped;       /* of a write: for upstream_remember */
    int64_t retry_after_s; /* stale: when asking again is worth it; 0 unknown */
};

/* Makes the call, or answers it from the cache where req->resource allows; waits until the deadline
 * of ctx at most. ERR_PROVIDER_*, ERR_CREDENTIALS_REJECTED, ...: ctx->problem tells everything.
 * ERR_OUTCOME_UNKNOWN: an unsafe call may have been carried out; it was not repeated. */
enum err upstream_call(struct ctx *ctx, const struct upstream_request *req,
                       struct upstream_answer *out);

/* An answer that is passed on as it comes: nobody knows how long it is, and it goes at the pace of whoever
 * reads it, with some ten kB in memory. */
struct upstream_flow;
struct upstream_head {
    int status;
    int64_t length;            /* of the body; -1: not said */
    const char *content_range; /* NULL: not said */
};

/* Like upstream_call, past the cache, for a request without digest or read: OK once the head of a good
 * answer is there. The place in the bulkhead is given back then, since readers may be slow; the
 * breakers learn how it ended. *out lives until the arena's end, and needs no ctx. */
enum err upstream_open(struct ctx *ctx, const struct upstream_request *req,
                       struct upstream_head *head, struct upstream_flow **out);

/* Waits for the next piece, which is lent until the next read; an empty one is the end. False when the
 * answer broke off, or once *is_gone: whoever reads has left. */
bool upstream_read(struct upstream_flow *f, const bool *is_gone, struct str *piece);

/* What one attempt brought. */
struct upstream_echo {
    int status; /* 0: no answer came */
    int64_t took_us;
    int64_t retry_after_s; /* -1: it did not say */
    const char *failure;   /* why none came, a sentence for people; NULL when one did */
};

/* One attempt at req->url, which a customer named: judged by providers/outbound.h, sent to the
 * address that was judged, without redirects, and not repeated. OK when it was made, whatever came
 * of it (an address that may not be reached is such an outcome). ERR_PROVIDER_UNAVAILABLE,
 * _RATE_LIMITED or _BUSY: nothing was sent, ctx->problem.retry_after_s says when to come again. */
enum err upstream_send(struct ctx *ctx, const struct upstream_request *req,
                       struct upstream_echo *out);

struct mail_call;

/* One mail at the mail server call->host, which a customer named (net/mail_call.h; judged as above). Of req
 * provider, operation, credential, watch and attempt_ms count (0: 30 s); "username" and "password" of the
 * credential are used where it has them. Of call `only`, the names and the times are filled in here.
 * Repeated only as long as nothing of the message was sent.
 * OK: the server has said what it does with this mail, maybe no; call->result is CLIENT_DONE or _REFUSED.
 * ERR_OUTCOME_UNKNOWN: it may have taken it. Any other error: it took nothing; call says how far it came,
 * call->result CLIENT_DONE: there was no attempt. */
enum err upstream_mail(struct ctx *ctx, const struct upstream_request *req, struct mail_call *call);

/* What AVA_OUTBOUND_ALLOW lets customers' addresses reach although not public. */
const struct address_ranges *upstream_allowed(const struct upstream *u);

/* After a write that was answered with the whole resource: keeps it as the answer to this read. */
void upstream_remember(struct ctx *ctx, const struct upstream_request *read, uint64_t bumped,
                       struct str kept);

/* Drops everything cached of a resource of a workspace: when a webhook says that it changed. */
void upstream_forget(struct ctx *ctx, const struct upstream_request *read);

enum { UPSTREAM_ATTEMPTS_MAX = 3 };

/* How the breaker of a credential stands; credential_id NULL: the provider's own breaker. */
struct guard_state upstream_state(struct upstream *u, enum provider p, const char *credential_id);
struct history *upstream_history(struct upstream *u); /* how providers answered (history.h) */
struct guard_state upstream_overall(struct upstream *u, enum provider p); /* guard_overall */
/* "closed", "half_open" or "open", as above. */
const char *upstream_breaker(struct upstream *u, enum provider p, const char *credential_id);
