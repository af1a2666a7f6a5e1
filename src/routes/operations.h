/* operations: answers of routes that place one. */
#pragma once

#include "routes/entry.h"
#include "tasks/operations.h"

/* What Prefer says (RFC 7240): respond-async; respond-sync is Ava's own word for the opposite. */
enum operation_patience input_patience(const struct call *call);

/* After a service placed one: 201 with what was made, 202 with the operation, or the error. Also
 * tells the idempotency key what it stands for. */
enum err reply_operation(struct ctx *ctx, struct call *call, enum err placed,
                         const struct operation_end *end);

/* The same key again: how that operation stands. */
enum err reply_operation_again(struct ctx *ctx, struct call *call, const char *id);
