/* integrations: how each connection fares, from what Ava knows; asks no provider. */
#pragma once

#include "service/connections/credentials.h"

struct integration {
    enum provider provider;
    const char *status; /* connected not_connected needs_attention resting demo */
    const char
        *attention; /* "credentials_rejected", "webhook_refused", "webhook_silent"; NULL: none */
    int64_t attention_since_ms;
    const char *account_last4;
    const char *account; /* whose calendar it is; NULL: not told, or no calendar */
    int64_t checked_ms, last_webhook_ms;
    int64_t retry_in_s; /* 0: not resting */
    enum breaker_state breaker;
};

enum { INTEGRATIONS_MAX = PROVIDER_COUNT };

/* For upstream_on_moved, with ctx->parts as arg: publishes the event "connection", which says only
 * that the connections are worth reading anew: what each workspace would read differs. */
void integrations_moved(void *parts, enum provider p, const char *workspace_id);

/* For upstream_on_retry: publishes the event "retry" about the request of that correlation id, which a
 * page is waiting for. */
void integrations_retried(const struct ctx *ctx, enum provider p, int64_t wait_ms);

/* How the provider's own breaker stands: "closed", "half_open" or "open". */
const char *integration_breaker(const struct ctx *ctx, enum provider p);

enum err integrations_list(struct ctx *ctx, struct integration out[INTEGRATIONS_MAX],
                           size_t *count);

struct history;
struct history *
integrations_history(const struct ctx *ctx); /* how providers answered (resilience/history.h) */
