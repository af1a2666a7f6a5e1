#include "service/inbox/event_trace.h"

#include <string.h>

#include "obs/tracer.h"
#include "store/operations.h"

static void add_attributes(const struct ctx *ctx, const struct event_row *row) {
    struct span *s = spans_root(ctx);
    span_text(s, "messaging.system", "ava");
    span_text(s, "messaging.destination.name", "events");
    span_text(s, "messaging.operation.name", "process");
    span_text(s, "messaging.operation.type", "process");
    span_copy(ctx, s, "messaging.message.id", str_of(row->id));
    span_copy(ctx, s, "ava.provider", str_of(row->provider));
    span_copy(ctx, s, "ava.event.type", str_of(row->type));
    span_copy(ctx, s, "ava.correlation_id", str_of(row->correlation_id));
}

void event_trace_begin(struct ctx *ctx, struct event_row *row, const char *operation_id,
                       struct event_trace *out) {
    const struct operation_about about = { row->workspace_id, operation_id, row->provider,
                                           row->resource };
    const char *asked = NULL;
    *out = (struct event_trace){ NULL };
    if (!ctx->parts->tracer || !tracer_is_on(ctx->parts->tracer))
        return;
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    if (operation_row_trace(ctx, db_reader(ctx), &about, &asked) != OK)
        asked = NULL;
    struct ctx *own = arena_alloc(ctx->arena, sizeof *own);
    *own = *ctx;
    bool is_ours = trace_resume(&own->trace, own->arena, asked);
    if (!is_ours && !trace_resume(&own->trace, own->arena, row->trace))
        trace_descend(&own->trace);
    spans_begin(own, SPAN_CONSUMER, "process", "events");
    add_attributes(own, row);
    if (is_ours)
        span_link(own, spans_root(own), row->trace);
    row->trace = trace_keep(&own->trace, own->arena);
    out->ctx = own;
}

void event_trace_end(struct event_trace *t, const struct event_row *row) {
    bool comes_again = strcmp(row->status, "retrying") == 0;
    if (!t->ctx || (comes_again && !row->cause))
        return;
    spans_end(t->ctx, strcmp(row->status, "done") == 0 ? NULL : comes_again ? "failed" : "dead");
}
