/* removals: taking away what has too many rows for one transaction.
 *
 * First it goes out of sight (removed_at) with what could still reach it, then a job removes its rows
 * piece by piece (db_write_steps), the row itself last, and with that the job. A process that dies in
 * between goes on with the job at its next start. */
#pragma once

#include "db/db.h"

#define REMOVAL_JOB_NAME "removal" /* its object is the id of the workspace */

/* Ends the workspace for everybody, with its keys: what is left of it can not be opened any more. */
enum err workspace_row_remove(struct ctx *ctx, struct db_conn *tx, const char *id);

/* A piece of what a removed workspace left, then its own row. */
enum err workspace_rows_remove(struct ctx *ctx, struct db_conn *tx, const char *id, bool *more);

/* A piece of the deliveries of a removed destination, then its own row. */
enum err destination_rows_remove(struct ctx *ctx, struct db_conn *tx, const char *id, bool *more);
