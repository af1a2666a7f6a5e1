/* idempotency: rows of what was asked under an Idempotency-Key, and what it was answered
 * (RESILIENCE 9). The unique index over (workspace, principal, route, key) decides who was
 * first. */
#pragma once

#include "store/sealed.h"

struct idempotency_row {
    const char *id, *workspace_id, *principal, *route, *key;
    unsigned char fingerprint[32];
    const char *owner;        /* the run of Ava that works on it, or did */
    const char *operation_id; /* the intent it led to; NULL: none, yet */
    int64_t created_ms;
    struct str sealed; /* the answer; NULL ptr until there is one */
};

struct sealed_place idempotency_row_place(const struct idempotency_row *row);
/* Inserts a claim. *is_new false: the key is there already, and *found is its row; a row older than
 * expired_ms is taken over as new. */
enum err idempotency_row_insert(struct ctx *ctx, struct db_conn *tx,
                                const struct idempotency_row *row, int64_t expired_ms, bool *is_new,
                                struct idempotency_row *found);
/* Moves a claim from a run that is gone to owner; *is_mine: nobody else was quicker. */
enum err idempotency_row_adopt(struct ctx *ctx, struct db_conn *tx, const char *id,
                               const char *former, const char *owner, bool *is_mine);
/* Only as long as the claim is owner's: *is_mine false, somebody has taken it up and nothing was written. */
enum err idempotency_row_answer(struct ctx *ctx, struct db_conn *tx, const char *id,
                                const char *owner, struct str sealed, bool *is_mine);
enum err idempotency_row_link(struct ctx *ctx, struct db_conn *tx, const char *id,
                              const char *owner, const char *operation_id, bool *is_mine);
enum err idempotency_row_has(struct ctx *ctx, struct db_conn *c, const char *operation_id,
                             bool *has);
/* Unless there is an answer or an operation, or the claim is not owner's. */
enum err idempotency_row_delete(struct ctx *ctx, struct db_conn *tx, const char *id,
                                const char *owner);
/* Deletes those made before that, up to limit. */
enum err idempotency_rows_sweep(struct ctx *ctx, struct db_conn *tx, int64_t expired_ms, int limit);
