/* twilio: the dialect of Twilio's REST API 2010-04-01 (OpenAPI of 2026-04-14). */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/jsonw.h"
#include "providers/upstream.h"

bool twilio_is_account_sid(struct str text); /* "AC" and 32 hex digits */

/* A request to Twilio, not cached; the caller adds the rest. A POST carries a form. */
struct upstream_request twilio_request(const struct upstream_credential *c, const char *method,
                                       const char *operation, const char *path);
/* "name=value" of a form; nothing when value is NULL. */
void twilio_pair(struct buf *form, const char *name, const char *value);
const char *twilio_path(struct ctx *ctx, const char *account_sid, const char *tail);
/* kind "/Calls/": ".../Calls/{sid}.json" */
const char *twilio_thing_path(struct ctx *ctx, const char *account_sid, const char *kind,
                              const char *sid);

int64_t twilio_time(const char *text);                         /* RFC 2822; 0 when it is none */
const char *twilio_error_words(struct ctx *ctx, int64_t code); /* a sentence for people */

/* Writes what Ava keeps of a call, a text, a number as an object; false when it is none. */
typedef bool twilio_facts_fn(struct ctx *ctx, struct jsonw *w, const json_t *thing);
/* An answer that is one of them, for upstream_request.digest; *kept is the arena's. */
bool twilio_facts(struct ctx *ctx, struct str body, twilio_facts_fn *write, struct str *kept);

/* *facts: what the digest kept. */
enum err twilio_ask(struct ctx *ctx, const struct upstream_request *req, struct str *facts);
