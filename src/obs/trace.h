/* trace: W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context/, 2021-11-23). */
#pragma once

#include "base/str.h"

struct trace {
    char trace_id[33];  /* lower-case hex */
    char span_id[17];   /* ours; children name it as parent */
    char parent_id[17]; /* the caller's span, empty when there is none */
    char flags[3];
};

/* Joins the caller's trace when the header is valid, else begins a new one. */
void trace_start(struct trace *t, struct str traceparent);

/* "00-trace-span-flags" into out, for answers and for calls to providers. */
void trace_header(const struct trace *t, char out[56]);
