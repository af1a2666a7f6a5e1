#include "service/connections/integrations.h"

#include <string.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "service/connections/grants.h"
#include "service/connections/webhook_health.h"
#include "store/sealed.h"
#include "tasks/feed.h"

static enum err last_webhook(struct ctx *ctx, enum provider p, int64_t *out) {
    struct endpoint_row rows[16];
    size_t count;
    *out = 0;
    TRY(endpoint_rows_list(ctx, db_reader(ctx), ctx->who.workspace_id, ava_steady_ms(), rows, 16,
                           &count));
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].provider, provider_name(p)) == 0 && rows[i].last_received_ms > *out)
            *out = rows[i].last_received_ms;
    return OK;
}

/* While the breaker is open, what is connected rests. */
static void rest(struct integration *out, const struct guard_state *worse, bool is_connected) {
    out->breaker = worse->breaker;
    if (!is_connected || worse->breaker != BREAKER_OPEN)
        return;
    out->status = "resting";
    out->retry_in_s = (worse->remaining_ms + 999) / 1000;
}

/* What somebody must do about it, where the connection itself is there. */
static enum err find_attention(struct ctx *ctx, enum provider p, bool is_rejected, int64_t saved_ms,
                               struct integration *out) {
    static const char *const CODES[] = {
        [WEBHOOKS_REFUSED] = "webhook_refused", [WEBHOOKS_SILENT] = "webhook_silent"
    };
    enum webhook_health health;
    out->attention = is_rejected ? "credentials_rejected" : NULL;
    if (is_rejected)
        return OK;
    TRY(webhook_health_read(ctx, p, saved_ms, &health, &out->attention_since_ms));
    out->attention = CODES[health];
    return OK;
}

static enum err look_at(struct ctx *ctx, enum provider p, struct integration *out) {
    struct connection c;
    struct lent lent;
    struct guard_state shared = upstream_state(ctx->parts->upstream, p, NULL), own = { 0 };
    TRY(credentials_describe(ctx, p, &c));
    *out = (struct integration){ .provider = p,
                                 .status = "not_connected",
                                 .account_last4 = c.account_last4,
                                 .checked_ms = c.checked_ms };
    TRY(last_webhook(ctx, p, &out->last_webhook_ms));
    enum err e = lending_find(ctx, p, &lent);
    if (e != OK && e != ERR_NOT_CONNECTED)
        return e;
    ctx_clear(ctx);
    if (e == OK) {
        own = upstream_state(ctx->parts->upstream, p, lent.ref.id);
        TRY(find_attention(ctx, p, own.needs_reauth, c.updated_ms, out));
        out->status = out->attention ? "needs_attention" : "connected";
    }
    rest(out, own.breaker > shared.breaker ? &own : &shared, e == OK);
    return OK;
}

/* A provider that people grant Ava the use of, instead of giving it a key. */
static enum err look_at_grant(struct ctx *ctx, enum provider p, struct integration *out) {
    struct oauth_grant_row row;
    struct guard_state shared = upstream_state(ctx->parts->upstream, p, NULL), own = { 0 };
    TRY(grant_find(ctx, p, &row));
    *out =
        (struct integration){ .provider = p, .status = "not_connected", .breaker = shared.breaker };
    if (!row.id)
        return OK;
    own = upstream_state(ctx->parts->upstream, p, row.id);
    out->attention = row.ended_ms ? "credentials_rejected" : NULL;
    out->attention_since_ms = row.ended_ms;
    out->status = row.ended_ms ? "needs_attention" : "connected";
    out->account = row.account[0] ? row.account : NULL;
    out->checked_ms = row.updated_ms;
    rest(out, own.breaker > shared.breaker ? &own : &shared, !row.ended_ms);
    return OK;
}

enum err integrations_list(struct ctx *ctx, struct integration out[INTEGRATIONS_MAX],
                           size_t *count) {
    *count = 0;
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        if (credentials_supports(p))
            TRY(look_at(ctx, p, &out[(*count)++]));
        else if (dialect_of(p)->oauth)
            TRY(look_at_grant(ctx, p, &out[(*count)++]));
    return OK;
}

const char *integration_breaker(const struct ctx *ctx, enum provider p) {
    return upstream_breaker(ctx->parts->upstream, p, NULL);
}

void integrations_moved(void *arg, enum provider p, const char *workspace_id) {
    const struct parts *parts = arg;
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    jsonw_object(&w);
    jsonw_text_at(&w, "provider", provider_name(p));
    jsonw_object_end(&w);
    feed_publish(parts->feed, workspace_id, "connection", buf_view(&b));
    buf_fini(&b);
}

struct history *integrations_history(const struct ctx *ctx) {
    return upstream_history(ctx->parts->upstream);
}

void integrations_retried(const struct ctx *ctx, enum provider p, int64_t wait_ms) {
    int next = ctx->attempts + 1;
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    jsonw_object(&w);
    jsonw_text_at(&w, "correlation_id", ctx->correlation_id);
    jsonw_text_at(&w, "service", provider_name(p));
    jsonw_i64_at(&w, "attempt", next < UPSTREAM_ATTEMPTS_MAX ? next : UPSTREAM_ATTEMPTS_MAX);
    jsonw_i64_at(&w, "max_attempts", UPSTREAM_ATTEMPTS_MAX);
    jsonw_i64_at(&w, "next_retry_in_seconds", (wait_ms + 999) / 1000);
    jsonw_object_end(&w);
    feed_hint(ctx->parts->feed, ctx->who.workspace_id, "retry", buf_view(&b));
    buf_fini(&b);
}
