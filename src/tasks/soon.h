/* soon: what somebody on the phone waits for, but not for long: it runs on a fiber of its own, with a ctx and an arena of
 * its own, and goes on when nobody waits any more. All of one such thing happens on one thread.
 *
 *     struct keeping { struct soon soon; ... };     the first member, so that one is found by the other
 *     struct keeping *k = soon_new(ctx, sizeof *k, bytes, keep);
 *     ... what k needs is copied into k->soon.arena ...
 *     soon_begin(&k->soon);
 *     bool is_over = soon_wait(&k->soon, until_ms);
 *     soon_let_go(&k->soon);                        k may be gone from here on */
#pragma once

#include "base/fiber.h"
#include "obs/ctx.h"

struct soon {
    struct arena *arena;
    struct ctx ctx; /* follows that of who began it; it has within_ms from then on */
    void (*run)(struct soon *s);
    struct fiber_parking *waiter; /* NULL: nobody waits */
    bool is_over;
    bool is_left; /* who began it is gone */
    unsigned holders;
};

/* What it needs may take so many bytes; that which begins with a struct soon, zeroed, of that size. */
void *soon_new(const struct ctx *ctx, size_t size, size_t bytes, int64_t within_ms,
               void (*run)(struct soon *s));
/* False when there is no room for another fiber: then it is over, and was not run. */
bool soon_begin(struct soon *s);
/* Until it is over, or that time; is it? */
bool soon_wait(struct soon *s, int64_t until_ms);
void soon_tell(struct soon *s); /* in run: what it came to is there; the rest nobody waits for */
void soon_let_go(struct soon *s);
