#include "service/calls/calls.h"

#include <string.h>

#include "routes/listing.h"
#include "routes/operations.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "service/assistants/assistants.h"
#include "service/calls/timeline.h"
#include "service/calls/twilio_calls.h"

enum { PAGE_MAX = 101 };

enum err post_call(struct ctx *ctx, struct call *call) {
    struct operation_end end;
    enum err e = call_place(ctx, call->body, input_patience(call), call->claim, &end);
    return reply_operation(ctx, call, e, &end);
}

enum err post_twilio_call(struct ctx *ctx, struct call *call) {
    struct operation_end end;
    enum err e = twilio_call_place(ctx, call->body, input_patience(call), call->claim, &end);
    return reply_operation(ctx, call, e, &end);
}

/* --- the list -------------------------------------------------------------------------------- */

static enum err read_filter(struct ctx *ctx, struct call *call, void *filter) {
    struct call_filter *f = filter;
    f->status = input_query(ctx, call, "status");
    f->direction = input_choice(ctx, call, "direction", "inbound", "outbound");
    f->to = input_query(ctx, call, "to");
    TRY(assistant_resolve(ctx, input_query(ctx, call, "assistant_id"), &f->assistant_id));
    f->since_ms = input_time(ctx, call, "since");
    f->until_ms = input_time(ctx, call, "until");
    return OK;
}

/* One more is read, to know whether it is the last page. */
static enum err write_page(struct ctx *ctx, const void *filter, int limit, const char *cursor,
                           struct jsonw *w, const char **next) {
    struct call_view *views = arena_alloc(ctx->arena, PAGE_MAX * sizeof *views);
    struct call_filter f = *(const struct call_filter *)filter;
    struct page_end end;
    size_t count;
    f.before_id = cursor;
    TRY(call_list(ctx, &f, limit + 1, views, &count, &end));
    bool more = count > (size_t)limit;
    for (size_t i = 0; i < count - more; i++)
        call_write(w, &views[i]);
    *next = page_next(ctx, more ? views[limit - 1].row.id : NULL, &end);
    return OK;
}

static const char *const FILTERS[] = { "status", "direction", "to", "assistant_id",
                                       "since",  "until",     NULL };
static const char *const COLUMNS[] = { "id",
                                       "created_at",
                                       "started_at",
                                       "ended_at",
                                       "direction",
                                       "from",
                                       "to",
                                       "status",
                                       "ended_reason",
                                       "ended.text",
                                       "cost.amount_micros",
                                       "cost.currency",
                                       "assistant_name",
                                       "assistant_id",
                                       "provider",
                                       "provider_id",
                                       "carrier_id",
                                       "operation_id",
                                       "metadata",
                                       NULL };
static const struct listing LISTING = {
    .name = "calls",
    .filters = FILTERS,
    .columns = COLUMNS,
    .filter_bytes = sizeof(struct call_filter),
    .read_filter = read_filter,
    .page = write_page,
};

enum err get_calls(struct ctx *ctx, struct call *call) {
    return listing_reply(ctx, call, &LISTING);
}

enum err get_export_calls(struct ctx *ctx, struct call *call) {
    return listing_export(ctx, call, &LISTING);
}

enum err get_call(struct ctx *ctx, struct call *call) {
    struct call_view v;
    TRY(call_read(ctx, input_param(ctx, call, 0), &v));
    struct jsonw w = reply_json(call, 200);
    call_write(&w, &v);
    return OK;
}

enum err get_call_timeline(struct ctx *ctx, struct call *call) {
    struct timeline t;
    TRY(timeline_read(ctx, input_param(ctx, call, 0), &t));
    struct jsonw w = reply_json(call, 200);
    timeline_write(&w, &t);
    return OK;
}

enum err post_call_end(struct ctx *ctx, struct call *call) {
    struct call_view v;
    bool is_ending;
    TRY(call_end(ctx, input_param(ctx, call, 0), &v, &is_ending));
    struct jsonw w = reply_json(call, is_ending ? 202 : 200);
    call_write(&w, &v);
    return OK;
}
