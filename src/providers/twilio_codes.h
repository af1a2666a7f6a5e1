/* twilio_codes: what Twilio's error codes mean: whom they are about, in words, and whether the same
 * once more makes sense (twilio.com/docs/api/errors, read 2026-11-29). */
#pragma once

#include "obs/ctx.h"
#include "providers/refusal.h"

/* dialect.h's judge: by the code, whatever the status; by the status where there is no code. */
void twilio_judge(struct ctx *ctx, int status, const json_t *said, struct refusal *out);

/* A sentence for people about a text or call that Twilio gave up, with what to do where that is known;
 * the arena's. */
const char *twilio_error_words(struct ctx *ctx, int64_t code);
