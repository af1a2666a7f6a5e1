/* upstream_inner: between upstream.c, which makes the attempts, and upstream_cached.c, which answers
 * from the cache where it may. */
#pragma once

#include <stdatomic.h>

#include "providers/upstream.h"
#include "resilience/bulkhead.h"
#include "resilience/cache.h"
#include "resilience/history.h"
#include "resilience/retry.h"

struct upstream {
    const struct config *config;
    const struct dialect *(*dialect_of)(enum provider p);
    struct guard *guard;
    struct bulkhead *bulkhead;
    struct retry_budget *budget;
    struct history *history;
    struct cache *cache;
    struct address_ranges allowed;
    atomic_bool draining;
    void (*moved)(void *arg, enum provider p, const char *workspace_id);
    void *moved_arg;
    void (*retried)(const struct ctx *ctx, enum provider p, int64_t wait_ms);
};

/* What an outcome did to the breakers (bits of guard_settle), for those who wait and those who watch. */
void upstream_spread(struct upstream *u, const struct upstream_request *req, unsigned bits);
/* ERR_PROVIDER_BUSY: no place in the bulkhead; given back by bulkhead_leave. */
enum err upstream_find_place(struct ctx *ctx, const struct upstream_request *req,
                             struct bulkhead_place *out);
/* The error of an attempt that was not admitted, and of one that had no connection. */
enum err upstream_refused(struct ctx *ctx, const struct upstream_request *req,
                          const struct guard_verdict *v);
enum err upstream_starved(struct ctx *ctx);
/* Waits, but not to the end once Ava goes down. */
void upstream_wait_for_turn(struct upstream *u, int64_t wait_ms);

/* Past the cache: bulkhead, attempts, and what the last attempt means to the caller. */
enum err upstream_through(struct ctx *ctx, const struct upstream_request *req,
                          struct upstream_answer *out);
