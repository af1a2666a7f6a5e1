#include "webhooks/resend.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/sift.h"
#include "crypto/hash.h"
#include "crypto/standard_webhook.h"
#include "service/connections/integrations.h"
#include "service/connections/lending.h"
#include "service/connections/webhook_health.h"
#include "webhooks/intake.h"

enum { TYPE_MAX = 64, RESOURCE_MAX = 128 };

static const char PROVIDER[] = "resend";

/* Svix's own names; those of Standard Webhooks where they are missing. */
static struct str header_of(const struct resend_webhook *hook, const char *svix,
                            const char *standard) {
    struct str value = hook->header(hook->arg, svix);
    return value.ptr ? value : hook->header(hook->arg, standard);
}

static enum err check_signature(struct ctx *ctx, const struct resend_webhook *hook,
                                const struct standard_webhook *w,
                                const struct endpoint_row *endpoint) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    enum err e = lending_reveal(ctx, endpoint->workspace_id, PROVIDER_RESEND, &fields);
    if (e != OK && e != ERR_NOT_CONNECTED)
        return e;
    struct str secret = secret_field(&fields, "webhook_secret");
    if (secret.len && standard_webhook_is_valid(ctx->arena, w, secret))
        return OK;
    if (webhook_health_refused(ctx, endpoint))
        integrations_moved((void *)ctx->parts, PROVIDER_RESEND, endpoint->workspace_id);
    return intake_refuse(ctx, PROVIDER,
                         secret.len ? "The signature of this webhook is missing, wrong or too old; "
                                      "check the signing secret and this machine's clock."
                                    : "This workspace has no signing secret for webhooks of its "
                                      "e-mail service; save it as webhook_secret.");
}

/* The id is the same each time an event is sent, and it is signed. */
static struct str dedupe_of(struct ctx *ctx, struct str id) {
    struct hash h;
    unsigned char *out = arena_alloc(ctx->arena, HASH_BYTES);
    hash_begin(&h);
    hash_add_field(&h, id);
    hash_end(&h, out);
    return (struct str){ (char *)out, HASH_BYTES };
}

static struct str text_in(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return (struct str){ json_string_value(value), json_string_length(value) };
}

/* Opened and clicked tell nothing that the mail's state hangs on. */
static bool is_noise(const char *type) {
    return strcmp(type, "email.opened") == 0 || strcmp(type, "email.clicked") == 0;
}

enum err resend_webhook_take(struct ctx *ctx, const struct resend_webhook *hook) {
    static const char *const PATHS[] = { "type", "data.email_id", NULL };
    struct endpoint_row endpoint;
    enum sift_end how;
    TRY(intake_find(ctx, PROVIDER, hook->token, &endpoint));
    struct standard_webhook w = { .id = header_of(hook, "svix-id", "webhook-id"),
                                  .timestamp =
                                      header_of(hook, "svix-timestamp", "webhook-timestamp"),
                                  .signature =
                                      header_of(hook, "svix-signature", "webhook-signature"),
                                  .body = hook->body,
                                  .now_s = ava_wall_ms() / 1000 };
    TRY(check_signature(ctx, hook, &w, &endpoint));
    const json_t *said = sift_text(ctx->arena, hook->body, PATHS, &how);
    struct incoming in = {
        .provider = PROVIDER,
        .type = intake_word(ctx, text_in(said, "type"), TYPE_MAX),
        .resource =
            intake_word(ctx, text_in(json_object_get(said, "data"), "email_id"), RESOURCE_MAX),
        .dedupe = dedupe_of(ctx, w.id),
        .content = { .headers = hook->headers, .body = hook->body },
    };
    if (is_noise(in.type))
        TRY(hook->admit(ctx, hook->admit_arg, true));
    return intake_keep(ctx, &endpoint, &in);
}
