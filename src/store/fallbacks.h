/* fallbacks: rows of what callers get when nothing else answers. */
#pragma once

#include "db/db.h"

struct fallback_row {
    const char *workspace_id, *kind, *text;
    const char *to, *assistant_id; /* NULL: none */
    int64_t version, created_ms, updated_ms;
};

/* found->workspace_id NULL when the workspace has said nothing. */
enum err fallback_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           struct fallback_row *found);
enum err fallback_row_put(struct ctx *ctx, struct db_conn *tx, const struct fallback_row *row);
