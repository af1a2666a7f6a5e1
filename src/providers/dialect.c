#include "providers/dialect.h"

#include "providers/google_dialect.h"
#include "providers/microsoft_dialect.h"
#include "providers/resend_dialect.h"
#include "providers/smtp_dialect.h"
#include "providers/twilio_dialect.h"
#include "providers/vapi_dialect.h"

static const struct dialect NONE = { .base_url = NULL };

static const struct dialect *const DIALECTS[PROVIDER_COUNT] = {
    [PROVIDER_VAPI] = &VAPI_DIALECT,     [PROVIDER_TWILIO] = &TWILIO_DIALECT,
    [PROVIDER_RESEND] = &RESEND_DIALECT, [PROVIDER_SMTP] = &SMTP_DIALECT,
    [PROVIDER_GOOGLE] = &GOOGLE_DIALECT, [PROVIDER_MICROSOFT] = &MICROSOFT_DIALECT,
};

const struct dialect *dialect_of(enum provider p) {
    return p < PROVIDER_COUNT && DIALECTS[p] ? DIALECTS[p] : &NONE;
}
