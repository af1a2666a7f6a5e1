/* vapi_words: what Vapi means when it refuses, in words for people. Its bodies are NestJS':
 * {message: text or list of texts, error, statusCode}, and {error, message} (contracts). It has no
 * codes, so that meanings are found in words. */
#pragma once

#include "obs/ctx.h"
#include "providers/refusal.h"

/* dialect.h's judge. Words of Vapi's are passed on only where they are a complaint about a field
 * ("voice.speed must not be less than 0.7"), three at most, never with what was sent; everything else
 * is told in our own words, by meaning. */
void vapi_judge(struct ctx *ctx, int status, const json_t *said, struct refusal *out);
