/* operation_show: an operation as people see it, and what is sealed in its row. Between the files of
 * operations. */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "tasks/operations.h"
#include "vault/vault.h"

/* Sealed is {"request":...,"result":...} or {"request":...,"problem":...}. */
enum err operation_open(struct ctx *ctx, struct db_conn *c, const struct operation_row *row,
                        json_t **out);
/* A member of it, as JSON of the arena; NULL ptr where there is none. */
struct str operation_member(struct ctx *ctx, const json_t *content, const char *name);
/* Why it failed, from ctx->problem. */
void operation_problem_write(struct jsonw *w, const struct ctx *ctx, enum err e);

/* With which key it is sent, and how its breaker stands, for its step: JSON, the arena's. */
const char *operation_sending(struct ctx *ctx, const struct operation_row *row,
                              const struct upstream_request *req);

/* result and problem are JSON, NULL ptr where there is none. */
void operation_show(struct ctx *ctx, struct jsonw *w, const struct operation_row *row,
                    struct str result, struct str problem);
