/* retry: once more, or not; and after how long (RESILIENCE 4).
 *
 * Decides, never waits and never sends. Only the budget has state: a bucket of 100 per provider,
 * shared by all threads. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "resilience/outcome.h"

enum { RETRY_NO_RETRY_AFTER = -1, RETRY_LEFT_MIN_MS = 200 };

/* Full jitter before retry k (1..): uniform in 0..min(cap, base * 2^(k-1)). */
int64_t retry_delay_ms(enum outcome why, bool is_job, unsigned k);

/* Retry-After in whole seconds, or RETRY_NO_RETRY_AFTER: garbage, negative, a date that is over, or
 * more seconds than a day has, which is how a time since 1970 looks. A date is relative to the Date
 * header, without a good one to Ava's own clock, and counts as a day at most. */
int64_t retry_after_parse(struct str value, struct str date);

/* What is known about the request, for the safe rule. */
struct retry_request {
    bool throttle_did_nothing; /* the provider documents that what it throttles is not begun */
    bool is_idempotent;        /* by its method: retry_method_is_idempotent */
    bool is_repeatable;        /* by what the provider documents: sets absolute values, hang up */
    bool has_idempotency_key;  /* the provider takes one and we sent it */
    bool left_host;            /* at least one byte of the request was sent */
};

bool retry_method_is_idempotent(struct str method); /* GET HEAD PUT DELETE */
bool retry_is_safe(const struct retry_request *r, enum outcome o);

struct retry_budget;

/* How long attempts at a provider take: an estimate of their median that follows what happens, a
 * sixteenth up or down with each. A retry that has less time than that left would be for nothing. */
void retry_learn(struct retry_budget *b, enum provider p, int64_t took_us);
int64_t retry_median_ms(struct retry_budget *b, enum provider p); /* 0: not known yet */

struct retry_budget *retry_budget_new(void);
void retry_budget_free(struct retry_budget *b); /* NULL is fine */
double retry_budget_tokens(struct retry_budget *b, enum provider p);

/* One logical call, from its first attempt to its end. */
struct retry_call {
    enum provider provider;
    unsigned attempts; /* made or under way: 1 at first, one more with each RETRY_AGAIN */
    bool is_retrying, has_refreshed;
};

struct retry_call retry_begin(struct retry_budget *b, enum provider p);
void retry_end(struct retry_budget *b, struct retry_call *c, enum outcome last);

enum retry_answer {
    RETRY_AGAIN,
    RETRY_POINTLESS, /* the outcome is final: ok, slow, local, auth without a new token */
    RETRY_UNKNOWN,   /* it may have happened: outcome unknown, never sent again */
    RETRY_UNSAFE,    /* it was answered with a throttle, but may not be sent twice */
    RETRY_ATTEMPTS,  /* all used */
    RETRY_NOT_NOW,   /* a probe, draining, or the client has its answer */
    RETRY_TOO_LATE,  /* the deadline, or a Retry-After beyond it; pass retry_after_s on */
    RETRY_BUDGET_EMPTY,
};

struct retry_question {
    struct retry_request request;
    enum outcome outcome;
    unsigned attempts_max; /* 3; jobs 8 */
    int64_t left_ms;       /* until the deadline; jobs may wait longer than that */
    int64_t median_ms;     /* of attempts, 0: not known */
    int64_t retry_after_s; /* or RETRY_NO_RETRY_AFTER */
    bool is_job, is_probe, is_draining, is_answered;
    bool has_new_token; /* OAuth: refreshed by force since this attempt */
};

struct retry_decision {
    enum retry_answer answer;
    int64_t wait_ms; /* before RETRY_AGAIN */
};

/* The connection sent it again by itself: that was one of the attempts, without its price. */
void retry_resent(struct retry_call *c);

/* To be asked after each attempt; RETRY_AGAIN has taken its price from the budget already. */
struct retry_decision retry_decide(struct retry_budget *b, struct retry_call *c,
                                   const struct retry_question *q);
