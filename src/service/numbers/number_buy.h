/* number_buy: buys a phone number, once: Twilio takes no idempotency key, but a number can be in an
 * account only once, so that asking for it says for certain whether it was bought. */
#pragma once

#include <jansson.h>

#include "tasks/operations.h"

extern const struct operation_kind NUMBER_BUY;

/* Buys a number as an operation. body: {"phone_number":E.164,"import"?}; with import the number
 * leads to Ava from the first moment. ERR_INVALID when the account has it already. out->shown: the
 * number, and what it costs in words. */
enum err number_buy_place(struct ctx *ctx, const json_t *body, enum operation_patience patience,
                          const struct id *claim, struct operation_end *out);
