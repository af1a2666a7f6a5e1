/* copy_sqlite: the SQLite file as the side of a copy that is read (copy.h). */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "db/copy.h"
#include "db/locks.h"

enum { BUSY_MS = 10000, TABLES_MAX = 1000 };

struct reading {
    struct copy_source base;
    const char *path;
    sqlite3 *handle;
    sqlite3_stmt *rows, *orphans;
    size_t columns;
    bool has_rowid;
    int64_t row; /* counted from 1 */
};

static struct reading *reading_of(struct copy_source *s) {
    return (struct reading *)s;
}

static bool failed(struct reading *r) {
    r->base.why =
        arena_printf(r->base.arena, "%s cannot be read: %s", r->path, sqlite3_errmsg(r->handle));
    return false;
}

/* Ready for its rows, with the name bound where it asks for one. */
static sqlite3_stmt *ask(struct reading *r, const char *sql, const char *name) {
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(r->handle, sql, -1, &q, NULL);
    if (rc == SQLITE_OK && name)
        rc = sqlite3_bind_text(q, 1, name, -1, SQLITE_TRANSIENT);
    if (rc == SQLITE_OK)
        return q;
    failed(r);
    sqlite3_finalize(q);
    return NULL;
}

/* Is there another row? At the end the statement is gone. */
static bool step(struct reading *r, sqlite3_stmt **q) {
    int rc = *q ? sqlite3_step(*q) : SQLITE_DONE;
    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        failed(r);
    sqlite3_finalize(*q);
    *q = NULL;
    return false;
}

static const char *text_at(struct reading *r, sqlite3_stmt *q, int i) {
    return arena_strdup(r->base.arena, (const char *)sqlite3_column_text(q, i));
}

static bool number(struct reading *r, const char *sql, const char *name, int64_t *out) {
    sqlite3_stmt *q = ask(r, sql, name);
    if (step(r, &q))
        *out = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return !r->base.why;
}

/* --- its catalogue -------------------------------------------------------------------------------- */

static enum copy_type type_named(const char *name) {
    static const char *const NAMES[] = {
        [COPY_TEXT] = "TEXT", [COPY_INTEGER] = "INTEGER", [COPY_BYTES] = "BLOB"
    };
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
        if (strcmp(name, NAMES[i]) == 0)
            return (enum copy_type)i;
    return COPY_OTHER;
}

static bool read_columns(struct reading *r, struct copy_table *t) {
    t->columns = arena_alloc(r->base.arena, COPY_COLUMNS_MAX * sizeof *t->columns);
    sqlite3_stmt *q = ask(r, "SELECT name, type FROM pragma_table_info(?)", t->name);
    while (step(r, &q)) {
        if (t->column_count == COPY_COLUMNS_MAX) {
            r->base.why = arena_printf(r->base.arena, "the table %s has too many columns", t->name);
            sqlite3_finalize(q);
            return false;
        }
        t->columns[t->column_count++] =
            (struct copy_column){ text_at(r, q, 0), type_named(text_at(r, q, 1)) };
    }
    return !r->base.why;
}

static bool read_parents(struct reading *r, struct copy_table *t) {
    t->parents = arena_alloc(r->base.arena, COPY_COLUMNS_MAX * sizeof *t->parents);
    sqlite3_stmt *q = ask(r, "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list(?)", t->name);
    while (step(r, &q))
        if (t->parent_count < COPY_COLUMNS_MAX)
            t->parents[t->parent_count++] = text_at(r, q, 0);
    return !r->base.why;
}

static bool read_table(struct reading *r, struct copy_table *t) {
    const char *count =
        arena_printf(r->base.arena, "SELECT count(*) FROM %s", copy_quoted(r->base.arena, t->name));
    return read_columns(r, t) && read_parents(r, t) && number(r, count, NULL, &t->rows);
}

static bool tables(struct copy_source *s, struct copy_tables *out) {
    struct reading *r = reading_of(s);
    *out = (struct copy_tables){ arena_alloc(s->arena, TABLES_MAX * sizeof *out->list), 0 };
    sqlite3_stmt *q = ask(r,
                          "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> "
                          "'schema_migrations' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name",
                          NULL);
    while (step(r, &q))
        if (out->count < TABLES_MAX)
            out->list[out->count++].name = text_at(r, q, 0);
    for (size_t i = 0; !s->why && i < out->count; i++)
        read_table(r, &out->list[i]);
    return !s->why;
}

int copy_sqlite_schema(struct copy_source *s) {
    struct reading *r = reading_of(s);
    int64_t there = 0, last = 0;
    if (number(r, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'", NULL,
               &there) &&
        there)
        number(r, "SELECT max(number) FROM schema_migrations", NULL, &last);
    return (int)last;
}

bool copy_sqlite_is_sound(struct copy_source *s) {
    struct reading *r = reading_of(s);
    sqlite3_stmt *q = ask(r, "PRAGMA quick_check(1)", NULL);
    const char *said = step(r, &q) ? text_at(r, q, 0) : NULL;
    sqlite3_finalize(q);
    if (said && strcmp(said, "ok") != 0)
        s->why = arena_printf(s->arena, "%s is damaged (%s); restore a backup", r->path, said);
    return !s->why;
}

/* --- its rows ------------------------------------------------------------------------------------- */

/* Only a table WITHOUT ROWID has none, and says so alone. */
static bool begin(struct copy_source *s, const struct copy_table *t) {
    struct reading *r = reading_of(s);
    struct buf *sql = buf_in(s->arena);
    int64_t without = 0;
    sqlite3_finalize(r->rows);
    r->rows = NULL;
    if (!number(r, "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", t->name,
                &without))
        return false;
    r->has_rowid = !without;
    r->columns = t->column_count;
    r->row = 0;
    buf_text(sql, "SELECT ");
    for (size_t i = 0; i < t->column_count; i++)
        buf_printf(sql, "%s%s", i ? ", " : "", copy_quoted(s->arena, t->columns[i].name));
    buf_printf(sql, "%s FROM %s", without ? "" : ", rowid", copy_quoted(s->arena, t->name));
    r->rows = ask(r, str_dup(s->arena, buf_view(sql)), NULL);
    return r->rows != NULL;
}

static struct copy_value value_at(sqlite3_stmt *q, int i) {
    static const enum copy_type TYPES[] = { [SQLITE_INTEGER] = COPY_INTEGER,
                                            [SQLITE_FLOAT] = COPY_OTHER,
                                            [SQLITE_TEXT] = COPY_TEXT,
                                            [SQLITE_BLOB] = COPY_BYTES,
                                            [SQLITE_NULL] = COPY_OTHER };
    int type = sqlite3_column_type(q, i);
    struct copy_value v = { .type = TYPES[type], .is_null = type == SQLITE_NULL };
    if (type == SQLITE_INTEGER)
        v.integer = sqlite3_column_int64(q, i);
    if (type == SQLITE_TEXT || type == SQLITE_BLOB) {
        v.bytes.ptr = type == SQLITE_TEXT ? (const char *)sqlite3_column_text(q, i)
                                          : (const char *)sqlite3_column_blob(q, i);
        v.bytes.len = (size_t)sqlite3_column_bytes(q, i);
    }
    return v;
}

static bool next(struct copy_source *s, struct copy_value *row) {
    struct reading *r = reading_of(s);
    if (!step(r, &r->rows))
        return false;
    r->row++;
    for (size_t i = 0; i < r->columns; i++) {
        row[i] = value_at(r->rows, (int)i);
        if (row[i].bytes.len && !row[i].bytes.ptr) /* there was no memory for it */
            return failed(r);
    }
    return true;
}

static const char *place(struct copy_source *s) {
    struct reading *r = reading_of(s);
    if (r->has_rowid)
        return arena_printf(s->arena, "rowid %lld",
                            (long long)sqlite3_column_int64(r->rows, (int)r->columns));
    return arena_printf(s->arena, "row %lld", (long long)r->row);
}

static const char *orphan(struct copy_source *s) {
    struct reading *r = reading_of(s);
    if (!r->orphans)
        r->orphans = ask(r, "PRAGMA foreign_key_check", NULL);
    if (!r->orphans || !step(r, &r->orphans))
        return NULL;
    return arena_printf(s->arena, "%s, rowid %s (of %s)", text_at(r, r->orphans, 0),
                        text_at(r, r->orphans, 1) ? text_at(r, r->orphans, 1) : "unknown",
                        text_at(r, r->orphans, 2));
}

/* --- opening -------------------------------------------------------------------------------------- */

struct copy_source *copy_sqlite_open(const char *path, struct arena *a, const char **why) {
    struct reading *r = arena_alloc(a, sizeof *r);
    locks_begin();
    r->base = (struct copy_source){
        .arena = a, .tables = tables, .begin = begin, .next = next, .place = place, .orphan = orphan
    };
    r->path = path;
    int rc = sqlite3_open_v2(path, &r->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(r->handle, BUSY_MS);
    /* Nothing is written. It keeps commands beside this one from writing what would not be copied. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(r->handle,
                          "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -4096; BEGIN IMMEDIATE",
                          NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        return &r->base;
    failed(r);
    *why = r->base.why;
    copy_sqlite_close(&r->base);
    return NULL;
}

void copy_sqlite_close(struct copy_source *s) {
    if (!s)
        return;
    struct reading *r = reading_of(s);
    sqlite3_finalize(r->rows);
    sqlite3_finalize(r->orphans);
    sqlite3_close(r->handle); /* what began ends without a change */
}
