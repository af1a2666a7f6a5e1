#include "providers/twilio_calls.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"

/* --- reading --------------------------------------------------------------------------------- */

static bool has_ended(const char *status) {
    static const char *const ENDS[] = { "completed", "busy", "failed", "no-answer", "canceled" };
    for (size_t i = 0; i < ARRAY_LEN(ENDS); i++)
        if (strcmp(status, ENDS[i]) == 0)
            return true;
    return false;
}

/* When it ended. A call that was never answered may have no end_time. */
static int64_t end_of(const json_t *call, const char *status) {
    int64_t ms = twilio_time(json_text(call, "end_time"));
    if (!has_ended(status))
        return 0;
    if (!ms)
        ms = twilio_time(json_text(call, "date_updated"));
    return ms ? ms : ava_wall_ms();
}

/* False when it is not a call. */
static bool facts_write(struct ctx *ctx, struct jsonw *w, const json_t *call) {
    const char *sid = json_text(call, "sid"), *status = json_text(call, "status");
    if (!sid || !sid[0] || !status)
        return false;
    jsonw_object(w);
    jsonw_text_at(w, "provider_id", sid);
    jsonw_text_at(w, "status", status);
    jsonw_text_at(w, "ended_reason", has_ended(status) ? status : NULL);
    jsonw_i64_at(w, "started_at", twilio_time(json_text(call, "start_time")));
    jsonw_i64_at(w, "ended_at", end_of(call, status));
    jsonw_text_at(w, "to", json_text(call, "to"));
    jsonw_text_at(w, "from", json_text(call, "from"));
    jsonw_i64_at(w, "made_at", twilio_time(json_text(call, "date_created")));
    jsonw_object_end(w);
    return true;
}

static bool to_facts(struct ctx *ctx, struct str body, struct str *kept) {
    return twilio_facts(ctx, body, facts_write, kept);
}

static bool to_list(struct ctx *ctx, struct str body, struct str *kept) {
    return twilio_found(ctx, body, "calls", facts_write, kept);
}

/* --- asking ---------------------------------------------------------------------------------- */

enum err twilio_call_create(struct ctx *ctx, const struct upstream_credential *c,
                            const char *account_sid, const struct twilio_call_order *order,
                            const struct upstream_watch *watch, struct str *facts) {
    static const char *const EVENTS[] = { "initiated", "ringing", "answered", "completed" };
    struct upstream_request req =
        twilio_request(c, "POST", "call.create", twilio_path(ctx, account_sid, "/Calls.json"));
    struct buf *form = buf_in(ctx->arena);
    twilio_pair(form, "To", order->to);
    twilio_pair(form, "From", order->from);
    twilio_pair(form, "Url", order->url);
    twilio_pair(form, "Twiml", order->twiml);
    twilio_pair(form, "TimeLimit", arena_printf(ctx->arena, "%d", order->time_limit_s));
    twilio_pair(form, "StatusCallback", order->callback);
    for (size_t i = 0; order->callback && i < ARRAY_LEN(EVENTS); i++)
        twilio_pair(form, "StatusCallbackEvent", EVENTS[i]);
    req.body = buf_view(form);
    req.digest = to_facts;
    req.watch = watch;
    return twilio_ask(ctx, &req, facts);
}

enum err twilio_call_read(struct ctx *ctx, const struct upstream_credential *c,
                          const char *account_sid, const char *provider_id, struct str *facts) {
    struct upstream_request req = twilio_request(
        c, "GET", "call.get", twilio_thing_path(ctx, account_sid, "/Calls/", provider_id));
    req.digest = to_facts;
    return twilio_ask(ctx, &req, facts);
}

enum err twilio_call_end(struct ctx *ctx, const struct upstream_credential *c,
                         const char *account_sid, const char *provider_id, struct str *facts) {
    struct upstream_request req = twilio_request(
        c, "POST", "call.end", twilio_thing_path(ctx, account_sid, "/Calls/", provider_id));
    req.body = STR("Status=completed");
    req.digest = to_facts;
    req.is_repeatable = true;
    return twilio_ask(ctx, &req, facts);
}

enum err twilio_calls_like(struct ctx *ctx, const struct upstream_credential *c,
                           const char *account_sid, const struct twilio_search *search,
                           struct twilio_matches *out) {
    struct upstream_request req = twilio_request(c, "GET", "call.list", NULL);
    req.digest = to_list;
    return twilio_find(ctx, &req, account_sid, "/Calls.json", "StartTime>", search, out);
}
