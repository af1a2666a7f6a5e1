/* twilio: the dialect of Twilio's REST API 2010-04-01 (OpenAPI of 2026-04-14). */
#pragma once

#include "providers/upstream.h"

/* Numbers of the account, a page: out->body is {"numbers":[...],"next_cursor":...} as Ava's API
 * gives it. cursor NULL: the first page; else one that came from here (ERR_INVALID when not). */
enum err twilio_numbers_read(struct ctx *ctx, const struct upstream_credential *c,
                             const char *account_sid, int limit, const char *cursor,
                             struct upstream_answer *out);

/* Is the account there and active? *numbers: how many it has, up to 50. */
enum err twilio_check(struct ctx *ctx, const struct upstream_credential *c, const char *account_sid,
                      int *numbers);

bool twilio_is_account_sid(struct str text); /* "AC" and 32 hex digits */
