/* siglongjmp between stacks is what this file is for; FORTIFY's check forbids just that. */
#undef _FORTIFY_SOURCE

#include "base/fiber.h"

#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/defs.h"

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#define WITH_ASAN 1
#include <sanitizer/common_interface_defs.h>
#else
#define WITH_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer)
#define WITH_TSAN 1
#include <sanitizer/tsan_interface.h>
#else
#define WITH_TSAN 0
#endif

enum {
    STACK_BYTES = WITH_ASAN || WITH_TSAN ? 256 * 1024 : 64 * 1024,
    POOL_KEEP = 256, /* idle stacks that are always kept */
    TRIM_SHARE = 16, /* of the others, the part that each fiber_trim gives back */
};

struct fiber {
    sigjmp_buf at;
    struct fiber_host *host;
    void (*fn)(void *);
    void *arg;
    struct fiber *next; /* in the pool */
    void *mapping;
    size_t mapping_bytes, guard_bytes;
    bool is_done, is_settled;
#if WITH_ASAN
    void *fake_stack;
#endif
#if WITH_TSAN
    void *tsan;
#endif
};

/* What is left of the stack below the struct that stands on its top. */
#define FIBER_STACK_BYTES ((STACK_BYTES - sizeof(struct fiber)) & ~(size_t)63)

/* One per thread. */
struct thread {
    sigjmp_buf at; /* the loop's stack, where it switched to a fiber */
    struct fiber_host *host;
    struct fiber *current;
    struct fiber *pool;
    size_t pooled, alive, settled;
    size_t pooled_min; /* since the last fiber_trim: so many were not needed meanwhile */
    void (*then)(void *);
    void *then_arg;
    bool goes_on; /* fiber_on_loop: the same fiber runs again at once */
#if WITH_ASAN
    void *fake_stack;
    const void *stack_bottom;
    size_t stack_bytes;
#endif
#if WITH_TSAN
    void *tsan;
#endif
};

static __thread struct thread self;

/* Not inlined, so that no caller keeps the address of a thread-local across a switch. */
static __attribute__((noinline)) struct thread *this_thread(void) {
    return &self;
}

static void to_loop(struct fiber *f) {
    struct thread *t = this_thread();
    int saved_errno = errno;
    if (sigsetjmp(f->at, 0) == 0) {
#if WITH_ASAN
        __sanitizer_start_switch_fiber(&f->fake_stack, t->stack_bottom, t->stack_bytes);
#endif
#if WITH_TSAN
        __tsan_switch_to_fiber(t->tsan, 0);
#endif
        siglongjmp(t->at, 1);
    }
#if WITH_ASAN
    __sanitizer_finish_switch_fiber(f->fake_stack, &this_thread()->stack_bottom,
                                    &this_thread()->stack_bytes);
#endif
    errno = saved_errno;
}

static void to_fiber(struct fiber *f) {
    struct thread *t = this_thread();
    t->current = f;
    if (sigsetjmp(t->at, 0) == 0) {
#if WITH_ASAN
        __sanitizer_start_switch_fiber(&t->fake_stack, (char *)f->mapping + f->guard_bytes,
                                       FIBER_STACK_BYTES);
#endif
#if WITH_TSAN
        __tsan_switch_to_fiber(f->tsan, 0);
#endif
        siglongjmp(f->at, 1);
    }
#if WITH_ASAN
    __sanitizer_finish_switch_fiber(t->fake_stack, NULL, NULL);
#endif
    t->current = NULL;
}

/* What every stack runs, forever: a job, then back to the pool until the next. */
static void body(unsigned high, unsigned low) {
    struct fiber *f = (struct fiber *)((uintptr_t)high << 32 | low);
#if WITH_ASAN
    __sanitizer_finish_switch_fiber(NULL, &this_thread()->stack_bottom,
                                    &this_thread()->stack_bytes);
#endif
    for (;;) {
        to_loop(f);
        f->fn(f->arg);
        f->is_done = true;
    }
}

/* Lets a new stack run up to its first to_loop: from then on only jumps are needed. */
static void enter_first(struct fiber *f) {
    struct thread *t = this_thread();
    ucontext_t there, here;
    getcontext(&there);
    there.uc_stack.ss_sp = (char *)f->mapping + f->guard_bytes;
    there.uc_stack.ss_size = FIBER_STACK_BYTES;
    there.uc_link = NULL;
    uintptr_t p = (uintptr_t)f;
    makecontext(&there, (void (*)(void))body, 2, (unsigned)(p >> 32), (unsigned)p);
    if (sigsetjmp(t->at, 0) == 0) {
#if WITH_ASAN
        __sanitizer_start_switch_fiber(&t->fake_stack, there.uc_stack.ss_sp, FIBER_STACK_BYTES);
#endif
#if WITH_TSAN
        __tsan_switch_to_fiber(f->tsan, 0);
#endif
        swapcontext(&here, &there);
    }
#if WITH_ASAN
    __sanitizer_finish_switch_fiber(t->fake_stack, NULL, NULL);
#endif
}

/* One mapping: the guard page, the stack, and on its top the struct, in the page that every fiber
 * touches anyway. */
static struct fiber *fiber_make(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = page + STACK_BYTES;
    char *mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return NULL;
    if (mprotect(mapping, page, PROT_NONE) != 0) {
        munmap(mapping, bytes);
        return NULL;
    }
    struct fiber *f = (struct fiber *)(void *)(mapping + page + FIBER_STACK_BYTES);
    f->mapping = mapping;
    f->mapping_bytes = bytes;
    f->guard_bytes = page;
#if WITH_TSAN
    f->tsan = __tsan_create_fiber(0);
#endif
    enter_first(f);
    return f;
}

static void fiber_unmake(struct fiber *f) {
#if WITH_TSAN
    __tsan_destroy_fiber(f->tsan);
#endif
    munmap(f->mapping, f->mapping_bytes);
}

static struct fiber *take_pooled(struct thread *t) {
    struct fiber *f = t->pool;
    t->pool = f->next;
    t->pooled--;
    if (t->pooled_min > t->pooled)
        t->pooled_min = t->pooled;
    return f;
}

void fiber_trim(void) {
    struct thread *t = this_thread();
    size_t idle = t->pooled_min > POOL_KEEP ? t->pooled_min - POOL_KEEP : 0;
    for (size_t n = (idle + TRIM_SHARE - 1) / TRIM_SHARE; n > 0; n--)
        fiber_unmake(take_pooled(t));
    t->pooled_min = t->pooled;
}

void fiber_host_bind(struct fiber_host *host) {
    struct thread *t = this_thread();
    assert(!t->current);
    if (!host) {
        assert(t->alive == 0);
        while (t->pool)
            fiber_unmake(take_pooled(t));
    }
    t->host = host;
#if WITH_TSAN
    t->tsan = __tsan_get_current_fiber();
#endif
}

/* Runs f until it waits or ends, and whatever it asked to be run after that. */
static void resume(struct fiber *f) {
    struct thread *t = this_thread();
    assert(!t->current && f->host == t->host);
    do {
        t->then = NULL;
        t->goes_on = false;
        to_fiber(f);
        if (f->is_done) {
            t->alive--;
            t->settled -= f->is_settled;
            f->next = t->pool;
            t->pool = f;
            t->pooled++;
            return;
        }
        bool goes_on = t->goes_on; /* then may run other fibers, which set these anew */
        if (t->then)
            t->then(t->then_arg);
        t->goes_on = goes_on;
    } while (t->goes_on);
}

bool fiber_run(void (*fn)(void *arg), void *arg) {
    struct thread *t = this_thread();
    assert(t->host && !t->current);
    if (t->host->fibers_max && t->alive - t->settled >= t->host->fibers_max)
        return false;
    struct fiber *f = t->pool ? take_pooled(t) : fiber_make();
    if (!f)
        return false;
    f->host = t->host;
    f->fn = fn;
    f->arg = arg;
    f->is_done = f->is_settled = false;
    t->alive++;
    resume(f);
    return true;
}

struct fiber *fiber_self(void) {
    return this_thread()->current;
}

size_t fiber_alive(void) {
    return this_thread()->alive;
}

void fiber_settle(void) {
    struct thread *t = this_thread();
    struct fiber *f = t->current;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *low = (char *)f->mapping + f->guard_bytes;
    /* One page below this frame stays: the call itself needs a place to return from. */
    char *high = low + ((size_t)((char *)__builtin_frame_address(0) - low) / page - 1) * page;
    t->settled += !f->is_settled;
    f->is_settled = true;
    if (high > low)
        madvise(low, (size_t)(high - low), MADV_DONTNEED);
}

void fiber_yield(void (*then)(void *arg), void *arg) {
    struct thread *t = this_thread();
    assert(t->current);
    t->then = then;
    t->then_arg = arg;
    to_loop(t->current);
}

void fiber_wake(struct fiber *f) {
    resume(f);
}

void fiber_post(struct fiber *f) {
    f->host->post(f->host, f);
}

bool fiber_is_loop(void) {
    struct thread *t = this_thread();
    return t->host && !t->current;
}

void fiber_on_loop(void (*fn)(void *arg), void *arg) {
    struct thread *t = this_thread();
    if (!t->current) {
        fn(arg);
        return;
    }
    t->goes_on = true;
    fiber_yield(fn, arg);
}

void fiber_sleep(int64_t ms) {
    struct fiber_parking p;
    fiber_parking_init(&p);
    fiber_park(&p, ava_now_ms() + (ms > 0 ? ms : 0), NULL, NULL);
}

struct offload {
    struct fiber *fiber;
    void (*work)(void *);
    void *arg;
};

static void hand_over(void *arg) {
    struct offload *o = arg;
    o->fiber->host->offload(o->fiber->host, o->fiber, o->work, o->arg);
}

void fiber_offload(void (*work)(void *arg), void *arg) {
    struct fiber *f = fiber_self();
    if (!f) {
        work(arg);
        return;
    }
    fiber_yield(hand_over, &(struct offload){ f, work, arg });
}

enum { WAITING, SIGNALLED, TIMED_OUT };

void fiber_parking_init(struct fiber_parking *p) {
    *p = (struct fiber_parking){ .fiber = fiber_self() };
    atomic_init(&p->state, WAITING);
    if (!p->fiber) {
        pthread_mutex_init(&p->lock, NULL);
        clock_cond_init(&p->signal);
    }
}

static void park_times_out(struct fiber_timer *t) {
    struct fiber_parking *p = CONTAINER_OF(t, struct fiber_parking, timer);
    int expected = WAITING;
    if (atomic_compare_exchange_strong(&p->state, &expected, TIMED_OUT))
        fiber_wake(p->fiber);
}

static bool park_thread(struct fiber_parking *p, int64_t until_ms) {
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->state) == WAITING) {
        int64_t left_ms = until_ms - ava_now_ms();
        int expected = WAITING;
        if (until_ms == FIBER_NO_DEADLINE) {
            pthread_cond_wait(&p->signal, &p->lock);
        } else if (left_ms <= 0) {
            atomic_compare_exchange_strong(&p->state, &expected, TIMED_OUT);
        } else {
            struct timespec until =
                clock_in_us((left_ms < CLOCK_LOOK_MS ? left_ms : CLOCK_LOOK_MS) * 1000);
            pthread_cond_timedwait(&p->signal, &p->lock, &until);
        }
    }
    pthread_mutex_unlock(&p->lock);
    /* Neither is destroyed: who unparks a waiter that timed out may still hold them. */
    return atomic_load(&p->state) == SIGNALLED;
}

bool fiber_park(struct fiber_parking *p, int64_t until_ms, void (*then)(void *arg), void *arg) {
    if (!p->fiber) {
        if (then)
            then(arg);
        return park_thread(p, until_ms);
    }
    struct fiber_host *host = p->fiber->host;
    if (until_ms != FIBER_NO_DEADLINE) {
        p->timer.when_ms = until_ms;
        p->timer.fire = park_times_out;
        host->timer_set(host, &p->timer);
    }
    fiber_yield(then, arg);
    if (p->timer.is_set)
        host->timer_clear(host, &p->timer);
    return atomic_load(&p->state) == SIGNALLED;
}

void fiber_unpark(struct fiber_parking *p) {
    if (p->fiber) {
        struct fiber *f = p->fiber;
        int expected = WAITING;
        if (atomic_compare_exchange_strong(&p->state, &expected, SIGNALLED))
            fiber_post(f);
        return;
    }
    pthread_mutex_lock(&p->lock);
    int expected = WAITING;
    atomic_compare_exchange_strong(&p->state, &expected, SIGNALLED);
    pthread_cond_signal(&p->signal);
    pthread_mutex_unlock(&p->lock);
}
