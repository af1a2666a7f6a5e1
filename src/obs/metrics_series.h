/* metrics_series: what metrics.c keeps and metrics_write.c writes out; theirs alone. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/str.h"
#include "obs/metrics.h"

enum { METRIC_SLOTS = 8192, METRIC_LABELS = 3, METRIC_BUCKETS = 14 };

enum metric_kind { COUNTER, MICROS, GAUGE, HISTOGRAM };

struct metric_row {
    enum metric_kind kind;
    const char *name, *labels, *help;
};
extern const struct metric_row METRIC_TABLE[METRIC_COUNT];

struct metric_bucket {
    int64_t us; /* at most */
    const char
        *text; /* in seconds, as OpenMetrics wants a float: both forms make the same series */
};
extern const struct metric_bucket METRIC_BUCKET_TABLE[METRIC_BUCKETS];

/* One request that fell into a bucket. Who finds it taken leaves it: it is a sample anyway. */
struct exemplar {
    atomic_flag is_taken;
    char trace_id[33]; /* empty: none yet */
    int64_t us, wall_ms;
};

struct series {
    enum metric id;
    char *labels[METRIC_LABELS];
    _Atomic int64_t count; /* counter, or observations */
    _Atomic int64_t sum_us;
    _Atomic double value; /* gauge */
    _Atomic int64_t buckets[METRIC_BUCKETS];
    struct exemplar *exemplars; /* METRIC_BUCKETS and one for what is longer; NULL: none of these */
};

/* The next of a metric's labels: its name, and in *values those it may have ("" when any). ptr NULL
 * behind the last. */
struct str metric_label(struct str *rest, struct str *values);

/* Sets the gauges of live state, then all series there are; the number. */
size_t metrics_look(struct series *out[METRIC_SLOTS]);
