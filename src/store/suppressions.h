/* suppressions: rows of addresses that get no more mails of a workspace. */
#pragma once

#include "db/db.h"

struct suppression_row {
    const char *id, *workspace_id, *address_key;
    const char *reason;     /* "bounced", "complained", "asked" */
    const char *detail;     /* a sentence for people; NULL: none */
    const char *message_id; /* the mail that told; NULL: none */
    int64_t created_ms;
};

/* *is_new false, and nothing changed, when the address is there already. */
enum err suppression_row_put(struct ctx *ctx, struct db_conn *tx, const struct suppression_row *row,
                             bool *is_new);
/* found->id NULL when there is none. */
enum err suppression_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                              const char *address_key, struct suppression_row *found);
/* *found: there was one of this id. */
enum err suppression_row_delete(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                                const char *id, bool *found);
/* Newest first, behind before_id (NULL: from the newest), of this address where it is not NULL. */
enum err suppression_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               const char *address_key, const char *before_id, int limit,
                               struct suppression_row *out, size_t *count);
