/* steps: what Ava did for a call or a text, one row a step, written in the transactions that do it. */
#pragma once

#include "db/db.h"

struct step_row {
    const char *workspace_id;
    const char *subject; /* id of the operation, or of the call that has none */
    int64_t at_ms;       /* wall clock; 0: now */
    const char *what;    /* "queued", "sending", ... */
    const char *detail;  /* JSON object, nothing secret; NULL: {} */
};

enum err step_row_add(struct ctx *ctx, struct db_conn *tx, const struct step_row *step);
/* In the order in which they were added; out: room for limit. */
enum err step_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                        const char *subject, int limit, struct step_row *out, size_t *count);
