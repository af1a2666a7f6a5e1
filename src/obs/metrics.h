/* metrics: counters, gauges and histograms, for Prometheus and what reads its formats.
 *
 * metrics.def names them all. A series is found by its label values without a lock; there is a
 * bounded number of series, and what does not fit or carries a value that its label must not have is
 * dropped and counted. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum metric {
#define METRIC(name, kind, text, labels, help) METRIC_##name,
#include "obs/metrics.def"
#undef METRIC
    METRIC_COUNT
};

/* The table, for documentation. */
struct metric_info {
    const char *name, *kind, *labels, *help;
};
struct metric_info metric_info(enum metric id);

/* Label values must be as many as metrics.def says, and are copied at first sight. What is added to one
 * of MICROS is in millionths. */
#define metric_add(id, n, ...) metric_add_((id), (n), (const char *[4]){ __VA_ARGS__ })
/* A counter that something else counts: to n, never down. */
#define metric_raise(id, n, ...)       metric_raise_((id), (n), (const char *[4]){ __VA_ARGS__ })
#define metric_set(id, v, ...)         metric_set_((id), (v), (const char *[4]){ __VA_ARGS__ })
#define metric_observe_us(id, us, ...) metric_observe_((id), (us), (const char *[4]){ __VA_ARGS__ })
/* Of what was observed: the trace where it can be looked at. */
#define metric_exemplar(id, us, trace_id, ...) \
    metric_exemplar_((id), (us), (trace_id), (const char *[4]){ __VA_ARGS__ })

void metric_add_(enum metric id, int64_t n, const char *const labels[4]);
void metric_raise_(enum metric id, int64_t n, const char *const labels[4]);
void metric_set_(enum metric id, double value, const char *const labels[4]);
void metric_observe_(enum metric id, int64_t us, const char *const labels[4]);
void metric_exemplar_(enum metric id, int64_t us, const char *trace_id,
                      const char *const labels[4]);

/* The value of a counter or gauge series, 0 when it was never touched. */
double metric_value(enum metric id, const char *const labels[4]);

/* At a start, before anything is counted: a value that label may have wherever metrics.def leaves that
 * open; static. At most 64. */
void metrics_know(const char *label, const char *value);
/* Then: makes all series of the metrics whose labels are all known, at 0. */
void metrics_declare(void);

/* Called before each scrape, to set gauges that are derived from live state. At most 16. */
void metrics_before_scrape(void (*fn)(void *arg), void *arg);
/* Not with that arg any more: it goes. */
void metrics_scrape_without(const void *arg);

/* The text format 0.0.4, or OpenMetrics 1.0.0, which alone has exemplars. */
enum metrics_form { METRICS_TEXT, METRICS_OPEN };
void metrics_write(struct buf *out, enum metrics_form form);
