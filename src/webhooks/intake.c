#include "webhooks/intake.h"

#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "obs/metrics.h"

enum { TOUCH_EVERY_MS = 1000 };

enum err intake_find(struct ctx *ctx, const char *provider, struct str token,
                     struct endpoint_row *out) {
    TRY(endpoint_by_token(ctx, token, out));
    if (!out->id || strcmp(out->provider, provider) != 0) {
        metric_add(METRIC_WEBHOOKS, 1, provider, "unknown_token");
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such webhook address.");
    }
    str_copy(ctx->who.workspace_id, sizeof ctx->who.workspace_id, str_of(out->workspace_id));
    return OK;
}

struct str intake_url(struct ctx *ctx, struct str target) {
    return str_of(
        arena_printf(ctx->arena, "%s%.*s", ctx->parts->config->public_url, STR_FMT(target)));
}

enum err intake_refuse(struct ctx *ctx, const char *provider, const char *why) {
    metric_add(METRIC_WEBHOOKS, 1, provider, "bad_signature");
    return ctx_fail(ctx, ERR_FORBIDDEN, "%s", why);
}

enum err intake_keep(struct ctx *ctx, const struct endpoint_row *endpoint, struct incoming *in) {
    bool is_new = false;
    in->workspace_id = endpoint->workspace_id;
    in->endpoint_id = endpoint->id;
    in->touch_endpoint = ava_wall_ms() - endpoint->last_received_ms > TOUCH_EVERY_MS;
    enum err e = event_take(ctx, in, &is_new);
    metric_add(METRIC_WEBHOOKS, 1, in->provider,
               e != OK  ? "not_stored"
               : is_new ? "accepted"
                        : "duplicate");
    return e;
}

const char *intake_word(struct ctx *ctx, struct str text, size_t max) {
    if (!text.len || text.len > max || !str_is_utf8(text))
        return "";
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20)
            return "";
    return str_dup(ctx->arena, text);
}
