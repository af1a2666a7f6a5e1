/* standard_webhook: the signature of Standard Webhooks 1.0 (standardwebhooks.com), which is Svix's too
 * under names of its own (svix-id, svix-timestamp, svix-signature), and so Resend's.
 *
 * "v1," and base64 of HMAC-SHA256 over "id.timestamp.body"; several are separated by a blank, and one
 * that fits is enough. The key is the base64 behind "whsec_". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum { STANDARD_WEBHOOK_TOLERANCE_S = 300 };

/* Is it one: base64 of some bytes, with "whsec_" before it or without? */
bool standard_webhook_is_secret(struct arena *a, struct str secret);

/* Appends the signature, behind a blank where there is one already. False when the secret is none. */
bool standard_webhook_sign(struct arena *a, struct str secret, const char *id, int64_t at_s,
                           struct str body, struct buf *out);

/* What came; a field that was not there has a NULL ptr. */
struct standard_webhook {
    struct str id, timestamp, signature, body;
    int64_t now_s; /* Unix seconds */
};

/* Signed with that secret, within the tolerance before or after now? In time that does not depend on how much
 * of a signature fits. */
bool standard_webhook_is_valid(struct arena *a, const struct standard_webhook *w,
                               struct str secret);
