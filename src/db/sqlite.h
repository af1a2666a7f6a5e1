/* sqlite: what db_sqlite.c and migrate.c share; nobody else includes it. */
#pragma once

#include "db/db.h"
#include "db/snapshot.h"

enum err sqlite_exec(struct db_conn *c, const char *sql); /* several statements; no binding */
const char *sqlite_error(struct db_conn *c);
snapshot_hash_fn *sqlite_hash(struct db_conn *c);

/* Brings the schema up to date, unless it keeps_schema; false and *why when it can not, or may not. */
bool sqlite_migrate(struct db_conn *c, bool keeps_schema, struct arena *a, int *version,
                    const char **why);
