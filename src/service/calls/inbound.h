/* inbound: may an assistant take a call that comes in? It holds a line and reserves its share of the
 * day like any other; where there is none, or the day's budget is used up, the workspace's
 * fallback answers instead, so that the phone is answered all the same. */
#pragma once

#include <jansson.h>

#include "service/connections/lending.h"

/* type, body: of the webhook that asks for it. lent: whose assistant it would be. seconds_max: how
 * long it may last at most; 0: as long as the assistant says. can_write false (the store did not
 * take its event): it may as long as nothing limits the workspace. */
bool inbound_admit(struct ctx *ctx, enum provider p, const char *type, const json_t *body,
                   const struct lent *lent, bool can_write, int64_t *seconds_max);
