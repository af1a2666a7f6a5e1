/* numbers: the phone numbers of the workspace's Twilio account. */
#pragma once

#include "providers/twilio_numbers.h"

/* out->body is {"numbers":[...],"next_cursor":...}. */
enum err numbers_list(struct ctx *ctx, int limit, const char *cursor, struct upstream_answer *out);
