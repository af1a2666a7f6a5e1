/* due: due times and expiries of all tables, put right when the clock went back between two runs.
 *
 * Within a run they follow ava_steady_ms(), which does not jump. A run notes from time to time what that
 * clock says (due_note); when the next one begins before that, the clock was ahead or is behind, and all
 * that waits moves back by as much (due_put_right). */
#pragma once

#include "db/db.h"

enum err due_note(struct ctx *ctx, struct db_conn *tx, int64_t now_ms);

/* *back_ms: how far they were moved; 0: nothing was wrong. */
enum err due_put_right(struct ctx *ctx, struct db_conn *tx, int64_t now_ms, int64_t *back_ms);
