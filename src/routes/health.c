#include "auth/session.h"
#include "base/clock.h"
#include "http/accept.h"
#include "http/squeeze.h"
#include "obs/metrics.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "service/connections/integrations.h"
#include "service/upkeep/readiness.h"

enum { STALLED_MS = 1000 };

enum err get_health_live(struct ctx *ctx, struct call *call) {
    const struct inside *inside = &call->entry->inside;
    int64_t since = ava_now_ms() - inside->last_turn_ms(inside->arg);
    bool live = since <= STALLED_MS;
    struct jsonw w = reply_json(call, live ? 200 : 503);
    jsonw_object(&w);
    jsonw_text_at(&w, "status", live ? "live" : "stalled");
    jsonw_object_end(&w);
    return OK;
}

enum err get_health_ready(struct ctx *ctx, struct call *call) {
    bool draining = atomic_load(&call->entry->draining);
    bool setup_needed = false;
    struct readiness r;
    readiness_check(ctx, &r);
    if (r.database)
        r.database = auth_setup_needed(ctx, &setup_needed) == OK;
    bool ready = r.database && r.keys && r.clock && !draining;
    struct jsonw w = reply_json(call, ready ? 200 : 503);
    jsonw_object(&w);
    jsonw_text_at(&w, "status", draining ? "draining" : ready ? "ready" : "not_ready");
    jsonw_text_at(&w, "profile", call->entry->profile);
    jsonw_bool_at(&w, "setup_needed", setup_needed);
    jsonw_text_at(&w, "version", AVA_VERSION);
    jsonw_key(&w, "checks");
    jsonw_object(&w);
    jsonw_text_at(&w, "database", r.database ? "ok" : "failed");
    jsonw_text_at(&w, "migrations", "ok"); /* without them Ava would not have started */
    jsonw_text_at(&w, "keys", r.keys ? "ok" : "failed");
    jsonw_text_at(&w, "clock", r.clock ? "ok" : "failed");
    jsonw_object_end(&w);
    jsonw_key(&w, "breakers");
    jsonw_list(&w);
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        if (!credentials_supports(p))
            continue;
        jsonw_object(&w);
        jsonw_text_at(&w, "service", provider_name(p));
        jsonw_text_at(&w, "state", integration_breaker(ctx, p));
        jsonw_object_end(&w);
    }
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return OK;
}

void metrics_answer(const struct http_req *req, struct http_reply *reply) {
    struct str accept = http_field(req, "accept");
    bool is_named, is_asked;
    int text = accept_weight(accept, "text/plain", "0.0.4", &is_named);
    int open = accept_weight(accept, "application/openmetrics-text", "1.0.0", &is_asked);
    bool is_open = is_asked && open > 0 && open >= text;
    reply->content_type = is_open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                  : "text/plain; version=0.0.4; charset=utf-8";
    http_reply_header_text(reply, "Vary", "Accept");
    metrics_write(&reply->body, is_open ? METRICS_OPEN : METRICS_TEXT);
    http_squeeze(req, reply);
}

enum err get_metrics(struct ctx *ctx, struct call *call) {
    if (call->entry->metrics_moved)
        return ctx_fail(ctx, ERR_NOT_FOUND, "The metrics are on an address of their own.");
    metrics_answer(call->req, call->reply);
    return OK;
}
