/* integrations: how each connection fares, from what Ava knows; asks no provider. */
#pragma once

#include "service/credentials.h"

struct integration {
    enum provider provider;
    const char *status; /* connected not_connected needs_attention resting demo */
    const char *account_last4;
    int64_t checked_ms, last_webhook_ms;
    int64_t retry_in_s; /* 0: not resting */
    enum breaker_state breaker;
};

enum { INTEGRATIONS_MAX = 2 };

enum err integrations_list(struct ctx *ctx, struct integration out[INTEGRATIONS_MAX],
                           size_t *count);
