/* steps: how much work statements make, whatever machine it is: steps of SQLite's virtual machine, of
 * this thread's reader. On PostgreSQL, whose plans flow `plans` looks at, none are counted. */
#pragma once

#include <sqlite3.h>
#include <stddef.h>

#include "db/temp.h"

static sqlite3 *steps_handles[64];
static size_t steps_count;

static inline int steps_opened(sqlite3 *db, const char **why,
                               const struct sqlite3_api_routines *api) {
    if (steps_count < sizeof steps_handles / sizeof *steps_handles)
        steps_handles[steps_count++] = db;
    return SQLITE_OK;
}

/* Watches this thread's reader, which must not be open yet. */
static inline bool steps_watch(struct db *db) {
    steps_count = 0;
    if (temp_on_postgres())
        return true;
    sqlite3_auto_extension((void (*)(void))steps_opened);
    db_reader_open(db);
    sqlite3_cancel_auto_extension((void (*)(void))steps_opened);
    return steps_count == 1;
}

/* Since it was asked last. *scanned: rows of tables that were looked at one by one. */
static inline long steps_made(long *scanned) {
    long all = 0;
    *scanned = 0;
    for (size_t i = 0; i < steps_count; i++)
        for (sqlite3_stmt *q = NULL; (q = sqlite3_next_stmt(steps_handles[i], q));) {
            all += sqlite3_stmt_status(q, SQLITE_STMTSTATUS_VM_STEP, 1);
            *scanned += sqlite3_stmt_status(q, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
        }
    return all;
}
