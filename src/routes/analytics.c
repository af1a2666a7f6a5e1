/* How calls went: sums by day, assistant, number or reason; and how providers answered. */
#include "service/calls/analytics.h"

#include <string.h>

#include "base/clock.h"
#include "resilience/history.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "service/assistants/assistants.h"
#include "service/connections/integrations.h"

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

/* --- providers ------------------------------------------------------------------------------- */

/* Those that all workspaces share: a mail server and a customer's own endpoint are somebody's. */
static const enum provider SHARED[] = { PROVIDER_VAPI, PROVIDER_TWILIO, PROVIDER_RESEND,
                                        PROVIDER_GOOGLE, PROVIDER_MICROSOFT };

static void write_slots(struct jsonw *w, const struct history_slot *slots) {
    jsonw_list(w);
    for (size_t i = 0; i < HISTORY_SLOTS; i++) {
        const struct history_slot *s = &slots[i];
        if (!s->attempts)
            continue;
        jsonw_object(w);
        jsonw_time_at(w, "at", s->at_ms);
        jsonw_i64_at(w, "p50_ms", s->p50_ms);
        jsonw_i64_at(w, "p95_ms", s->p95_ms);
        jsonw_i64_at(w, "p99_ms", s->p99_ms);
        jsonw_i64_at(w, "failed_percent", (s->failures * 100 + s->attempts / 2) / s->attempts);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
}

static void write_turns(struct jsonw *w, const struct history_turn *turns, size_t count) {
    jsonw_list(w);
    for (size_t i = 0; i < count; i++) {
        jsonw_object(w);
        jsonw_time_at(w, "at", turns[i].at_ms);
        jsonw_text_at(w, "to", turns[i].is_open ? "open" : "closed");
        jsonw_text_at(w, "scope", turns[i].workspace_id[0] ? "connection" : "provider");
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
}

enum err get_analytics_providers(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { NULL };
    struct history *h = integrations_history(ctx);
    struct history_slot slots[HISTORY_SLOTS];
    struct history_turn turns[HISTORY_TURNS];
    int64_t now_ms = ava_wall_ms();
    TRY(input_known_query(ctx, call, KNOWN));
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_time_at(&w, "since", history_since(h));
    jsonw_i64_at(&w, "slot_seconds", HISTORY_SLOT_MS / 1000);
    jsonw_key(&w, "providers");
    jsonw_list(&w);
    for (size_t i = 0; i < ARRAY_LEN(SHARED); i++) {
        jsonw_object(&w);
        jsonw_text_at(&w, "provider", provider_name(SHARED[i]));
        history_read(h, SHARED[i], now_ms, slots);
        jsonw_key(&w, "slots");
        write_slots(&w, slots);
        size_t count = history_turns(h, SHARED[i], ctx->who.workspace_id, now_ms, turns);
        jsonw_key(&w, "breaker");
        write_turns(&w, turns, count);
        jsonw_object_end(&w);
    }
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return OK;
}
