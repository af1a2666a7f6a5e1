/* bulkhead: how many calls may be under way at once (RESILIENCE 6).
 *
 * One limit per provider, one per (workspace, provider). Both breathe: a tenth less when the
 * provider times out or throttles, one more after as many successes as the limit. (Calls that
 * began before the last cut do not cut again: one hiccup is one hiccup.) A workspace's trouble
 * may be its own, its quota or its slow assistant: the provider's limit is cut when two different
 * workspaces had some without a success of others in between. When full, a call waits
 * its turn for at most 250 ms; turns go round the workspaces. Thread safe; waits as fiber or
 * plain thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "resilience/outcome.h"

struct bulkhead;

struct bulkhead_conf {
    unsigned provider_max;  /* 512 */
    unsigned workspace_max; /* 64 */
    int64_t wait_ms;        /* 250 */
};

enum { BULKHEAD_LIMIT_MIN = 4 };

struct bulkhead *bulkhead_new(const struct bulkhead_conf *conf);
void bulkhead_free(struct bulkhead *b); /* when nobody is inside; NULL is fine */

/* Other maxima from now on; wait_ms stays. Limits move in proportion, whoever is inside stays. */
void bulkhead_retune(struct bulkhead *b, const struct bulkhead_conf *conf);

/* A place taken; the caller keeps it (zeroed at first) and gives it back by bulkhead_leave. */
struct bulkhead_place {
    enum provider provider;
    struct bulkhead_workspace *workspace; /* NULL: holds nothing */
    uint64_t entered;
};

/* False: 503 provider_busy, Retry-After 1. Waits until until_ms (monotonic) at most. */
bool bulkhead_enter(struct bulkhead *b, enum provider p, const char *workspace_id, int64_t until_ms,
                    struct bulkhead_place *out);

/* timed_out: the attempt ran into its timeout. Does nothing for a place that holds nothing. */
void bulkhead_leave(struct bulkhead *b, struct bulkhead_place *place, enum outcome o,
                    bool timed_out);

/* After a breaker closed: the limit restarts at a quarter of its maximum, so that no herd comes.
 * workspace_id NULL: the provider's limit; else that workspace's. */
void bulkhead_restart(struct bulkhead *b, enum provider p, const char *workspace_id);

struct bulkhead_state {
    unsigned in_flight, limit, waiting;
};
struct bulkhead_state bulkhead_state(struct bulkhead *b, enum provider p,
                                     const char *workspace_id); /* NULL: the provider's */

/* Sets bulkhead_in_flight: metrics_before_scrape(bulkhead_collect, b). */
void bulkhead_collect(void *bulkhead);
