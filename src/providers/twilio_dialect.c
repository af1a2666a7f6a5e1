#include "providers/twilio_dialect.h"

#include "config/config.h"
#include "providers/twilio.h"
#include "providers/twilio_calls.h"
#include "providers/twilio_codes.h"
#include "providers/twilio_events.h"
#include "providers/twilio_messages.h"
#include "providers/twilio_numbers.h"

static const char *base_url(const struct config *config) {
    return config->twilio_base_url;
}

/* --- credentials ------------------------------------------------------------------------------ */

static const char NO_API_KEY[] = "An API key (SK...) cannot check webhooks: Twilio signs them with "
                                 "the account's auth token. Send "
                                 "account_sid (AC...) and auth_token of the account.";

static const char *wrong_sid(struct str text) {
    if (str_starts(text, STR("SK")))
        return NO_API_KEY;
    return twilio_is_account_sid(text) ? NULL
                                       : "A Twilio account SID is 'AC' and 32 hexadecimal digits.";
}

/* No auth token has the shape of a SID. */
static const char *wrong_token(struct str text) {
    return text.len == 34 && str_starts(text, STR("SK")) ? NO_API_KEY : NULL;
}

static const struct dialect_field FIELDS[] = {
    { .name = "account_sid", .is_required = true, .chars_max = 34, .wrong = wrong_sid },
    { .name = "auth_token",
      .is_secret = true,
      .is_required = true,
      .chars_max = 512,
      .wrong = wrong_token },
    { .name = "next_auth_token", .is_secret = true, .chars_max = 512, .wrong = wrong_token },
    { .name = "api_key", .instead = NO_API_KEY },
    { .name = "api_secret", .instead = NO_API_KEY },
};

static enum err check(struct ctx *ctx, const struct upstream_credential *c,
                      const struct dialect_account *account, struct dialect_check *out) {
    int numbers;
    TRY(twilio_check(ctx, c, account->account_sid, &numbers));
    *out = (struct dialect_check){ .message = arena_printf(ctx->arena, "Works - %d number%s found",
                                                           numbers, numbers == 1 ? "" : "s"),
                                   .numbers = numbers };
    return OK;
}

static const char REFUSED[] = "Twilio did not accept this account SID and token together.";

static const struct dialect_refusal REFUSALS[] = {
    { ERR_CREDENTIALS_REJECTED, "auth_token", REFUSED },
    { ERR_PROVIDER_RESOURCE_NOT_FOUND, "auth_token", REFUSED },
    { OK, NULL, NULL },
};

static void platform(const struct config *config, struct dialect_platform *out) {
    *out = (struct dialect_platform){
        .key = &config->platform_twilio_auth_token,
        .account = { .account_sid = config->platform_twilio_account_sid },
    };
}

/* --- calls and texts -------------------------------------------------------------------------- */

static enum err call_read(struct ctx *ctx, const struct upstream_credential *c,
                          const struct dialect_account *account, const char *provider_id,
                          struct call_facts *out) {
    return twilio_call_read(ctx, c, account->account_sid, provider_id, out);
}

static enum err call_end(struct ctx *ctx, const struct upstream_credential *c,
                         const struct dialect_account *account, const char *provider_id,
                         struct call_facts *out) {
    return twilio_call_end(ctx, c, account->account_sid, provider_id, out);
}

static const struct dialect_calls CALLS = {
    .ranks = TWILIO_CALL_RANKS,
    .longest_s = 4 * 3600, /* its own bound of TimeLimit; ours is shorter */
    .carrier = PROVIDER_COUNT,
    .read = call_read,
    .end = call_end,
};

static enum err message_read(struct ctx *ctx, const struct upstream_credential *c,
                             const struct dialect_account *account, const char *provider_id,
                             struct message_facts *out) {
    return twilio_message_read(ctx, c, account->account_sid, provider_id, out);
}

static const struct dialect_messages MESSAGES = { .ranks = TWILIO_MESSAGE_RANKS,
                                                  .read = message_read };

/* ------------------------------------------------------------------------------------------------ */

static const struct dialect_webhook WEBHOOKS[] = {
    { "voice", "voice" },     { "status", "status" },
    { "message", "message" }, { "message_status", "message-status" },
    { NULL, NULL },
};

const struct dialect TWILIO_DIALECT = {
    .base_url = base_url,
    .throttle_did_nothing = true,
    .judge = twilio_judge,
    .fields = FIELDS,
    .field_count = ARRAY_LEN(FIELDS),
    .key_field = "auth_token",
    .check = check,
    .refusals = REFUSALS,
    .platform = platform,
    .webhooks = WEBHOOKS,
    /* The fragment asks Twilio to try five times more, also when we could not store what it told
     * (5xx) or a proxy of ours answered with 4xx; its default is once, and only when it could not
     * connect (twilio.com/docs/usage/webhooks/webhooks-connection-overrides, read 2026-11-29: rc 0 to
     * 5, rp of 4xx, 5xx, ct, rt, all; 15 s altogether). It is never sent to us, nor signed. */
    .callback_suffix = "#rc=5&rp=ct,rt,4xx,5xx",
    .read_event = twilio_event_read,
    .event_name = twilio_event_name,
    .calls = &CALLS,
    .messages = &MESSAGES,
};
