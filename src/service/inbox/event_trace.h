/* event_trace: to which trace an event belongs, and the span of working on it.
 *
 * What a provider tells of something that we asked for belongs to the trace of the request that asked for
 * it; all else to that of the webhook. The span has a link to the webhook's request. */
#pragma once

#include "obs/spans.h"
#include "store/events.h"

struct event_trace {
    struct ctx *ctx; /* NULL: nothing is recorded */
};

/* operation_id: that the event names; NULL: none. row->trace is then what follows from the event goes on
 * with. What cannot be read leaves it as it is. */
void event_trace_begin(struct ctx *ctx, struct event_row *row, const char *operation_id,
                       struct event_trace *out);
/* row: as it was settled. One that comes again in a moment is not told. */
void event_trace_end(struct event_trace *t, const struct event_row *row);
