/* vapi_words: what Vapi says when it refuses, cleaned for people. Its bodies are NestJS':
 * {message: text or list of texts, error, statusCode}, and {error, message} (contracts). */
#pragma once

#include "obs/ctx.h"

/* A sentence without its capital, in the arena; NULL when nothing in the body can be told. Only
 * complaints about fields are passed on ("voice.speed must not be less than 0.7"), three at most,
 * and only of letters that cannot be anything but words. */
const char *vapi_words(struct ctx *ctx, struct str body);
