#include "providers/resend_dialect.h"

#include "base/mailbox.h"
#include "config/config.h"
#include "crypto/standard_webhook.h"
#include "providers/resend.h"
#include "providers/resend_codes.h"
#include "providers/resend_events.h"

static const char *base_url(const struct config *config) {
    return config->resend_base_url;
}

/* --- credentials ------------------------------------------------------------------------------ */

static const char *wrong_key(struct str text) {
    return str_starts(text, STR("whsec_"))
               ? "This is the signing secret of a webhook; the API key begins with 're_'."
               : NULL;
}

static const char *wrong_from(struct str text) {
    struct str address;
    return !mailbox_find(text, &address) ? NULL
                                         : "Write the sender as mail@example.com, or as "
                                           "Your Name <mail@example.com>.";
}

static const char *wrong_secret(struct str text) {
    return str_starts(text, STR("whsec_"))
               ? NULL
               : "The signing secret of a webhook begins with 'whsec_'.";
}

static const struct dialect_field FIELDS[] = {
    { .name = "api_key",
      .is_secret = true,
      .is_required = true,
      .chars_max = 512,
      .wrong = wrong_key },
    { .name = "from", .is_required = true, .is_line = true, .chars_max = 320, .wrong = wrong_from },
    { .name = "webhook_secret", .is_secret = true, .chars_max = 512, .wrong = wrong_secret },
};

static enum err check(struct ctx *ctx, const struct upstream_credential *c,
                      const struct dialect_account *account, struct dialect_check *out) {
    bool sends_only;
    int domains;
    TRY(resend_check(ctx, c, &sends_only, &domains));
    *out = (struct dialect_check){
        .message = sends_only ? "Works - the key may send, and nothing else"
                   : domains == 1
                       ? "Works - 1 verified domain found"
                       : arena_printf(ctx->arena, "Works - %d verified domains found", domains),
        .numbers = -1
    };
    return OK;
}

static const struct dialect_refusal REFUSALS[] = {
    { ERR_CREDENTIALS_REJECTED, "api_key", "The e-mail service (Resend) did not accept this key." },
    { ERR_PERMISSION_DENIED, "api_key", "The e-mail service (Resend) lets this key do nothing." },
    { OK, NULL, NULL },
};

static void platform(const struct config *config, struct dialect_platform *out) {
    *out = (struct dialect_platform){ .key = &config->platform_resend_api_key,
                                      .account = { .from = config->platform_resend_from } };
}

/* --- mails ------------------------------------------------------------------------------------ */

static enum err message_read(struct ctx *ctx, const struct upstream_credential *c,
                             const struct dialect_account *account, const char *provider_id,
                             struct message_facts *out) {
    return resend_email_read(ctx, c, provider_id, out);
}

static const struct dialect_messages MESSAGES = { .ranks = RESEND_RANKS,
                                                  .tells_of_each = true,
                                                  .read = message_read };

static const struct dialect_webhook WEBHOOKS[] = { { "events", NULL }, { NULL, NULL } };

const struct dialect RESEND_DIALECT = {
    .base_url = base_url,
    .throttle_did_nothing = true,
    .judge = resend_judge,
    .fields = FIELDS,
    .field_count = ARRAY_LEN(FIELDS),
    .key_field = "api_key",
    .check = check,
    .refusals = REFUSALS,
    .platform = platform,
    .webhooks = WEBHOOKS,
    .set_webhook = resend_webhook_set,
    .event_paths = RESEND_EVENT_PATHS,
    .read_event = resend_event_read,
    .event_name = resend_event_name,
    .messages = &MESSAGES,
};
