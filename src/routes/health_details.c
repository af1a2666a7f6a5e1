/* How the asker's workspace fares, and for who runs the installation all of it, for Admin in the dashboard. */
#include <string.h>

#include "config/config.h"
#include "routes/limits.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "service/calls/call_limits.h"
#include "service/connections/integrations.h"
#include "service/upkeep/standing.h"

static void write_integrations(struct jsonw *w, const struct integration *rows, size_t count) {
    jsonw_key(w, "providers");
    jsonw_list(w);
    for (size_t i = 0; i < count; i++) {
        jsonw_object(w);
        jsonw_text_at(w, "name", provider_name(rows[i].provider));
        jsonw_text_at(w, "status", rows[i].status);
        jsonw_text_at(w, "breaker", breaker_state_name(rows[i].breaker));
        jsonw_i64_at(w, "retry_in_seconds", rows[i].retry_in_s);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
}

static void write_near(struct jsonw *w, const struct limit_near *n) {
    jsonw_object(w);
    jsonw_text_at(w, "of", n->of);
    jsonw_text_at(w, "id", n->id);
    jsonw_text_at(w, "name", n->name);
    jsonw_text_at(w, "method", n->route ? http_method_name(n->route->at.method) : NULL);
    jsonw_text_at(w, "path", n->route ? n->route->at.path : NULL);
    jsonw_i64_at(w, "used", n->used);
    jsonw_i64_at(w, "limit", n->limit);
    jsonw_i64_at(w, "reset_seconds", n->reset_s);
    jsonw_object_end(w);
}

struct nearest {
    struct limit_near rows[LIMITS_NEAR_MAX];
    size_t count;
};

/* What is in force for who comes here, who is near it, and the calls as they stand. */
static void write_limits(struct jsonw *w, const struct config *c, const struct nearest *near,
                         const struct call_limits_view *calls) {
    jsonw_key(w, "requests");
    jsonw_object(w);
    jsonw_bool_at(w, "limited", c->rate_limiting);
    jsonw_i64_at(w, "per_minute", c->rate_default_per_minute);
    jsonw_i64_at(w, "settings_per_minute", c->rate_per_minute);
    jsonw_i64_at(w, "webhooks_per_second", c->rate_webhooks_per_second);
    jsonw_key(w, "nearest");
    jsonw_list(w);
    for (size_t i = 0; i < near->count; i++)
        write_near(w, &near->rows[i]);
    jsonw_list_end(w);
    jsonw_object_end(w);
    jsonw_key(w, "calls");
    call_limits_write(w, calls);
}

static void write_standing(struct jsonw *w, const struct standing_view *v) {
    jsonw_key(w, "queue");
    jsonw_object(w);
    jsonw_i64_at(w, "waiting", v->now.jobs_waiting);
    jsonw_i64_at(w, "dead", v->now.jobs_dead);
    jsonw_i64_at(w, "oldest_seconds", v->jobs_late_s);
    jsonw_object_end(w);
    jsonw_key(w, "inbox");
    jsonw_object(w);
    jsonw_i64_at(w, "waiting", v->now.events_open);
    jsonw_i64_at(w, "dead", v->now.events_dead);
    jsonw_i64_at(w, "oldest_seconds", v->events_age_s);
    jsonw_object_end(w);
    jsonw_key(w, "deliveries");
    jsonw_object(w);
    jsonw_i64_at(w, "waiting", v->now.deliveries_open);
    jsonw_i64_at(w, "oldest_seconds", v->deliveries_age_s);
    jsonw_i64_at(w, "destinations_disabled", v->now.destinations_disabled);
    jsonw_object_end(w);
}

/* The same as ava status --json. */
static void write_installation(struct ctx *ctx, const struct inside *inside, struct jsonw *w) {
    jsonw_key(w, "installation");
    if (!ctx->who.is_admin || !inside->status) {
        jsonw_null(w);
        return;
    }
    struct buf *b = buf_in(ctx->arena);
    inside->status(inside->arg, b);
    jsonw_raw(w, buf_view(b));
}

enum err get_health_details(struct ctx *ctx, struct call *call) {
    struct integration rows[INTEGRATIONS_MAX];
    struct call_limits_view calls;
    struct standing_view standing;
    struct nearest near;
    size_t count;
    TRY(integrations_list(ctx, rows, &count));
    TRY(call_limits_read(ctx, "", &calls));
    TRY(standing_read(ctx, &standing));
    TRY(limits_near(ctx, call->entry, near.rows, &near.count));
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "workspace");
    jsonw_object(&w);
    write_integrations(&w, rows, count);
    write_limits(&w, ctx->parts->config, &near, &calls);
    write_standing(&w, &standing);
    jsonw_object_end(&w);
    write_installation(ctx, &call->entry->inside, &w);
    jsonw_object_end(&w);
    return OK;
}
