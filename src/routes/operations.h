/* operations: how routes that place an operation answer. */
#pragma once

#include "routes/entry.h"
#include "tasks/operations.h"

/* How long to wait, from Prefer (RFC 7240): respond-async is not at all; respond-sync, a word of
 * Ava's own, is to the end. */
enum operation_patience input_patience(const struct call *call);

/* Answers for an operation that a service placed with the result placed: 201 with what was made,
 * 202 with the operation, or the error. Notes in call whether the idempotency key stands for it. */
enum err reply_operation(struct ctx *ctx, struct call *call, enum err placed,
                         const struct operation_end *end);

/* Answers a repeated request by how the operation of its key stands, marked Idempotent-Replayed. */
enum err reply_operation_again(struct ctx *ctx, struct call *call, const char *id);
