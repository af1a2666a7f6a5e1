#include "obs/tracer.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/fiber.h"
#include "base/memory.h"
#include "obs/log_share.h"
#include "obs/metrics.h"

enum {
    BYTES_PER_SPAN = 1024, /* of the queue, on an average */
    SPAN_BYTES = 320,      /* what most take */
    STEADY_US = 2000,      /* the clock is read in ms: smaller differences are none */
    LOOK_US = 1000 * 1000,
    BEYOND_PER_S = 20,
};

struct tracer {
    atomic_bool is_on;
    _Atomic uint64_t bound; /* of the id's lower half; UINT64_MAX: all */
    atomic_size_t spans_max;
    _Atomic(span_write_fn *) write;
    atomic_bool is_full;                   /* found so; asked before anything is copied */
    struct log_share beyond;               /* traces sampled for their senders alone */
    _Atomic int64_t to_unix_us, looked_us; /* to_unix_us: as of then */
    pthread_mutex_t lock;
    struct segment *first, **last;
    size_t spans, bytes;          /* that wait */
    struct fiber_parking *waiter; /* while it sleeps */
    size_t wanted;                /* spans the waiter waits for */
    bool is_due;                  /* woken while nobody slept */
};

/* The series exist from the start. */
static void declare(void) {
    static const char *const RESULTS[] = { "exported",    "not_told",   "refused", "too_large",
                                           "unreachable", "queue_full", "too_many" };
    for (size_t i = 0; i < ARRAY_LEN(RESULTS); i++)
        metric_add(METRIC_TRACES_SPANS, 0, RESULTS[i]);
}

struct tracer *tracer_new(const struct tracer_conf *conf) {
    struct tracer *t = memory_zeroed(1, sizeof *t);
    t->last = &t->first;
    pthread_mutex_init(&t->lock, NULL);
    tracer_tune(t, conf);
    declare();
    return t;
}

/* What was written in another way than from now on. */
static void drop_waiting(struct tracer *t) {
    struct segment *all = tracer_next(t, SIZE_MAX, SIZE_MAX);
    if (all)
        metric_add(METRIC_TRACES_SPANS, (int64_t)segments_spans(all), "unreachable");
    segments_free(all);
}

void tracer_tune(struct tracer *t, const struct tracer_conf *conf) {
    atomic_store(&t->bound, conf->ratio >= 1 ? UINT64_MAX : (uint64_t)ldexp(conf->ratio, 64));
    atomic_store(&t->spans_max, conf->spans_max);
    if (conf->write && atomic_exchange(&t->write, conf->write) != conf->write)
        drop_waiting(t);
    atomic_store(&t->is_full, false);
    atomic_store(&t->is_on, conf->is_on);
}

void tracer_free(struct tracer *t) {
    if (!t)
        return;
    segments_free(t->first);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

bool tracer_is_on(const struct tracer *t) {
    return atomic_load_explicit(&t->is_on, memory_order_relaxed);
}

/* By the lower 64 bits of the id as a big-endian number, as the SDKs for Go and Python do: with the same
 * ratio they choose the same traces. */
bool tracer_samples(const struct tracer *t, const char *trace_id) {
    unsigned char half[8];
    uint64_t number = 0;
    if (!hex_decode((struct str){ trace_id + 16, 16 }, half, sizeof half))
        return false;
    for (size_t i = 0; i < sizeof half; i++)
        number = number << 8 | half[i];
    uint64_t bound = atomic_load_explicit(&t->bound, memory_order_relaxed);
    return bound == UINT64_MAX || number < bound;
}

void tracer_choose(struct tracer *t, struct trace *trace, int64_t now_ms) {
    bool has_parent = trace->parent_id[0] != 0;
    unsigned withheld;
    if (!t || !tracer_is_on(t))
        return;
    trace_sample(trace,
                 (!has_parent || trace_is_sampled(trace)) &&
                     (tracer_samples(t, trace->trace_id) ||
                      (has_parent && log_share_take(&t->beyond, BEYOND_PER_S, now_ms, &withheld))));
}

/* --- as it goes to the collector -------------------------------------------------------------- */

/* What the monotonic clock lacks to Unix time: the same for all segments, until somebody sets the clock. */
static int64_t to_unix_us(struct tracer *t, int64_t at_us) {
    int64_t looked_us = atomic_load_explicit(&t->looked_us, memory_order_relaxed);
    if (looked_us && at_us - looked_us < LOOK_US)
        return atomic_load_explicit(&t->to_unix_us, memory_order_relaxed);
    atomic_store_explicit(&t->looked_us, at_us, memory_order_relaxed);
    int64_t now_us = ava_wall_ms() * 1000 - ava_now_us();
    int64_t kept_us = atomic_load_explicit(&t->to_unix_us, memory_order_relaxed);
    if (now_us - kept_us < STEADY_US && kept_us - now_us < STEADY_US)
        return kept_us;
    atomic_store_explicit(&t->to_unix_us, now_us, memory_order_relaxed);
    return now_us;
}

/* Here and now, while all of it is in the processor's cache. */
static struct segment *segment_of(struct tracer *t, const struct trace *trace, struct spans *s) {
    span_write_fn *write = atomic_load(&t->write);
    struct buf out = { 0 };
    size_t count = 0;
    span_end(&s->root);
    const struct span_place place = { trace->trace_id, trace->state, trace_is_sampled(trace),
                                      to_unix_us(t, s->root.began_us + s->root.took_us) };
    buf_reserve(&out, sizeof(struct segment) + s->count * SPAN_BYTES);
    buf_put(&out, &(struct segment){ .write = write }, sizeof(struct segment));
    for (struct span *span = &s->root; span; span = span->next) {
        span_end(span);
        write(&out, &place, span, count++ == 0);
    }
    struct segment *made = (struct segment *)(void *)out.ptr;
    made->span_count = count;
    made->len = out.len - sizeof *made;
    return made;
}

/* --- the queue ------------------------------------------------------------------------------- */

/* Under the lock. */
static void wake(struct tracer *t) {
    if (t->waiter)
        fiber_unpark(t->waiter);
    t->is_due = t->is_due || !t->waiter;
    t->waiter = NULL;
}

/* False when it is full. */
static bool queue(struct tracer *t, struct segment *s) {
    pthread_mutex_lock(&t->lock);
    size_t spans_max = atomic_load(&t->spans_max);
    bool fits = t->spans + s->span_count <= spans_max &&
                t->bytes + s->len <= spans_max * BYTES_PER_SPAN &&
                s->write == atomic_load(&t->write);
    if (fits) {
        *t->last = s;
        t->last = &s->next;
        t->spans += s->span_count;
        t->bytes += s->len;
    }
    atomic_store(&t->is_full, !fits);
    if (t->waiter && t->spans >= t->wanted)
        wake(t);
    pthread_mutex_unlock(&t->lock);
    return fits;
}

void tracer_take(struct tracer *t, const struct trace *trace, struct spans *s) {
    if (!trace_is_sampled(trace) && !s->root.error)
        return;
    if (s->left_out)
        metric_add(METRIC_TRACES_SPANS, (int64_t)s->left_out, "too_many");
    struct segment *made =
        atomic_load(&t->is_full) || memory_is_short() ? NULL : segment_of(t, trace, s);
    if (made && queue(t, made))
        return;
    metric_add(METRIC_TRACES_SPANS, (int64_t)s->count, "queue_full");
    free(made);
}

struct segment *tracer_next(struct tracer *t, size_t spans_max, size_t bytes_max) {
    size_t spans = 0, bytes = 0;
    struct segment **end = &t->first;
    pthread_mutex_lock(&t->lock);
    struct segment *first = t->first;
    while (*end && (*end == first || (spans + (*end)->span_count <= spans_max &&
                                      bytes + (*end)->len <= bytes_max))) {
        spans += (*end)->span_count;
        bytes += (*end)->len;
        end = &(*end)->next;
    }
    t->first = *end;
    *end = NULL;
    if (!t->first)
        t->last = &t->first;
    t->spans -= spans;
    t->bytes -= bytes;
    atomic_store(&t->is_full, false);
    pthread_mutex_unlock(&t->lock);
    return first;
}

void segments_free(struct segment *first) {
    while (first) {
        struct segment *next = first->next;
        free(first);
        first = next;
    }
}

size_t segments_spans(const struct segment *first) {
    size_t count = 0;
    for (; first; first = first->next)
        count += first->span_count;
    return count;
}

size_t tracer_waiting(struct tracer *t) {
    pthread_mutex_lock(&t->lock);
    size_t spans = t->spans;
    pthread_mutex_unlock(&t->lock);
    return spans;
}

/* False when there is no reason to sleep. */
static bool lie_down(struct tracer *t, size_t spans, struct fiber_parking *parking) {
    pthread_mutex_lock(&t->lock);
    bool is_due = t->is_due || t->spans >= spans;
    t->is_due = false;
    t->waiter = is_due ? NULL : parking;
    t->wanted = spans;
    pthread_mutex_unlock(&t->lock);
    return !is_due;
}

static void get_up(struct tracer *t) {
    pthread_mutex_lock(&t->lock);
    t->waiter = NULL;
    pthread_mutex_unlock(&t->lock);
}

void tracer_wait(struct tracer *t, size_t spans, int64_t until_ms) {
    struct fiber_parking parking;
    fiber_parking_init(&parking);
    if (!lie_down(t, spans, &parking))
        return;
    fiber_park(&parking, until_ms, NULL, NULL);
    get_up(t);
}

void tracer_wake(struct tracer *t) {
    pthread_mutex_lock(&t->lock);
    wake(t);
    pthread_mutex_unlock(&t->lock);
}
