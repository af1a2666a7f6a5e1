/* ratelimit: how often may this key come? (RESILIENCE 7)
 *
 * Two algorithms over tables of fixed size: GCRA (a rate with a burst) and the exact sliding log
 * (never more than N in any window). Keys are stored as hashes under a key of this process. A
 * refused call consumes nothing. Thread safe, locks are sharded; memory grows with use up to a
 * bound, and the longest unused keys are forgotten first.
 *
 * Where several hosts work together (ratelimit_share), Redis counts for all of them and this table beside it. What is full
 * here already is refused without asking; what Redis does not answer in time is this host's share of the limit. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct kv;
struct ratelimit;

enum ratelimit_kind { RATELIMIT_GCRA, RATELIMIT_SLIDING };

struct ratelimit_rule {
    const char *policy; /* "user-route": the metric's label, and part of the key */
    enum ratelimit_kind kind;
    int64_t count;     /* so many ... */
    int64_t period_ms; /* ... per this; sliding: at most RATELIMIT_PERIOD_MAX_MS */
    int64_t burst;     /* GCRA: at once; 0 = count */
};

enum { RATELIMIT_PERIOD_MAX_MS = 60 * 60 * 1000 };

struct ratelimit_result {
    bool is_allowed;
    int64_t limit, remaining; /* q and r of the RateLimit headers */
    int64_t reset_s;          /* t: until one more (sliding) or all (GCRA) is there again */
    int64_t retry_after_s;    /* refused: obeying it leads to success; else 0 */
};

struct ratelimit *ratelimit_new(void);
void ratelimit_free(struct ratelimit *r); /* NULL is fine */

/* Before anybody takes: kv counts for all hosts, of which there are hosts(arg), at least 1. kv is lent; NULL: alone.
 * From then on taking may sleep, on a fiber, for KV_BUDGET_MS. */
void ratelimit_share(struct ratelimit *r, struct kv *kv, size_t (*hosts)(const void *arg),
                     const void *arg);

struct ratelimit_result ratelimit_take(struct ratelimit *r, const struct ratelimit_rule *rule,
                                       struct str key, int64_t now_ms);

/* One of several limits of the same call, and what it came to. */
struct ratelimit_ask {
    struct ratelimit_rule rule;
    struct str key;
    struct ratelimit_result result;
};

enum { RATELIMIT_ASKS_MAX = 4 };

/* The same for several: until one refuses. Returns its place, whose result is the last that is set; count: all allowed.
 * Shared, a refused call consumes nothing of any of them. */
size_t ratelimit_take_all(struct ratelimit *r, struct ratelimit_ask *asks, size_t count,
                          int64_t now_ms);

struct ratelimit_use {
    int64_t used, limit;
    int64_t reset_s; /* as above; 0: nothing is used */
};

/* How much of it the key has used. Takes nothing, and keeps nothing of a key that never came. */
struct ratelimit_use ratelimit_look(struct ratelimit *r, const struct ratelimit_rule *rule,
                                    struct str key, int64_t now_ms);
