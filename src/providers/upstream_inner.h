/* upstream_inner: between upstream.c, which makes the attempts, and upstream_cached.c, which answers
 * from the cache where it may. */
#pragma once

#include <stdatomic.h>

#include "providers/upstream.h"
#include "resilience/bulkhead.h"
#include "resilience/cache.h"
#include "resilience/retry.h"

struct upstream {
    const struct config *config;
    const struct dialect *(*dialect_of)(enum provider p);
    struct guard *guard;
    struct bulkhead *bulkhead;
    struct retry_budget *budget;
    struct cache *cache;
    struct address_ranges allowed;
    atomic_bool draining;
    void (*moved)(void *arg, enum provider p, const char *workspace_id);
    void *moved_arg;
};

/* Past the cache: bulkhead, attempts, and what the last attempt means to the caller. */
enum err upstream_through(struct ctx *ctx, const struct upstream_request *req,
                          struct upstream_answer *out);
