/* twilio_calls: phone calls through Twilio, which says what to do by TwiML. They are rows like
 * those through Vapi; service/calls/calls.h reads and ends both. */
#pragma once

#include <jansson.h>

#include "tasks/operations.h"

extern const struct operation_kind TWILIO_CALL_CREATE;

/* Places a call through Twilio as an operation. body: {"to","from","url" or "twiml"}; all wrong
 * fields are named at once. out->shown: the call as JSON. */
enum err twilio_call_place(struct ctx *ctx, const json_t *body, enum operation_patience patience,
                           const struct id *claim, struct operation_end *out);
