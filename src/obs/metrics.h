/* metrics: counters, gauges and histograms in the Prometheus text format 0.0.4.
 *
 * metrics.def names them all. A series is found by its label values without a lock; there is a
 * bounded number of series, and what does not fit is dropped. */
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
const struct metric_info *metric_info(enum metric id);

/* Label values must be as many as metrics.def says, and are copied at first sight. */
#define metric_add(id, n, ...)         metric_add_((id), (n), (const char *[4]){ __VA_ARGS__ })
#define metric_set(id, v, ...)         metric_set_((id), (v), (const char *[4]){ __VA_ARGS__ })
#define metric_observe_us(id, us, ...) metric_observe_((id), (us), (const char *[4]){ __VA_ARGS__ })

void metric_add_(enum metric id, int64_t n, const char *const labels[4]);
void metric_set_(enum metric id, double value, const char *const labels[4]);
void metric_observe_(enum metric id, int64_t us, const char *const labels[4]);

/* The value of a counter or gauge series, 0 when it was never touched. */
double metric_value(enum metric id, const char *const labels[4]);

/* Makes the series of every metric labelled by "service" alone exist, at 0. */
void metrics_declare_services(const char *const *services, size_t count);

/* Called before each scrape, to set gauges that are derived from live state. At most 16. */
void metrics_before_scrape(void (*fn)(void *arg), void *arg);
/* Not with that arg any more: it goes. */
void metrics_scrape_without(const void *arg);

void metrics_write(struct buf *out);
