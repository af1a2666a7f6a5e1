/* copy_pg_look: which tables PostgreSQL's side of a copy has, and whether it is there for Ava alone. */
#include <stdlib.h>
#include <string.h>

#include "db/copy_pg.h"
#include "db/migrate.h"

enum {
    OID_BYTEA = 17, /* catalog/pg_type.dat of PostgreSQL */
    OID_INT8 = 20,
    OID_TEXT = 25,
    TABLES_MAX = 1000,
};

/* --- its catalogue -------------------------------------------------------------------------------- */

static enum copy_type type_of(const char *oid) {
    switch (strtol(oid, NULL, 10)) {
    case OID_TEXT:
        return COPY_TEXT;
    case OID_INT8:
        return COPY_INTEGER;
    case OID_BYTEA:
        return COPY_BYTES;
    default:
        return COPY_OTHER;
    }
}

static void add_column(struct writing *w, struct copy_tables *out, const char *table,
                       const char *name, const char *type) {
    struct arena *a = w->base.arena;
    struct copy_table *t = out->count ? &out->list[out->count - 1] : NULL;
    if (!t || strcmp(t->name, table) != 0) {
        t = &out->list[out->count++];
        *t = (struct copy_table){
            .name = arena_strdup(a, table),
            .columns = arena_alloc(a, COPY_COLUMNS_MAX * sizeof *t->columns),
        };
    }
    if (t->column_count < COPY_COLUMNS_MAX)
        t->columns[t->column_count++] =
            (struct copy_column){ arena_strdup(a, name), type_of(type) };
}

bool copy_pg_tables(struct copy_target *t, struct copy_tables *out) {
    static const char COLUMNS[] =
        "SELECT t.relname, a.attname, a.atttypid FROM (SELECT c.oid, c.relname" COPY_PG_TABLES
        ") AS t JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0"
        " AND NOT a.attisdropped WHERE t.relname <> 'schema_migrations' ORDER BY 1, a.attnum";
    struct writing *w = writing_of(t);
    PGresult *r = copy_pg_ask(w, "the tables cannot be read", COLUMNS, 0, NULL);
    *out = (struct copy_tables){ arena_alloc(t->arena, TABLES_MAX * sizeof *out->list), 0 };
    for (int i = 0; r && i < pq.ntuples(r) && out->count < TABLES_MAX; i++)
        add_column(w, out, pq.getvalue(r, i, 0), pq.getvalue(r, i, 1), pq.getvalue(r, i, 2));
    pq.clear(r);
    return r != NULL;
}

/* --- is it free? ---------------------------------------------------------------------------------- */

/* What a copy that was committed wrote down; "": none was. */
static const char *mark(struct writing *w) {
    return copy_pg_value(w, "meta cannot be read",
                         "SELECT convert_from(value, 'UTF8') FROM meta WHERE name = 'copied'", 0,
                         NULL);
}

static bool has_rows(struct writing *w, const char *table) {
    const char *said = mark(w);
    if (!said)
        return false;
    if (*said)
        w->base.why = arena_printf(
            w->base.arena,
            "%s was filled by ava migrate --to already (%s). All of it is there: set DATABASE_URL "
            "and start Ava; to copy anew, name a new, empty database",
            copy_pg_about(&w->base), said);
    else
        w->base.why =
            arena_printf(w->base.arena,
                         "%s has rows of Ava already (in %s), and nothing is put among them: name "
                         "a new, empty database (CREATE DATABASE)",
                         copy_pg_about(&w->base), table);
    return false;
}

bool copy_pg_is_empty(struct writing *w) {
    for (size_t i = 0; i < w->all->count; i++) {
        const char *name = w->all->list[i].name;
        const char *sql = arena_printf(w->base.arena, "SELECT 1 FROM %s LIMIT 1",
                                       copy_quoted(w->base.arena, name));
        const char *there = copy_pg_value(w, "whether there are rows cannot be seen", sql, 0, NULL);
        if (!there || *there)
            return there && has_rows(w, name);
    }
    return true;
}

/* Tables, and none that says which of Ava's schemas they are of. */
static bool is_foreign(struct writing *w) {
    static const char FIRST[] =
        "SELECT string_agg(t.relname, ', ') FROM (SELECT c.relname" COPY_PG_TABLES
        " ORDER BY 1 LIMIT 3) AS t";
    const char *others = copy_pg_value(w, "the tables cannot be read", FIRST, 0, NULL);
    if (others && *others)
        w->base.why = arena_printf(
            w->base.arena,
            "%s has tables that are not Ava's (%s): is it the right one? Name an empty database",
            copy_pg_about(&w->base), others);
    return !others || *others;
}

bool copy_pg_is_free(struct copy_target *t, int *schema) {
    static const char THERE[] =
        "SELECT c.relname" COPY_PG_TABLES " AND c.relname = 'schema_migrations'",
                      LAST[] = "SELECT coalesce(max(number), 0) FROM schema_migrations";
    struct writing *w = writing_of(t);
    struct copy_tables all;
    const char *there = copy_pg_value(w, "the tables cannot be read", THERE, 0, NULL);
    *schema = 0;
    if (!there || !*there)
        return there && !is_foreign(w);
    const char *last = copy_pg_value(w, "schema_migrations is not Ava's", LAST, 0, NULL);
    if (!last)
        return false;
    *schema = (int)strtol(last, NULL, 10);
    if (*schema > migrations_count) {
        t->why = arena_printf(t->arena,
                              "%s has schema %d, this program knows %d: it was used by a newer "
                              "Ava; name a new, empty database",
                              copy_pg_about(t), *schema, migrations_count);
        return false;
    }
    w->all = &all;
    bool good = copy_pg_tables(t, &all) && copy_pg_is_empty(w);
    w->all = NULL;
    return good;
}
