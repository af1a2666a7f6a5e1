/* migrate: the numbered SQL files built into the program, applied once each, in order.
 *
 * Forward only; each in one transaction; its checksum is remembered and a changed file is
 * refused. Before anything is applied to a database that has data, a copy is made beside it.
 *
 * A migration expands: the program before it runs on what it leaves (new tables, columns that may be NULL or have a
 * default, indexes). What takes away from the program before says so in its first line, "-- contract". Where several
 * hosts share the database, these wait until every host knows them and somebody asks (ava migrate --finish); what stands
 * behind one must not need it. The number of the last contract is the least that a program must know (meta
 * "least_schema"): an older one goes on with a newer schema until then. The first migration makes meta. */
#pragma once

#include "db/db.h"

struct migration {
    int number;
    const char *name;
    const char *sql;
    const char *sha256; /* hex, made at build */
    bool is_contract;
};

/* What a kind of database does for it. */
struct migrate_on {
    struct db_conn *c; /* nobody else uses it meanwhile */
    enum err (*exec)(struct db_conn *c,
                     const char *sql);       /* several statements of a migration; no binding */
    const char *(*error)(struct db_conn *c); /* why the last one failed */
    const char *begin;                       /* a transaction */
    /* In a contract's transaction, before anything else: may it be applied? NULL: the database is this program's alone,
     * and contracts are applied like all others. */
    bool (*may_contract)(struct ctx *ctx, struct db_conn *c, int number, const char **why);
    /* Before the first is applied to a database that has data; NULL: whoever runs it makes copies. */
    bool (*copy)(struct ctx *ctx, struct db_conn *c, int from, const char **why);
};

/* Brings the schema up to date; false and *why when it can not, or may not. *version: of the last that is applied, which
 * may be one that this program does not know. */
bool migrate(const struct migrate_on *on, enum db_schema how, struct arena *a, int *version,
             const char **why);

enum {
    MIGRATE_ALIVE_MS = 15 * 1000
}; /* a host that has not said for longer that it lives hinders no contract */
#define MIGRATE_LEAST "least_schema" /* in meta: its decimal digits */

/* Made by tools/generate from src/db/migrations/NNNN_name.sql. */
extern const struct migration migrations[];
extern const int migrations_count;
