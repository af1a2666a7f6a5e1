/* ratelimit: how often may this key come? (RESILIENCE 7)
 *
 * Two algorithms over tables of fixed size: GCRA (a rate with a burst) and the exact sliding log
 * (never more than N in any window). Keys are stored as hashes under a key of this process. A
 * refused call consumes nothing. Thread safe, locks are sharded; memory grows with use up to a
 * bound, and the longest unused keys are forgotten first. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

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

struct ratelimit_result ratelimit_take(struct ratelimit *r, const struct ratelimit_rule *rule,
                                       struct str key, int64_t now_ms);

struct ratelimit_use {
    int64_t used, limit;
    int64_t reset_s; /* as above; 0: nothing is used */
};

/* How much of it the key has used. Takes nothing, and keeps nothing of a key that never came. */
struct ratelimit_use ratelimit_look(struct ratelimit *r, const struct ratelimit_rule *rule,
                                    struct str key, int64_t now_ms);
