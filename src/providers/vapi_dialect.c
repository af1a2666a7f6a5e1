#include "providers/vapi_dialect.h"

#include <stdio.h>

#include "base/json.h"
#include "config/config.h"
#include "providers/vapi_auth.h"
#include "providers/vapi_calls.h"
#include "providers/vapi_events.h"
#include "providers/vapi_settings.h"
#include "providers/vapi_words.h"

static const char *base_url(const struct config *config) {
    return config->vapi_base_url;
}

/* --- credentials ------------------------------------------------------------------------------ */

/* The one field that is an object: a plan of vapi_auth.h. */
static const char WEBHOOK_AUTH[] = "webhook_auth";

/* Part by part, so that judging a webhook reads them where they are. */
static void collect_plan(const json_t *plan, struct secret *out) {
    struct vapi_auth_plan parts = vapi_auth_plan_of(plan);
    for (const char *const *name = VAPI_AUTH_PARTS; *name; name++) {
        char field[64];
        struct str value = parts.part(parts.arg, *name);
        snprintf(field, sizeof field, "%s.%s", WEBHOOK_AUTH, *name);
        if (value.ptr)
            secret_field_add(out, str_of(field), value);
    }
}

static const struct dialect_field FIELDS[] = {
    { .name = "api_key", .is_secret = true, .is_required = true, .chars_max = 512 },
    { .name = "assistant_id", .is_required = true, .chars_max = 128 },
    { .name = "default_number_id", .chars_max = 128 },
    { .name = "webhook_secret", .is_secret = true, .chars_max = 512 },
    { .name = WEBHOOK_AUTH,
      .is_secret = true,
      .check_object = vapi_auth_check_plan,
      .collect_object = collect_plan },
};

static void check_fields(struct ctx *ctx, const json_t *body) {
    if (json_is_object(json_object_get(body, WEBHOOK_AUTH)) && json_text(body, "webhook_secret"))
        ctx_field(ctx, WEBHOOK_AUTH, "conflict",
                  "Send webhook_auth or webhook_secret, not both: either says how Vapi proves "
                  "itself.");
}

static enum err check(struct ctx *ctx, const struct upstream_credential *c,
                      const struct dialect_account *account, struct dialect_check *out) {
    *out = (struct dialect_check){ .message = "Works - the assistant answers", .numbers = -1 };
    return vapi_check(ctx, c, account->assistant_id);
}

static const struct dialect_refusal REFUSALS[] = {
    { ERR_CREDENTIALS_REJECTED, "api_key",
      "Vapi did not accept this key. Check that it is the private key." },
    { ERR_PROVIDER_RESOURCE_NOT_FOUND, "assistant_id",
      "Vapi has no assistant with this id under this key." },
    { OK, NULL, NULL },
};

static void platform(const struct config *config, struct dialect_platform *out) {
    *out = (struct dialect_platform){
        .key = &config->platform_vapi_api_key,
        .webhook_secret = &config->platform_vapi_webhook_secret,
        .account = { .assistant_id = config->platform_vapi_assistant_id,
                     .number_id = config->platform_vapi_number_id },
    };
}

/* --- calls ------------------------------------------------------------------------------------ */

static enum err call_read(struct ctx *ctx, const struct upstream_credential *c,
                          const struct dialect_account *account, const char *provider_id,
                          struct call_facts *out) {
    return vapi_call_read(ctx, c, provider_id, out);
}

static enum err call_end(struct ctx *ctx, const struct upstream_credential *c,
                         const struct dialect_account *account, const char *provider_id,
                         struct call_facts *out) {
    bool had_ended;
    TRY(vapi_call_end(ctx, c, provider_id, &had_ended));
    return vapi_call_read(ctx, c, provider_id, out);
}

static const struct dialect_calls CALLS = {
    .ranks = VAPI_CALL_RANKS,
    .longest_s = 43200, /* the most that maxDurationSeconds may say */
    .carrier = PROVIDER_TWILIO,
    .read = call_read,
    .end = call_end,
};

/* ------------------------------------------------------------------------------------------------ */

static const struct dialect_webhook WEBHOOKS[] = { { "server", NULL }, { NULL, NULL } };

const struct dialect VAPI_DIALECT = {
    .base_url = base_url,
    .throttle_did_nothing = true,
    .judge = vapi_judge,
    .fields = FIELDS,
    .field_count = ARRAY_LEN(FIELDS),
    .key_field = "api_key",
    .check_fields = check_fields,
    .check = check,
    .refusals = REFUSALS,
    .platform = platform,
    .webhooks = WEBHOOKS,
    .event_paths = VAPI_EVENT_PATHS,
    .read_event = vapi_event_read,
    .event_name = vapi_event_name,
    .calls = &CALLS,
};
