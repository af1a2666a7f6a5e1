#include "net/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/fiber.h"
#include "base/memory.h"
#include "net/patience.h"
#include "net/timers.h"

enum {
    TICK_MS = 100,
    NS_PER_MS = 1000 * 1000,
    SHARE_US = 5 * 1000, /* of a turn, for what may be put off */
    TURN_US = 20 * 1000, /* of work, after which what was posted comes in the next turn */
    LOOK_EVERY = 8,      /* fibers: asking for the time costs a tenth of what the shortest do */
};

/* A post can come from any thread, so it waits in a list behind a lock; `next` of the fiber is
 * not ours to use, hence a ring that grows. */
struct posted {
    struct fiber **items;
    size_t count, room;
};

struct loop {
    struct fiber_host host;
    uv_loop_t uv;
    uv_async_t async;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t timer, tick;
    struct timers timers;

    pthread_mutex_t lock; /* guards what follows */
    struct posted posted;
    struct loop_call *calls, **calls_end;
    bool is_awake; /* async already sent */

    struct loop_later *later, **later_end; /* who is put off, */
    uv_idle_t haste;                       /* and while there is one the loop does not sleep */

    struct posted running;                /* posts being run, swapped with posted, */
    size_t running_at;                    /* from here on */
    struct loop_call *taken, **taken_end; /* calls being made */
    pthread_t thread;
    atomic_bool stopping;
    int64_t tick_due_ms;
    _Atomic int64_t lag_ms, last_turn_ms;
    uint64_t ticked_ns, woke_ns; /* by the system's own clock, which no test moves */
    int64_t worked_us;           /* processor time of the thread when the turn began */
    _Atomic int64_t longest_us;
};

static __thread struct loop *mine;

static void push(struct posted *p, struct fiber *f) {
    if (p->count == p->room) {
        p->room = p->room ? p->room * 2 : 64;
        p->items = memory_resized(p->items, p->room * sizeof(struct fiber *));
    }
    p->items[p->count++] = f;
}

/* Wakes the loop unless it is this thread's own, which drains before it blocks anyway. */
static void nudge_locked(struct loop *l) {
    if (l->is_awake || mine == l)
        return;
    l->is_awake = true;
    uv_async_send(&l->async);
}

/* For fiber_host.post: queues the fiber to be woken on its loop; any thread. */
static void host_post(struct fiber_host *host, struct fiber *f) {
    struct loop *l = CONTAINER_OF(host, struct loop, host);
    pthread_mutex_lock(&l->lock);
    push(&l->posted, f);
    nudge_locked(l);
    pthread_mutex_unlock(&l->lock);
}

void loop_post(struct loop *l, struct loop_call *call) {
    call->next = NULL;
    pthread_mutex_lock(&l->lock);
    *l->calls_end = call;
    l->calls_end = &call->next;
    nudge_locked(l);
    pthread_mutex_unlock(&l->lock);
}

static void rearm(struct loop *l);

static void on_timer(uv_timer_t *t) {
    struct loop *l = t->data;
    timers_fire(&l->timers, ava_now_ms());
    rearm(l);
}

/* Sets the one uv_timer to the next of all timers. */
static void rearm(struct loop *l) {
    int64_t when = timers_next(&l->timers);
    if (when == TIMERS_NONE) {
        uv_timer_stop(&l->timer);
        return;
    }
    int64_t in = when - ava_now_ms();
    uv_update_time(&l->uv);
    uv_timer_start(&l->timer, on_timer, in > 0 ? (uint64_t)in : 0, 0);
}

static void host_timer_set(struct fiber_host *host, struct fiber_timer *t) {
    struct loop *l = CONTAINER_OF(host, struct loop, host);
    timers_add(&l->timers, t);
    if (timers_next(&l->timers) == t->when_ms)
        rearm(l);
}

static void host_timer_clear(struct fiber_host *host, struct fiber_timer *t) {
    struct loop *l = CONTAINER_OF(host, struct loop, host);
    timers_remove(&l->timers, t); /* a uv_timer that fires for nothing finds nothing */
}

struct pool_job {
    uv_work_t work;
    struct fiber *fiber;
    void (*run)(void *);
    void *arg;
};

static void on_pool(uv_work_t *w) {
    struct pool_job *job = w->data;
    memory_in_turn(job->run, job->arg);
}

static void after_pool(uv_work_t *w, int status) {
    struct pool_job *job = w->data;
    struct fiber *f = job->fiber;
    free(job);
    fiber_wake(f);
}

/* For fiber_host.offload: runs the work on the pool of libuv. */
static void host_offload(struct fiber_host *host, struct fiber *f, void (*work)(void *),
                         void *arg) {
    struct loop *l = CONTAINER_OF(host, struct loop, host);
    struct pool_job *job = memory_zeroed(1, sizeof *job);
    job->work.data = job;
    job->fiber = f;
    job->run = work;
    job->arg = arg;
    uv_queue_work(&l->uv, &job->work, on_pool, after_pool);
}

/* Processor time, so that a busy machine makes no turn longer than its own work. */
static int64_t worked_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool has_worked_long(const struct loop *l) {
    return l->worked_us && worked_us() - l->worked_us > TURN_US;
}

/* Takes what was posted; false when there is nothing. */
static bool take_posted(struct loop *l) {
    pthread_mutex_lock(&l->lock);
    struct posted swap = l->running;
    l->running = l->posted;
    l->posted = swap;
    l->posted.count = 0;
    l->running_at = 0;
    *l->taken_end = l->calls;
    if (l->calls)
        l->taken_end = l->calls_end;
    l->calls = NULL;
    l->calls_end = &l->calls;
    l->is_awake = false;
    pthread_mutex_unlock(&l->lock);
    return l->running.count > 0 || l->taken;
}

static void make_call(struct loop *l) {
    struct loop_call *call = l->taken;
    l->taken = call->next;
    if (!l->taken)
        l->taken_end = &l->taken;
    call->fn(call->arg);
}

/* Runs everything posted, and what that posts, so that the loop never blocks on ready work. Where that is more than a turn
 * should take, the rest comes in the next one, which begins at once: other threads may post faster than it is done. */
static void drain(struct loop *l) {
    unsigned done = 0;
    do {
        while (l->running_at < l->running.count || l->taken) {
            if (++done % LOOK_EVERY == 0 && has_worked_long(l)) {
                uv_async_send(&l->async);
                return;
            }
            if (l->running_at < l->running.count)
                fiber_wake(l->running.items[l->running_at++]);
            else
                make_call(l);
        }
    } while (take_posted(l));
}

static void on_async(uv_async_t *a) {
    drain(a->data);
}

/* Once a turn, before the loop sleeps. */
static void on_prepare(uv_prepare_t *p) {
    struct loop *l = p->data;
    drain(l);
    int64_t now_us = worked_us();
    if (l->worked_us &&
        now_us - l->worked_us > atomic_load_explicit(&l->longest_us, memory_order_relaxed))
        atomic_store_explicit(&l->longest_us, now_us - l->worked_us, memory_order_relaxed);
    l->worked_us = now_us;
}

static void on_check(uv_check_t *c) {
    drain(c->data);
}

bool loop_is_full(struct loop *l) {
    assert(mine == l);
    return l->later || (l->worked_us && worked_us() - l->worked_us > SHARE_US);
}

void loop_take_back(struct loop *l, struct loop_later *later) {
    if (!later->is_waiting)
        return;
    assert(mine == l);
    *later->held_by = later->next;
    if (later->next)
        later->next->held_by = later->held_by;
    else
        l->later_end = later->held_by;
    later->is_waiting = false;
    if (!l->later)
        uv_idle_stop(&l->haste);
}

/* Once a turn: as many of those who were put off as its share allows, and at least one. */
static void on_haste(uv_idle_t *i) {
    struct loop *l = i->data;
    do {
        struct loop_later *first = l->later;
        loop_take_back(l, first);
        first->fn(first);
    } while (l->later && worked_us() - l->worked_us <= SHARE_US);
}

void loop_put_off(struct loop *l, struct loop_later *later) {
    assert(mine == l && !later->is_waiting);
    later->next = NULL;
    later->held_by = l->later_end;
    later->is_waiting = true;
    *l->later_end = later;
    l->later_end = &later->next;
    uv_idle_start(&l->haste, on_haste);
}

/* A fiber that was put off; on its stack. */
struct resting {
    struct loop_later later;
    struct fiber *fiber;
};

static void wake_rested(struct loop_later *later) {
    fiber_wake(CONTAINER_OF(later, struct resting, later)->fiber);
}

static void put_off_resting(void *arg) {
    loop_put_off(mine, &((struct resting *)arg)->later);
}

void loop_take_turns(void) {
    struct resting r = { { .fn = wake_rested }, fiber_self() };
    if (r.fiber && loop_is_full(mine))
        fiber_yield(put_off_resting, &r);
}

static bool is_standing(const struct loop *l, uint64_t now_ns) {
    return now_ns - l->ticked_ns > (TICK_MS + LOOP_STOOD_MS) * NS_PER_MS;
}

static void note_standstill(struct loop *l) {
    uint64_t now_ns = uv_hrtime();
    if (is_standing(l, now_ns))
        l->woke_ns = now_ns;
    l->ticked_ns = now_ns;
}

bool loop_has_stood(const struct loop *l, int64_t within_ms) {
    uint64_t now_ns = uv_hrtime();
    return is_standing(l, now_ns) ||
           (l->woke_ns && now_ns - l->woke_ns < (uint64_t)within_ms * NS_PER_MS);
}

/* Ten times a second: measures how late the loop is, and ends it once it is stopped and no fiber is
 * alive. */
static void on_tick(uv_timer_t *t) {
    struct loop *l = t->data;
    int64_t now = ava_now_ms();
    atomic_store_explicit(&l->lag_ms, now > l->tick_due_ms ? now - l->tick_due_ms : 0,
                          memory_order_relaxed);
    atomic_store_explicit(&l->last_turn_ms, now, memory_order_relaxed);
    l->tick_due_ms = now + TICK_MS;
    note_standstill(l);
    if (timers_next(&l->timers) != TIMERS_NONE && timers_next(&l->timers) < now) {
        timers_fire(&l->timers, now); /* the clock was advanced, or this turn was a long one */
        rearm(l);
    }
    fiber_trim();
    if (atomic_load(&l->stopping) && fiber_alive() == 0)
        uv_stop(&l->uv);
}

/* A loop without its descriptors is none. Loops are made at start. */
static void need(int rc) {
    if (rc == 0)
        return;
    errno = -rc;
    abort();
}

static void on_started(uv_work_t *w) {}

static void after_started(uv_work_t *w, int status) {
    free(w);
}

/* Has libuv start its pool now: it ends the process where it gets no thread for it. */
static void start_pool(struct loop *l) {
    uv_work_t *w = memory_zeroed(1, sizeof *w);
    need(uv_queue_work(&l->uv, w, on_started, after_started));
}

struct loop *loop_new(size_t fibers_max) {
    assert(!mine);
    struct loop *l = memory_zeroed(1, sizeof *l);
    l->host = (struct fiber_host){ host_post, host_timer_set, host_timer_clear, host_offload,
                                   fibers_max };
    l->calls_end = &l->calls;
    l->taken_end = &l->taken;
    l->later_end = &l->later;
    l->thread = pthread_self();
    pthread_mutex_init(&l->lock, NULL);
    patience_begin();
    need(uv_loop_init(&l->uv));
    l->uv.data = l;
    need(uv_async_init(&l->uv, &l->async, on_async));
    uv_prepare_init(&l->uv, &l->prepare);
    uv_check_init(&l->uv, &l->check);
    uv_idle_init(&l->uv, &l->haste);
    uv_timer_init(&l->uv, &l->timer);
    uv_timer_init(&l->uv, &l->tick);
    l->async.data = l->prepare.data = l->check.data = l->haste.data = l->timer.data = l->tick.data =
        l;
    uv_prepare_start(&l->prepare, on_prepare);
    uv_check_start(&l->check, on_check);
    l->tick_due_ms = ava_now_ms() + TICK_MS;
    l->ticked_ns = uv_hrtime();
    uv_timer_start(&l->tick, on_tick, TICK_MS, TICK_MS);
    atomic_init(&l->last_turn_ms, ava_now_ms());
    start_pool(l);
    mine = l;
    fiber_host_bind(&l->host);
    return l;
}

static void close_if_open(uv_handle_t *h, void *arg) {
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

void loop_free(struct loop *l) {
    if (!l)
        return;
    uv_walk(&l->uv, close_if_open, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    uv_loop_close(&l->uv);
    fiber_host_bind(NULL);
    mine = NULL;
    pthread_mutex_destroy(&l->lock);
    timers_fini(&l->timers);
    free(l->posted.items);
    free(l->running.items);
    free(l);
}

void loop_run(struct loop *l) {
    l->worked_us = worked_us(); /* what is due already comes before the first turn's end */
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l) {
    atomic_store(&l->stopping, true); /* the tick looks at it, within 100 ms */
}

void loop_limit_fibers(struct loop *l, size_t fibers_max) {
    assert(mine == l);
    l->host.fibers_max = fibers_max;
}

uv_loop_t *loop_uv(struct loop *l) {
    return &l->uv;
}

struct loop *loop_self(void) {
    return mine;
}

/* Also while it hangs in one turn. */
int64_t loop_lag_ms(const struct loop *l) {
    int64_t last = atomic_load_explicit(&l->lag_ms, memory_order_relaxed);
    int64_t now = ava_now_ms() - loop_last_turn_ms(l) - TICK_MS;
    return now > last ? now : last;
}

int64_t loop_longest_turn_us(const struct loop *l) {
    return atomic_load_explicit(&l->longest_us, memory_order_relaxed);
}

int64_t loop_last_turn_ms(const struct loop *l) {
    return atomic_load_explicit(&l->last_turn_ms, memory_order_relaxed);
}
