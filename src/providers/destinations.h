/* destinations: the dialect of customers' own endpoints, Standard Webhooks 1.0 (standardwebhooks.com,
 * read 2026-11-21).
 *
 * A POST with a JSON body and three headers: webhook-id (the same each time this one is sent),
 * webhook-timestamp (Unix seconds of this attempt) and webhook-signature, one "v1,BASE64" for each
 * secret that is good, separated by a blank: HMAC-SHA256 over "id.timestamp.body". A secret is
 * "whsec_" and the base64 of its 24 to 64 bytes. */
#pragma once

#include "providers/upstream.h"

enum { DESTINATION_SECRET_BYTES = 32, DESTINATION_TIMEOUT_MS = 15 * 1000 };

/* A new secret as people get it; the arena's. */
const char *destination_secret_make(struct arena *a);

/* What goes into webhook-signature. secrets: "secret", and "former" where one is still good. Pure but
 * for the arena; NULL when a secret is not one. */
const char *destination_signature(struct arena *a, const struct secret *secrets, const char *id,
                                  int64_t at_s, struct str body);

struct destination_shot {
    const char *url, *message_id;
    struct str body;
    /* id: the destination's, whose breaker and bulkhead it is. reveal brings "secret", "former". */
    const struct upstream_credential *credential;
};

/* One attempt; see upstream_send. */
enum err destination_send(struct ctx *ctx, const struct destination_shot *shot,
                          struct upstream_echo *out);
