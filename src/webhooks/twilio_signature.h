/* twilio_signature: is this webhook really from Twilio?
 *
 * X-Twilio-Signature = Base64(HMAC-SHA1(auth token, S)). S is the URL as Twilio called it; for a
 * form POST followed by name and value of every parameter, sorted by name, a repeated name with
 * its distinct values sorted. With a JSON body the URL carries bodySHA256 and S is the URL alone.
 * (twilio.com/docs/usage/security and the reference library twilio-node 6.2.0; vectors of
 * 2026-10.) Not taken over from the reference: URLs with a user in them, and its second try with
 * a re-escaped query. */
#pragma once

#include <stdbool.h>

#include "base/form.h"
#include "base/str.h"

struct twilio_request {
    struct str method, url; /* url: scheme, host, path and query as Twilio called it */
    struct str content_type;
    struct str body;
    const struct form *form; /* of body, when its type is form data; else NULL */
    struct str signature;
};

/* The port may have been written or left out when it was signed: all forms are tried. */
bool twilio_signature_is_valid(struct arena *a, const struct twilio_request *r,
                               struct str auth_token);
