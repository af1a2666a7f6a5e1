#include "service/calls/calls.h"

#include <string.h>

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

/* A page of calls by the filters of the query; one more is read, to know whether it is the last
 * page. */
enum err get_calls(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "status",       "direction", "to",
                                         "assistant_id", "since",     "until",
                                         "limit",        "cursor",    NULL };
    struct call_view *views = arena_alloc(ctx->arena, PAGE_MAX * sizeof *views);
    struct call_filter f = { 0 };
    struct page_end end;
    size_t count;
    int limit;
    TRY(input_known_query(ctx, call, KNOWN));
    f.status = input_query(ctx, call, "status");
    f.direction = input_choice(ctx, call, "direction", "inbound", "outbound");
    f.to = input_query(ctx, call, "to");
    TRY(assistant_resolve(ctx, input_query(ctx, call, "assistant_id"), &f.assistant_id));
    f.since_ms = input_time(ctx, call, "since");
    f.until_ms = input_time(ctx, call, "until");
    TRY(input_page(ctx, call, &limit, &f.before_id));
    TRY(call_list(ctx, &f, limit + 1, views, &count, &end));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_list(call, "calls");
    for (size_t i = 0; i < count - more; i++)
        call_write(&w, &views[i]);
    reply_list_end(&w, more ? views[limit - 1].row.id : end.id[0] ? end.id : NULL);
    return OK;
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
