/* shares: places of which there are so many, and of which no one may hold more than a share.
 *
 * For what is scarce and is used by many: threads of the resolver, readers of recordings, long
 * queries. Where there is no place, whoever asks may wait for one; a place that comes free goes to
 * the one of those who wait who holds the fewest, among equals to whoever came first. How many may wait
 * is bounded too, in all and for each. Thread safe; waits as fiber or plain thread. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fiber.h"

struct shares_place;

struct shares {
    unsigned max, each_max;                 /* places */
    unsigned waiting_max, waiting_each_max; /* 0: nobody waits */
    pthread_mutex_t lock;                   /* guards what follows */
    struct shares_place *held, *waiting;    /* who waits longest is the last */
    unsigned held_count, waiting_count;
};

#define SHARES(places, each, may_wait, each_may_wait)                          \
    {                                                                          \
        .max = (places), .each_max = (each), .waiting_max = (may_wait),        \
        .waiting_each_max = (each_may_wait), .lock = PTHREAD_MUTEX_INITIALIZER \
    }

/* A place that is held or waited for; the caller's, and stays where it is meanwhile. */
struct shares_place {
    struct shares_place *next, *before;
    struct fiber_parking parking; /* while it is waited for */
    bool is_held;
    char whose[48];
};

/* True: the place is held until shares_leave. False: none came free by until_ms (monotonic), or as many
 * wait as may. A time that is over already: does not wait. */
bool shares_enter(struct shares *s, struct shares_place *p, const char *whose, int64_t until_ms);
void shares_leave(struct shares *s, struct shares_place *p); /* any thread */
