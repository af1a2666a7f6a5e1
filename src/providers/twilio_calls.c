#include "providers/twilio_calls.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

const struct dialect_rank TWILIO_CALL_RANKS[] = {
    { "queued", 1 },
    { "initiated", 2 },
    { "ringing", 3 },
    { "in-progress", 4 },
    { "completed", DIALECT_RANK_LAST },
    { "busy", DIALECT_RANK_LAST },
    { "failed", DIALECT_RANK_LAST },
    { "no-answer", DIALECT_RANK_LAST },
    { "canceled", DIALECT_RANK_LAST },
    { NULL, 0 },
};

/* --- reading --------------------------------------------------------------------------------- */

static bool has_ended(const char *status) {
    return dialect_rank(TWILIO_CALL_RANKS, status) >= DIALECT_RANK_LAST;
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
static bool facts_of(const json_t *call, struct call_facts *out) {
    const char *sid = json_text(call, "sid"), *status = json_text(call, "status");
    if (!sid || !sid[0] || !status)
        return false;
    *out = (struct call_facts){ .provider_id = sid,
                                .to = json_text(call, "to"),
                                .from = json_text(call, "from"),
                                .status = status,
                                .ended_reason = has_ended(status) ? status : NULL,
                                .started_ms = twilio_time(json_text(call, "start_time")),
                                .ended_ms = end_of(call, status),
                                .has_exact_times = true,
                                .account_calls = -1 };
    return true;
}

static bool read_call(struct ctx *ctx, const json_t *said, void *into) {
    return facts_of(said, into);
}

static bool read_match(struct ctx *ctx, const json_t *one, struct twilio_match *out) {
    struct call_facts *facts = arena_alloc(ctx->arena, sizeof *facts);
    if (!facts_of(one, facts))
        return false;
    *out = (struct twilio_match){ .provider_id = facts->provider_id,
                                  .to = facts->to,
                                  .from = facts->from,
                                  .direction = json_text(one, "direction"),
                                  .made_ms = twilio_time(json_text(one, "date_created")),
                                  .facts = facts };
    return true;
}

static const char *const LIST_PATHS[] = { "calls[].sid",
                                          "calls[].status",
                                          "calls[].to",
                                          "calls[].from",
                                          "calls[].start_time",
                                          "calls[].end_time",
                                          "calls[].date_updated",
                                          "calls[].direction",
                                          "calls[].date_created",
                                          "next_page_uri",
                                          NULL };
static const struct twilio_list CALLS = { "call.list", "/Calls.json", "StartTime>",
                                          "calls",     read_match,    LIST_PATHS };

/* --- asking ---------------------------------------------------------------------------------- */

enum err twilio_call_create(struct ctx *ctx, const struct upstream_credential *c,
                            const char *account_sid, const struct twilio_call_order *order,
                            const struct upstream_watch *watch, struct call_facts *out) {
    static const char *const EVENTS[] = { "initiated", "ringing", "answered", "completed" };
    struct upstream_answer answer;
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
    req.read = read_call;
    req.into = out;
    req.watch = watch;
    return upstream_call(ctx, &req, &answer);
}

enum err twilio_call_read(struct ctx *ctx, const struct upstream_credential *c,
                          const char *account_sid, const char *provider_id,
                          struct call_facts *out) {
    struct upstream_answer answer;
    struct upstream_request req = twilio_request(
        c, "GET", "call.get", twilio_thing_path(ctx, account_sid, "/Calls/", provider_id));
    req.read = read_call;
    req.into = out;
    return upstream_call(ctx, &req, &answer);
}

enum err twilio_call_end(struct ctx *ctx, const struct upstream_credential *c,
                         const char *account_sid, const char *provider_id, struct call_facts *out) {
    struct upstream_answer answer;
    struct upstream_request req = twilio_request(
        c, "POST", "call.end", twilio_thing_path(ctx, account_sid, "/Calls/", provider_id));
    req.body = STR("Status=completed");
    req.read = read_call;
    req.into = out;
    req.is_repeatable = true;
    return upstream_call(ctx, &req, &answer);
}

enum err twilio_calls_like(struct ctx *ctx, const struct upstream_credential *c,
                           const char *account_sid, const struct twilio_search *search,
                           struct twilio_matches *out) {
    return twilio_find(ctx, c, account_sid, &CALLS, search, out);
}

enum err twilio_calls_since(struct ctx *ctx, const struct upstream_credential *c,
                            const char *account_sid, int64_t since_ms, struct twilio_listed *out) {
    return twilio_list_since(ctx, c, account_sid, &CALLS, since_ms, out);
}
