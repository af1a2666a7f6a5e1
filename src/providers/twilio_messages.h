/* twilio_messages: texts in the dialect of Twilio's API 2010-04-01: POST, GET Messages.json.
 *
 * Twilio takes no idempotency key and keeps no data of ours: what must come back travels in the
 * StatusCallback, and without one a text is found again only by what it says. */
#pragma once

#include "providers/dialect.h"
#include "providers/twilio_search.h"

extern const struct dialect_rank TWILIO_MESSAGE_RANKS[];

struct twilio_text {
    const char *to, *from; /* E.164 */
    const char *body;
    const json_t *media_urls; /* an array of texts, or NULL */
    const char *callback;     /* where its states are told; NULL: nowhere */
};

/* Sends a text. Never repeated after its first byte: see watch. */
enum err twilio_message_create(struct ctx *ctx, const struct upstream_credential *c,
                               const char *account_sid, const struct twilio_text *text,
                               const struct upstream_watch *watch, struct message_facts *out);

/* Reads a text, past the cache: it is delivered within seconds. */
enum err twilio_message_read(struct ctx *ctx, const struct upstream_credential *c,
                             const char *account_sid, const char *provider_id,
                             struct message_facts *out);

/* The texts at Twilio that could be the one looked for. */
enum err twilio_messages_like(struct ctx *ctx, const struct upstream_credential *c,
                              const char *account_sid, const struct twilio_search *search,
                              struct twilio_matches *out);
/* All texts at Twilio that were sent since since_ms, for many to choose from. */
enum err twilio_messages_since(struct ctx *ctx, const struct upstream_credential *c,
                               const char *account_sid, int64_t since_ms,
                               struct twilio_listed *out);
