/* provider: the outside services Ava calls, by number, name and title. */
#pragma once

#include "base/str.h"

enum provider {
    PROVIDER_VAPI,
    PROVIDER_TWILIO,
    PROVIDER_RESEND,
    PROVIDER_SMTP,
    PROVIDER_GOOGLE,
    PROVIDER_MICROSOFT,
    PROVIDER_DESTINATION, /* customers' own endpoints, each a scope of its own */
    PROVIDER_COUNT
};

const char *provider_name(enum provider p);    /* "vapi": the label in metrics and answers */
const char *provider_title(enum provider p);   /* "Vapi", "The mail server": in sentences */
const char *provider_label(enum provider p);   /* "Vapi", "SMTP": in titles */
enum provider provider_parse(struct str name); /* PROVIDER_COUNT when unknown */
