/* exporter: sends what the tracer keeps to a collector, by OTLP over HTTP.
 *
 * One fiber, on a loop that nobody else uses; nobody waits for it. One request is under way at a time. A collector that cannot
 * be reached or says "later" (429, 502, 503, 504) gets the same spans again, at first after a second,
 * then after twice as long each time up to a minute, or as late as its Retry-After says; after five
 * minutes they are dropped. What it refuses is dropped at once, and the pause holds all the same.
 * Meanwhile the tracer's queue fills, and what does not fit is dropped there. That the collector does not
 * work is told once in the log, and once that it does again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"

struct exporter;
struct tracer;

struct exporter_conf {
    const char *endpoint;   /* without /v1/traces */
    bool is_json;           /* else Protocol Buffers */
    struct secret *headers; /* as config/traces.h reads them; copied */
    int64_t timeout_ms;     /* of one request */
    int64_t delay_ms;       /* how long spans wait for others at most */
    size_t batch_spans;     /* of one request; fewer than the tracer's queue holds */
    const char *service, *instance;
    void (*done)(void *arg); /* on its fiber, once it has ended */
    void *done_arg;
};

/* Copies conf; the tracer must outlive it. */
struct exporter *exporter_new(const struct exporter_conf *conf, struct tracer *tracer);
void exporter_free(struct exporter *e); /* after the loop has ended; NULL is fine */

void exporter_start(struct exporter *e); /* on the loop's thread, which has a client */
/* Sends what waits, for so long at most, and ends. What is left then stays with the tracer. Any thread; NULL
 * is fine. */
void exporter_stop(struct exporter *e, int64_t within_ms);
