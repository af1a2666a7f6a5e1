#include "providers/resend_codes.h"

#include <string.h>

#include "base/json.h"

/* In this order; message NULL: whatever it says; words NULL: the status says it well enough. */
static const struct code {
    const char *name, *message;
    enum refusal_about about;
    const char *words;
} CODES[] = {
    { "validation_error", "API key", REFUSAL_KEY, NULL },
    { "invalid_api_key", NULL, REFUSAL_KEY, NULL },
    { "missing_api_key", NULL, REFUSAL_KEY, NULL },
    { "suspended_api_key", NULL, REFUSAL_KEY, NULL },
    { "restricted_api_key", NULL, REFUSAL_PERMISSION, NULL },
    { "validation_error", "not verified", REFUSAL_REQUEST,
      "the domain it is sent from is not verified. Verify it at resend.com/domains, or send from "
      "another one." },
    { "validation_error", "testing emails", REFUSAL_REQUEST,
      "without a domain of your own, mails go to your own address only. Verify a domain at "
      "resend.com/domains." },
    { "invalid_from_address", NULL, REFUSAL_REQUEST, "the address it is sent from is not one." },
    { "invalid_access", NULL, REFUSAL_REQUEST, "the key may not send from this domain." },
    { "invalid_attachment", NULL, REFUSAL_REQUEST, "an attachment is not one that it takes." },
    { "invalid_idempotent_request", NULL, REFUSAL_REQUEST,
      "the same mail was asked for before with other words." },
    { "missing_required_field", NULL, REFUSAL_REQUEST, "a field that it needs is missing." },
    { "invalid_parameter", NULL, REFUSAL_REQUEST, "a field has a value that it does not take." },
    { "validation_error", NULL, REFUSAL_REQUEST, "a field has a value that it does not take." },
    { "security_error", NULL, REFUSAL_REQUEST, "it takes the mail for unsafe." },
    { "monthly_quota_exceeded", NULL, REFUSAL_ACCOUNT,
      "the mails of this month are used up. More go out next month, or with a larger plan." },
    { "daily_quota_exceeded", NULL, REFUSAL_ACCOUNT,
      "the mails of this day are used up. Sending it again tomorrow may work." },
    { "rate_limit_exceeded", NULL, REFUSAL_THROTTLE, NULL },
    /* The first one with this key is not answered yet: the same again later tells what became of it. */
    { "concurrent_idempotent_requests", NULL, REFUSAL_THROTTLE, NULL },
    { "not_found", NULL, REFUSAL_ABSENT, NULL },
};

void resend_judge(struct ctx *ctx, int status, const json_t *said, struct refusal *out) {
    const char *name = json_text(said, "name"), *message = json_text(said, "message");
    for (size_t i = 0; name && i < ARRAY_LEN(CODES); i++) {
        if (strcmp(CODES[i].name, name) != 0 ||
            (CODES[i].message && !refusal_has(message, CODES[i].message)))
            continue;
        *out = (struct refusal){ CODES[i].about, CODES[i].words };
        return;
    }
}
