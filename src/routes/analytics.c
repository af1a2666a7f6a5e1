/* How calls went: sums by day, assistant, number or reason. */
#include "service/calls/analytics.h"

#include <string.h>

#include "routes/reply.h"
#include "routes/resources.h"
#include "service/assistants/assistants.h"

static enum call_stats_by input_by(struct ctx *ctx, const struct call *call) {
    const char *name = input_query(ctx, call, "by");
    enum call_stats_by by = STATS_BY_DAY;
    if (name && !analytics_by_parse(name, &by))
        ctx_field(ctx, "by", "unsupported", "Group by day, assistant, number or ended_reason.");
    return by;
}

enum err get_analytics_calls(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "by",           "since",  "until", "direction",
                                         "assistant_id", "number", NULL };
    struct call_stats_filter f = { 0 };
    struct analytics r;
    TRY(input_known_query(ctx, call, KNOWN));
    enum call_stats_by by = input_by(ctx, call);
    f.since_ms = input_time(ctx, call, "since");
    f.until_ms = input_time(ctx, call, "until");
    f.direction = input_choice(ctx, call, "direction", "inbound", "outbound");
    f.line = input_query(ctx, call, "number");
    TRY(assistant_resolve(ctx, input_query(ctx, call, "assistant_id"), &f.assistant_id));
    TRY(ctx_fields_ok(ctx));
    TRY(analytics_read(ctx, by, &f, &r));
    struct jsonw w = reply_json(call, 200);
    analytics_write(&w, ctx->arena, &r);
    return OK;
}
