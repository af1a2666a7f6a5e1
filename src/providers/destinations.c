#include "providers/destinations.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "crypto/standard_webhook.h"

static const struct str PREFIX = { "whsec_", 6 };

const char *destination_secret_make(struct arena *a) {
    unsigned char raw[DESTINATION_SECRET_BYTES];
    ava_rand(raw, sizeof raw);
    char *text = base64_encode(a, raw, sizeof raw);
    const char *secret = arena_join(a, PREFIX.ptr, text);
    explicit_bzero(raw, sizeof raw);
    explicit_bzero(text, strlen(text));
    return secret;
}

const char *destination_signature(struct arena *a, const struct secret *secrets, const char *id,
                                  int64_t at_s, struct str body) {
    struct str secret = secret_field(secrets, "secret"), former = secret_field(secrets, "former");
    struct buf *out = buf_in(a);
    bool is_signed = standard_webhook_sign(a, secret, id, at_s, body, out) &&
                     (!former.ptr || standard_webhook_sign(a, former, id, at_s, body, out));
    return is_signed ? str_dup(a, buf_view(out)) : NULL;
}

static void authorize(struct ctx *ctx, const struct upstream_request *req,
                      const struct secret *fields, struct upstream_headers *out) {
    int64_t at_s = ava_wall_ms() / 1000;
    const char *signature =
        destination_signature(ctx->arena, fields, req->message_id, at_s, req->body);
    out->lines[out->count++] = arena_join(ctx->arena, "webhook-id: ", req->message_id);
    out->lines[out->count++] = arena_printf(ctx->arena, "webhook-timestamp: %lld", (long long)at_s);
    out->lines[out->count++] =
        arena_join(ctx->arena, "webhook-signature: ", signature ? signature : "");
}

enum err destination_send(struct ctx *ctx, const struct destination_shot *shot,
                          struct upstream_echo *out) {
    return upstream_send(ctx,
                         &(struct upstream_request){ .provider = PROVIDER_DESTINATION,
                                                     .operation = "delivery",
                                                     .method = "POST",
                                                     .url = shot->url,
                                                     .body = shot->body,
                                                     .content_type = "application/json",
                                                     .credential = shot->credential,
                                                     .authorize = authorize,
                                                     .scope = shot->credential->id,
                                                     .message_id = shot->message_id,
                                                     .attempt_ms = DESTINATION_TIMEOUT_MS },
                         out);
}
