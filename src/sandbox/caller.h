/* caller: plays the part of Twilio that calls us: composes a webhook, signs it truly, sends it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

enum caller_kind {
    CALLER_VOICE,
    CALLER_STATUS,
    CALLER_MESSAGE,
    CALLER_MESSAGE_STATUS,
    CALLER_KINDS
};
enum caller_signature { CALLER_GOOD, CALLER_WRONG, CALLER_MISSING, CALLER_SIGNATURES };

enum caller_kind caller_kind_parse(struct str name);           /* CALLER_KINDS when unknown */
enum caller_signature caller_signature_parse(struct str name); /* CALLER_SIGNATURES likewise */

struct caller_webhook {
    enum caller_kind kind;
    enum caller_signature signature;
    const char *url;        /* where it goes */
    const char *signed_url; /* what is signed: the public address */
    const char *auth_token, *account_sid;
    const json_t *params; /* instead of the usual ones; null leaves one out. May be NULL */
};

struct caller_letter {
    const char *headers[4];
    size_t header_count;
    struct str body;
    const char *resource; /* CallSid or MessageSid */
};

/* All in the arena. */
void caller_compose(struct arena *a, const struct caller_webhook *what, struct caller_letter *out);

/* Does this URL stay on this machine? The sandbox calls no other. */
bool caller_is_loopback(struct str url);
