/* copy: all rows of one database into an empty one of another kind, with the tables and columns that the two catalogues
 * name: no list of them is in the code. All rows are there afterwards, or none; and none is altered on the way: what the
 * other database cannot hold is named before a row is written.
 *
 * The side that is read and the side that is written know nothing of each other. copy_sqlite.c reads, copy_pg.c writes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum copy_type { COPY_TEXT, COPY_INTEGER, COPY_BYTES, COPY_OTHER };

struct copy_column {
    const char *name;
    enum copy_type type;
};

struct copy_table {
    const char *name;
    struct copy_column *columns; /* in any order, which is that of the values of a row */
    size_t column_count;
    const char **parents; /* the tables that rows of it refer to */
    size_t parent_count;
    int64_t rows;
};

struct copy_tables {
    struct copy_table *list;
    size_t count;
};

enum { COPY_COLUMNS_MAX = 64 };

struct copy_value {
    enum copy_type type;
    bool is_null;
    int64_t integer;
    struct str bytes; /* of text and bytes; good until the next row */
};

/* Where rows come from, as they are at one moment. What fails says why; texts are its arena's. */
struct copy_source {
    struct arena *arena;
    const char *why;
    /* Each with its columns, parents and number of rows. */
    bool (*tables)(struct copy_source *s, struct copy_tables *out);
    bool (*begin)(struct copy_source *s, const struct copy_table *t);
    /* The next row of that table; false: it was the last (why is NULL), or it failed. */
    bool (*next)(struct copy_source *s, struct copy_value *row);
    const char *(*place)(struct copy_source *s); /* which row that was: "rowid 7" */
    /* A row that refers to one that is not there: "table t, rowid 7"; NULL: there is no further one, or it failed. */
    const char *(*orphan)(struct copy_source *s);
};

/* Where they go. Nobody sees any of it before commit, which makes all of it last. */
struct copy_target {
    struct arena *arena;
    const char *why;
    bool (*tables)(struct copy_target *t, struct copy_tables *out); /* without rows and parents */
    /* Nobody else writes from now on; refused where there are rows. */
    bool (*begin)(struct copy_target *t, const struct copy_tables *all);
    bool (*table)(struct copy_target *t, const struct copy_table *table); /* rows are of it now */
    bool (*row)(struct copy_target *t, const struct copy_value *row);
    /* No more rows of it. What numbers its rows goes on behind the largest. *rows: how many are there now. */
    bool (*end)(struct copy_target *t, int64_t *rows);
    bool (*commit)(struct copy_target *t, int64_t rows);
};

enum { COPY_OBJECTIONS_MAX = 10 };

/* What a look at the source finds. */
struct copy_found {
    struct copy_tables tables; /* those that are referred to come first */
    int64_t rows, bytes;       /* bytes: of the values */
    /* Values that cannot be copied as they are: "table.column, rowid 7: what is wrong with it". The first of them. */
    const char *objections[COPY_OBJECTIONS_MAX];
    int64_t objection_count; /* all of them */
};

/* Reads every row. False and s->why: it cannot be read, or is not in order. */
bool copy_look(struct copy_source *s, struct copy_found *out);

/* Copies what was found, where nothing was objected to. said: told of each table that has rows; may be NULL. False and
 * *why, and nothing was copied. */
bool copy_all(struct copy_source *s, struct copy_target *t, const struct copy_found *found,
              void (*said)(const struct copy_table *table), const char **why);

/* Puts tables behind those that they refer to; false and *why: they refer to each other. */
bool copy_order(struct copy_tables *tables, struct arena *a, const char **why);

/* Have both the same tables, with the same columns of the same types? The order of columns is nobody's business. */
bool copy_match(const struct copy_tables *from, const struct copy_tables *to, struct arena *a,
                const char **why);

/* A name as both databases take it in a statement: quoted, since no name can be bound. */
const char *copy_quoted(struct arena *a, const char *name);

/* --- the two sides ------------------------------------------------------------------------------- */

/* The SQLite file, which nobody else writes into until it is closed. NULL and *why. */
struct copy_source *copy_sqlite_open(const char *path, struct arena *a, const char **why);
int copy_sqlite_schema(struct copy_source *s);    /* 0: it has none of Ava's */
bool copy_sqlite_is_sound(struct copy_source *s); /* looks through all of it; false: s->why */
void copy_sqlite_close(struct copy_source *s);    /* NULL is fine */

/* PostgreSQL, where no Ava serves until it is closed. NULL and *why; *is_refused: no later try is better. */
struct copy_target *copy_pg_open(const char *url, struct arena *a, bool *is_refused,
                                 const char **why);
const char *copy_pg_about(struct copy_target *t); /* "database ava at db.example.com:5432" */
/* Is it there for Ava alone, and without rows? *schema: 0 where its tables are not made yet. False: t->why. */
bool copy_pg_is_free(struct copy_target *t, int *schema);
bool copy_pg_make_tables(struct copy_target *t);   /* or brings them up to date */
bool copy_pg_is_lost(const struct copy_target *t); /* was it the connection that failed? */
void copy_pg_close(struct copy_target *t); /* NULL is fine; what was not committed is gone */
