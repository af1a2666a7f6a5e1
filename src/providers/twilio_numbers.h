/* twilio_numbers: the numbers of an account, and whether the account itself is good. */
#pragma once

#include "providers/twilio.h"

/* Numbers of the account, a page: out->body is {"numbers":[...],"next_cursor":...} as Ava's API
 * gives it. cursor NULL: the first page; else one that came from here (ERR_INVALID when not). */
enum err twilio_numbers_read(struct ctx *ctx, const struct upstream_credential *c,
                             const char *account_sid, int limit, const char *cursor,
                             struct upstream_answer *out);

/* Is the account there and active? *numbers: how many it has, up to 50. */
enum err twilio_check(struct ctx *ctx, const struct upstream_credential *c, const char *account_sid,
                      int *numbers);
