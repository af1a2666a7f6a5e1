/* twilio: taking in what Twilio sends. Token, then signature, then on disk, then the answer
 * (RESILIENCE 11); nothing slow before it. */
#pragma once

#include "base/buf.h"
#include "obs/ctx.h"
#include "webhooks/twilio_signature.h"

struct twilio_webhook {
    const char *kind;              /* "voice", "status", "message", "message-status" */
    struct str token;              /* of the URL */
    struct str target;             /* path and query as received: the end of the signed URL */
    struct twilio_request request; /* url is filled here from AVA_PUBLIC_URL */
    struct str headers;            /* JSON object of the fields to keep */
    const struct form *query;      /* of the URL; what we put into it comes back (op) */
};

/* OK: it is on disk (or was already). ERR_NOT_FOUND for an unknown token, ERR_FORBIDDEN for a bad
 * signature, ERR_STORAGE_UNAVAILABLE so that Twilio tries again. TwiML is appended to out. A call
 * that waits for an answer gets one even when nothing can be written. */
enum err twilio_webhook_take(struct ctx *ctx, struct twilio_webhook *hook, struct buf *out);
