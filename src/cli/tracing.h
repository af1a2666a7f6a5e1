/* tracing: traces as the settings want them. Owns the tracer, which everybody uses, and the thread on whose
 * loop the exporter sends what it keeps: a collector that is slow, or worse, holds up nobody else.
 * All of this is for the main thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

struct tracer;
struct tracing;

/* instance: names this run; lent. */
struct tracing *tracing_new(const struct config *c, const char *instance);
struct tracer *tracing_tracer(struct tracing *t);

void tracing_start(struct tracing *t); /* nothing while no traces are wanted */
void tracing_reload(struct tracing *t, const struct config *c);
/* Sends what waits, for so long at most. */
void tracing_stop(struct tracing *t, int64_t within_ms);
void tracing_free(struct tracing *t); /* after nobody records any more; NULL is fine */
