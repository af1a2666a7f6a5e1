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

int64_t twilio_time(const char *text); /* RFC 2822; 0 when it is none */
