/* fiber: straight-line code that can wait without holding a thread.
 *
 * One fiber per request or job. It runs on a small stack of its own until it waits; then the
 * loop's stack goes on, and wakes it later on the same thread. A fiber never changes thread.
 * No lock may be held across a wait, and errno is the only thread state that is kept.
 *
 * What waiting needs from a loop (timers, wakes from other threads, a pool for slow work) are
 * function pointers in struct fiber_host, which net/loop fills. Every function that waits also
 * works on a plain thread without a host; it then blocks that thread (command line, tests). */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fiber;

/* Intrusive, on the waiting fiber's stack: wakes it when_ms (monotonic), unless cleared. */
struct fiber_timer {
    size_t slot; /* the host's business */
    int64_t when_ms;
    void (*fire)(struct fiber_timer *t); /* on the loop's stack */
    bool is_set;
};

struct fiber_host {
    void (*post)(struct fiber_host *host, struct fiber *f); /* any thread: wake f on its loop */
    void (*timer_set)(struct fiber_host *host, struct fiber_timer *t);
    void (*timer_clear)(struct fiber_host *host, struct fiber_timer *t);
    /* Run work(arg) on a pool thread, then wake f. */
    void (*offload)(struct fiber_host *host, struct fiber *f, void (*work)(void *), void *arg);
    size_t fibers_max; /* fiber_run refuses past it; 0 = no limit */
};

/* Binds this thread to its host; NULL ends that and frees the thread's pooled stacks. */
void fiber_host_bind(struct fiber_host *host);

/* Gives the kernel back some of the stacks that nobody needed since the last call. The loop calls
 * it ten times a second: giving back at once what the next burst wants again cost a tenth of the
 * gateway's work at 4,000 callers. */
void fiber_trim(void);

/* From the loop's stack: runs fn(arg) on a fresh fiber until it ends or first waits.
 * False when the host has fibers_max fibers alive already, or no memory for a stack. */
bool fiber_run(void (*fn)(void *arg), void *arg);

struct fiber *fiber_self(void); /* NULL when not on a fiber */
bool fiber_is_loop(void); /* on the loop's own stack: who waits here holds up all its fibers */
size_t fiber_alive(void); /* fibers of this thread that have not ended */

/* This fiber will sleep for minutes, many times: from here on it is not counted against
 * fibers_max, and what it used of its stack below here goes back to the kernel, so that it costs
 * about three pages while it sleeps. Only on a fiber. */
void fiber_settle(void);

/* Goes to sleep; then(arg) runs on the loop's stack once this fiber can be woken, so that a
 * wake can not be lost. then may be NULL. Only on a fiber. */
void fiber_yield(void (*then)(void *arg), void *arg);

void fiber_wake(struct fiber *f); /* from the loop's stack of f's own thread */
void fiber_post(struct fiber *f); /* from anywhere */

/* Runs fn(arg) on the loop's big stack and comes back; directly when not on a fiber. */
void fiber_on_loop(void (*fn)(void *arg), void *arg);

void fiber_sleep(int64_t ms);
void fiber_offload(void (*work)(void *arg), void *arg); /* waits until work(arg) has run */

/* A place to wait for one signal, on a fiber or a plain thread alike. Lives on the waiter's
 * stack. With a deadline, the owner of the list it stands in must call fiber_unpark under the
 * lock that also guards the removal of a waiter that gave up. */
struct fiber_parking {
    struct fiber *fiber;
    struct fiber_timer timer;
    atomic_int state;
    pthread_mutex_t lock; /* plain threads only */
    pthread_cond_t signal;
};

enum { FIBER_NO_DEADLINE = -1 };

void fiber_parking_init(struct fiber_parking *p);
/* Waits until unparked; then(arg) runs when it is safe to unpark (may be NULL if something else
 * already knows of p). until_ms is monotonic or FIBER_NO_DEADLINE. False when the time came. */
bool fiber_park(struct fiber_parking *p, int64_t until_ms, void (*then)(void *arg), void *arg);
void fiber_unpark(struct fiber_parking *p); /* any thread; once */
