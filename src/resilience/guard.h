/* guard: the one place that says yes or no to an attempt at a provider (RESILIENCE 3).
 *
 * Joins, per (provider, credential): the credential's breaker, the provider's breaker, the
 * throttle gate and the credential gate. Thread safe; one lock per provider, held for
 * microseconds. Remembers a bounded number of credentials and forgets the longest unused closed
 * one first. Knows nothing of workspaces, HTTP or waiting.
 *
 *     struct guard_call call = { .provider = p, .credential = id, .version = v };
 *     struct guard_verdict v = guard_admit(g, &call, ava_now_ms());
 *     if (v.answer == GUARD_ADMITTED)
 *         closed = guard_settle(g, &call, outcome_of_attempt, retry_after_ms, ava_now_ms());
 *
 * One guard_call per logical call, used by all its attempts: that is how a call that fails three
 * times is one piece of evidence. Every admitted attempt is settled, with OUTCOME_LOCAL when
 * nothing was learned. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resilience/breaker.h"

struct guard;

struct guard_conf {
    bool is_enabled;            /* false: breakers count, but never refuse */
    unsigned failures_to_open;  /* 3 */
    int64_t recovery_ms;        /* 30000 */
    int64_t attempt_timeout_ms; /* 5000; of a call that does not name its own */
    size_t credentials_max;     /* remembered per provider; 0 = 16384 */
};

struct guard *guard_new(const struct guard_conf *conf);
void guard_free(struct guard *g); /* NULL is fine */

/* Other rules from now on, for all that is remembered; attempt_timeout_ms and credentials_max stay.
 * Breakers keep their state; one that is switched off closes. */
void guard_retune(struct guard *g, const struct guard_conf *conf);

enum guard_answer {
    GUARD_ADMITTED,
    GUARD_BREAKER_OPEN, /* 503 provider_unavailable */
    GUARD_THROTTLED,    /* 429 provider_rate_limited */
    GUARD_NEEDS_REAUTH, /* 424 provider_credentials_rejected */
};

enum { GUARD_NO_RETRY_AFTER = -1 };

/* The caller fills the first block, guard the second. The texts must outlive the call. */
struct guard_call {
    enum provider provider;
    const char *host;       /* SMTP: its server, the scope of the provider breaker; else NULL */
    const char *credential; /* id */
    int64_t version;        /* of the credential; a higher one clears its gates */
    /* How long an attempt of it may take, with all it waits for after it is admitted; 0: the usual. A
     * probe's permit is leased for one second more. */
    int64_t attempt_ms;
    bool
        is_trial; /* with a key that is not stored: it works for nobody, so the gauge passes over it */
    bool may_refresh; /* OAuth: the first 401 of this call asks for a new token only */

    bool is_admitted, is_counted; /* counted: one failure of this call was recorded */
    uint64_t credential_ticket, provider_ticket, credential_serial, provider_serial;
};

struct guard_verdict {
    enum guard_answer answer;
    bool is_probe;        /* then: one attempt, no retry */
    int64_t remaining_ms; /* refused: until it is worth asking again */
};

struct guard_verdict guard_admit(struct guard *g, struct guard_call *call, int64_t now_ms);

/* Bits: which breakers this outcome closed after probes (bulkhead_restart wants to know), whether
 * one is not closed now (then a retry would only be refused), and which opened. */
enum {
    GUARD_CLOSED_CREDENTIAL = 1,
    GUARD_CLOSED_PROVIDER = 2,
    GUARD_NOT_CLOSED = 4,
    GUARD_OPENED_CREDENTIAL = 8,
    GUARD_OPENED_PROVIDER = 16,
    GUARD_REFUSED_CREDENTIAL = 32, /* its gate has just closed: it needs attention */
};

/* retry_after_ms counts for OUTCOME_THROTTLE only: GUARD_NO_RETRY_AFTER means 1 s; at most 300 s
 * are believed. */
unsigned guard_settle(struct guard *g, struct guard_call *call, enum outcome o,
                      int64_t retry_after_ms, int64_t now_ms);

/* For the integrations page and `ava status`. */
struct guard_state {
    enum breaker_state breaker;
    unsigned failures;
    int64_t remaining_ms; /* of the breaker */
    int64_t throttled_ms; /* 0: not */
    bool needs_reauth;
};

/* credential NULL: the provider's own breaker (SMTP: of host). Unknown ones are closed. */
struct guard_state guard_state(struct guard *g, enum provider p, const char *host,
                               const char *credential, int64_t now_ms);

/* How the provider fares as a whole: the worse of its own breaker and of the least open one of the credentials in
 * use, so that one workspace's trouble is not everybody's, and the only workspace's is. */
struct guard_state guard_overall(struct guard *g, enum provider p, int64_t now_ms);

/* By hand (audited by the caller), or on hints of other hosts. credential NULL: the provider's. */
void guard_force_open(struct guard *g, enum provider p, const char *host, const char *credential,
                      int64_t now_ms);
void guard_reset(struct guard *g, enum provider p, const char *host, const char *credential);

/* Sets the circuit_breaker_* gauges: metrics_before_scrape(guard_collect, g). */
void guard_collect(void *guard);
