/* tracer: which segments are kept, and the queue of those that wait to be sent to a collector.
 *
 * Kept is what is sampled, for which the ratio looks at the trace's id alone, so that every part of a trace
 * is kept or none; and whatever ended in an error. The queue is bounded: what finds it full is dropped and counted, and
 * nobody ever waits for it. Any thread, but tracer_wait is for one. */
#pragma once

#include <stdbool.h>

#include "obs/spans.h"

struct buf;

/* What its spans are written with. */
struct span_place {
    const char *trace_id, *state; /* tracestate; NULL: none */
    bool is_sampled;              /* else it is kept for its error */
    int64_t to_unix_us;           /* what to add to its times */
};

/* Appends a span as it goes to the collector; is_first: of its segment. */
typedef void span_write_fn(struct buf *out, const struct span_place *place, const struct span *s,
                           bool is_first);

struct tracer_conf {
    bool is_on;
    double ratio;     /* 0: only errors, 1: everything */
    size_t spans_max; /* that may wait */
    span_write_fn *write;
};

struct tracer *tracer_new(const struct tracer_conf *conf);
void tracer_free(struct tracer *t); /* NULL is fine */
/* With another write than before, what waits is dropped. */
void tracer_tune(struct tracer *t, const struct tracer_conf *conf);

bool tracer_is_on(const struct tracer *t);
bool tracer_samples(const struct tracer *t, const char *trace_id); /* by the ratio alone */

/* Says in the flags of a trace that came from outside, or began here, whether it is sampled. What its
 * sender does not sample is not sampled here; what it does sample is, beyond the ratio for some traces a
 * second, so that no sender can make us keep everything. t NULL or off: the flags stay as they are. */
void tracer_choose(struct tracer *t, struct trace *trace, int64_t now_ms);

/* Writes the segment into the queue, if its trace is sampled or its root has an error. All its spans end
 * now at the latest. */
void tracer_take(struct tracer *t, const struct trace *trace, struct spans *s);

/* A segment that has ended, as it was written. */
struct segment {
    struct segment *next;
    span_write_fn *write;
    size_t span_count, len;
    char bytes[];
};

/* Takes the oldest out of the queue: segments of so many spans and bytes together, but at least one.
 * NULL: none waits. Whoever takes them frees them. */
struct segment *tracer_next(struct tracer *t, size_t spans_max, size_t bytes_max);
void segments_free(struct segment *first); /* and those behind it */
size_t segments_spans(const struct segment *first);
size_t tracer_waiting(struct tracer *t); /* spans */

/* Sleeps until so many spans wait, or until that time, or until tracer_wake. */
void tracer_wait(struct tracer *t, size_t spans, int64_t until_ms);
void tracer_wake(struct tracer *t);
