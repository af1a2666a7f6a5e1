#include "obs/provider.h"

static const char *const NAMES[PROVIDER_COUNT] = { "vapi",   "twilio",    "resend",     "smtp",
                                                   "google", "microsoft", "destination" };
static const char *const TITLES[PROVIDER_COUNT] = {
    "Vapi", "Twilio", "Resend", "The mail server", "Google", "Microsoft", "The destination"
};
static const char *const LABELS[PROVIDER_COUNT] = { "Vapi",   "Twilio",    "Resend",     "SMTP",
                                                    "Google", "Microsoft", "Destination" };

const char *provider_name(enum provider p) {
    return NAMES[p];
}

const char *provider_title(enum provider p) {
    return TITLES[p];
}

const char *provider_label(enum provider p) {
    return LABELS[p];
}

enum provider provider_parse(struct str name) {
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        if (str_is(name, NAMES[p]))
            return p;
    return PROVIDER_COUNT;
}
