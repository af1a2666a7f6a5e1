/* trace: W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context/). */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

struct trace {
    char trace_id[33];  /* 16 bytes, hex */
    char span_id[17];   /* ours */
    char parent_id[17]; /* "" when the trace began here */
    char flags[3];
    const char *state; /* the tracestate that came with the parent; NULL: none. An arena's */
};

/* Joins the caller's trace when the header is valid, else begins a new one. */
void trace_start(struct trace *t, struct str traceparent);
/* Takes the tracestate that came with the traceparent t was started with; what is not valid, or came
 * without one, is left out. */
void trace_take_state(struct trace *t, struct arena *a, struct str tracestate);

bool trace_is_sampled(const struct trace *t);
void trace_sample(struct trace *t, bool is_sampled);

/* From the span that t names to a new one below it. */
void trace_descend(struct trace *t);

/* "00-trace-span-flags" into out, for answers and for calls to providers. */
void trace_header(const struct trace *t, char out[56]);

/* For what goes on later, from a row: traceparent and, behind a blank, tracestate. The arena's. */
const char *trace_keep(const struct trace *t, struct arena *a);
/* A new span below the one that was kept. False, and t stays as it was: kept is none. */
bool trace_resume(struct trace *t, struct arena *a, const char *kept);

/* The ids that a kept trace or a traceparent names. False: it is none. */
bool trace_ids(struct str kept, char trace_id[33], char span_id[17]);
