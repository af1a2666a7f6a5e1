/* migrate: the numbered SQL files built into the program, applied once each, in order.
 *
 * Forward only; each in one transaction; its checksum is remembered and a changed file is
 * refused. Before anything is applied to a database that has data, a copy is made beside it. */
#pragma once

#include "db/db.h"

struct migration {
    int number;
    const char *name;
    const char *sql;
    const char *sha256; /* hex, made at build */
};

/* What a kind of database does for it. */
struct migrate_on {
    struct db_conn *c; /* nobody else uses it meanwhile */
    enum err (*exec)(struct db_conn *c,
                     const char *sql);       /* several statements of a migration; no binding */
    const char *(*error)(struct db_conn *c); /* why the last one failed */
    const char *begin;                       /* a transaction */
    /* Before the first is applied to a database that has data; NULL: whoever runs it makes copies. */
    bool (*copy)(struct ctx *ctx, struct db_conn *c, int from, const char **why);
};

/* Brings the schema up to date, unless it keeps_schema; false and *why when it can not, or may not. */
bool migrate(const struct migrate_on *on, bool keeps_schema, struct arena *a, int *version,
             const char **why);

/* Made by tools/generate from src/db/migrations/NNNN_name.sql. */
extern const struct migration migrations[];
extern const int migrations_count;
