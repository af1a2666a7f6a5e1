/* opt_outs: rows of people who asked for no more texts, or for texts again. */
#pragma once

#include "db/db.h"

struct opt_out_row {
    const char *workspace_id, *address; /* address: theirs, as in rows of messages */
    bool is_out;
    int64_t asked_ms; /* wall clock, Unix ms */
};

/* Writes what they ask for now; one that was asked before what is known changes nothing. */
enum err opt_out_row_put(struct ctx *ctx, struct db_conn *tx, const struct opt_out_row *row);
/* *since_ms: when they asked for no more texts; 0: they did not, or have asked for texts again. */
enum err opt_out_row_since(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           const char *address, int64_t *since_ms);
