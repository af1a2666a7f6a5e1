/* inbound: may an assistant take a call that comes in? It holds a line and reserves its share of
 * the day like any other; where there is none, or the day's budget is used up, the workspace's
 * fallback answers instead, so that the phone is answered all the same. */
#pragma once

#include <jansson.h>

#include "service/connections/lending.h"

/* True when the assistant may take the call, which then holds its line. type, body: of the webhook
 * that asks. lent: the credential of the assistant's account. *seconds_max: the longest it may
 * last; 0: as long as the assistant says. until_ms: when the answer is due (monotonic); what cannot be written by then says
 * nothing, and only a workspace without limits gets a yes. 0: the store did not take the event, so nothing is written. What
 * is read is read from ctx->parts, which may be the book's. */
bool inbound_admit(struct ctx *ctx, enum provider p, const char *type, const json_t *body,
                   const struct lent *lent, int64_t until_ms, int64_t *seconds_max);
