/* operation_show: an operation as people see it, and what is sealed in its row. Private to the
 * files of operations. */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "tasks/operations.h"
#include "vault/vault.h"

/* Unseals the content of a row: {"request":...,"result":...} or {"request":...,"problem":...},
 * either without the second until there is one. *out: the arena's. */
enum err operation_open(struct ctx *ctx, struct db_conn *c, const struct operation_row *row,
                        json_t **out);
/* A member of that content as JSON text of the arena; NULL ptr where there is none. */
struct str operation_member(struct ctx *ctx, const json_t *content, const char *name);
/* Writes why an operation failed as a JSON object, from e and ctx->problem. */
void operation_problem_write(struct jsonw *w, const struct ctx *ctx, enum err e);

/* The detail of a "sending" step: service, attempt, state of the breaker, last four of the key.
 * JSON, the arena's. */
const char *operation_sending(struct ctx *ctx, const struct operation_row *row,
                              const struct upstream_request *req);

/* Writes the operation as the JSON object that people get. result and problem: JSON, NULL ptr where
 * there is none. */
void operation_show(struct ctx *ctx, struct jsonw *w, const struct operation_row *row,
                    struct str result, struct str problem);
