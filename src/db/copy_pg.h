/* copy_pg: what the two files of PostgreSQL's side of a copy share; nobody else includes it. copy_pg.c writes, in one
 * transaction, copy_pg_look.c reads the catalogue and sees whether the database is free. */
#pragma once

#include "db/copy.h"
#include "db/pg.h"

struct writing {
    struct copy_target base;
    struct postgres db; /* its URL alone */
    struct pg_conn conn;
    const struct copy_tables *all;
    const struct copy_table *table;
    struct buf out; /* rows on their way */
};

static inline struct writing *writing_of(struct copy_target *t) {
    return (struct writing *)t;
}

/* The rows of a statement, as text; NULL: it failed. what: is in the sentence then. */
PGresult *copy_pg_ask(struct writing *w, const char *what, const char *sql, int count,
                      const char *const *values);
/* The first value of the first row, the arena's; "" for NULL and where there is no row. NULL: it failed. */
const char *copy_pg_value(struct writing *w, const char *what, const char *sql, int count,
                          const char *const *values);

/* Tables where a name without a schema leads to, but for those that came with an extension. */
#define COPY_PG_TABLES                                                                     \
    " FROM pg_class AS c WHERE c.relkind IN ('r', 'p') AND c.relnamespace ="               \
    " (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = current_schema())"            \
    " AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass" \
    " AND d.objid = c.oid AND d.deptype = 'e')"

bool copy_pg_tables(struct copy_target *t, struct copy_tables *out); /* as copy.h has it */
bool copy_pg_is_empty(struct writing *w);                            /* no row in any of w->all? */
