/* twilio_calls: phone calls in the dialect of Twilio's API 2010-04-01: POST, GET Calls.json, GET
 * and POST Calls/{Sid}.json.
 *
 * As with texts, what must come back travels in the StatusCallback. Facts live in the arena; Twilio
 * gives no reason for an end but the last status. */
#pragma once

#include "providers/dialect.h"
#include "providers/twilio_search.h"

extern const struct dialect_rank TWILIO_CALL_RANKS[];

struct twilio_call_order {
    const char *to, *from;   /* E.164 */
    const char *url, *twiml; /* one of them: where Twilio asks what to do, or what to do */
    const char *callback;    /* where its states are told; NULL: nowhere */
    int time_limit_s;
};

/* Creates a call. Never repeated after its first byte: see watch. */
enum err twilio_call_create(struct ctx *ctx, const struct upstream_credential *c,
                            const char *account_sid, const struct twilio_call_order *order,
                            const struct upstream_watch *watch, struct call_facts *out);

/* Reads a call, past the cache: its state changes by the second. */
enum err twilio_call_read(struct ctx *ctx, const struct upstream_credential *c,
                          const char *account_sid, const char *provider_id, struct call_facts *out);

/* Status=completed, which Twilio documents to end a call in any state and to change nothing of one
 * that has ended: it is repeated where that helps. */
enum err twilio_call_end(struct ctx *ctx, const struct upstream_credential *c,
                         const char *account_sid, const char *provider_id, struct call_facts *out);

/* The calls at Twilio that could be the one looked for; search->body is NULL. */
enum err twilio_calls_like(struct ctx *ctx, const struct upstream_credential *c,
                           const char *account_sid, const struct twilio_search *search,
                           struct twilio_matches *out);
/* All calls at Twilio that began since since_ms, for many to choose from. */
enum err twilio_calls_since(struct ctx *ctx, const struct upstream_credential *c,
                            const char *account_sid, int64_t since_ms, struct twilio_listed *out);
