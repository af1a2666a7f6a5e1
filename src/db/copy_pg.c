/* copy_pg: PostgreSQL as the side of a copy that is written (copy.h). One transaction, on one connection without a
 * pipeline; rows go by COPY in its binary format, a piece at a time, so that memory does not grow with them. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "db/copy.h"
#include "db/migrate.h"
#include "db/pg.h"
#include "db/pg_locks.h"

enum {
    OID_BYTEA = 17, /* catalog/pg_type.dat of PostgreSQL */
    OID_INT8 = 20,
    OID_TEXT = 25,
    TABLES_MAX = 1000,
    PIECE_BYTES = 64 << 10,
    CLAIM_MS = 6 * 1000, /* for as long the server may still hold what a copy that was killed had */
    CLAIM_REST_MS = 100,
    NAMED_MAX = 3,
};

struct writing {
    struct copy_target base;
    struct postgres db; /* its URL alone */
    struct pg_conn conn;
    const struct copy_tables *all;
    const struct copy_table *table;
    struct buf out; /* rows on their way */
};

static struct writing *writing_of(struct copy_target *t) {
    return (struct writing *)t;
}

/* --- asking --------------------------------------------------------------------------------------- */

/* Takes what failed from the result, or the connection, with the place in a COPY where the server names it. */
static bool failed(struct writing *w, const char *what, const PGresult *r) {
    struct pg_failure *f = &w->conn.failure;
    const char *place = r ? pq.resultErrorField(r, PG_DIAG_CONTEXT) : NULL;
    pg_fail_by(f, w->conn.handle, r, NULL);
    bool names = place && strncmp(place, "COPY ", 5) == 0;
    w->base.why = arena_printf(
        w->base.arena, "%s: %s%s%.*s%s%s", what, f->words, names ? " (" : "",
        names ? (int)strcspn(place, "\n") : 0, names ? place : "", names ? ")" : "",
        strcmp(f->state, "42501") == 0 ? "; the role of the URL has to own Ava's tables" : "");
    return false;
}

/* The rows of a statement, as text; NULL: it failed. what: is in the sentence then. */
static PGresult *ask(struct writing *w, const char *what, const char *sql, int count,
                     const char *const *values) {
    PGresult *r = pq.execParams(w->conn.handle, sql, count, NULL, values, NULL, NULL, 0);
    ExecStatusType status = pq.resultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return r;
    failed(w, what, r);
    pq.clear(r);
    return NULL;
}

static bool tell(struct writing *w, const char *what, const char *sql) {
    PGresult *r = ask(w, what, sql, 0, NULL);
    pq.clear(r);
    return r != NULL;
}

/* The first value of the first row, the arena's; "" for NULL and where there is no row. NULL: it failed. */
static const char *value(struct writing *w, const char *what, const char *sql, int count,
                         const char *const *values) {
    PGresult *r = ask(w, what, sql, count, values);
    if (!r)
        return NULL;
    const char *said = pq.ntuples(r) ? arena_strdup(w->base.arena, pq.getvalue(r, 0, 0)) : "";
    pq.clear(r);
    return said;
}

/* The names of all tables, quoted, with a comma between. */
static const char *names(struct writing *w) {
    struct buf *b = buf_in(w->base.arena);
    for (size_t i = 0; i < w->all->count; i++)
        buf_printf(b, "%s%s", i ? ", " : "", copy_quoted(w->base.arena, w->all->list[i].name));
    return str_dup(w->base.arena, buf_view(b));
}

/* --- its catalogue -------------------------------------------------------------------------------- */

/* Tables where a name without a schema leads to, but for those that came with an extension. */
#define TABLES                                                                             \
    " FROM pg_class AS c WHERE c.relkind IN ('r', 'p') AND c.relnamespace ="               \
    " (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = current_schema())"            \
    " AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass" \
    " AND d.objid = c.oid AND d.deptype = 'e')"

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

static bool tables(struct copy_target *t, struct copy_tables *out) {
    static const char COLUMNS[] =
        "SELECT t.relname, a.attname, a.atttypid FROM (SELECT c.oid, c.relname" TABLES
        ") AS t JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0"
        " AND NOT a.attisdropped WHERE t.relname <> 'schema_migrations' ORDER BY 1, a.attnum";
    struct writing *w = writing_of(t);
    PGresult *r = ask(w, "the tables cannot be read", COLUMNS, 0, NULL);
    *out = (struct copy_tables){ arena_alloc(t->arena, TABLES_MAX * sizeof *out->list), 0 };
    for (int i = 0; r && i < pq.ntuples(r) && out->count < TABLES_MAX; i++)
        add_column(w, out, pq.getvalue(r, i, 0), pq.getvalue(r, i, 1), pq.getvalue(r, i, 2));
    pq.clear(r);
    return r != NULL;
}

/* --- is it free? ---------------------------------------------------------------------------------- */

/* What a copy that was committed wrote down; "": none was. */
static const char *mark(struct writing *w) {
    return value(w, "meta cannot be read",
                 "SELECT convert_from(value, 'UTF8') FROM meta WHERE name = 'copied'", 0, NULL);
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

/* No row in any of them? */
static bool is_empty(struct writing *w) {
    for (size_t i = 0; i < w->all->count; i++) {
        const char *name = w->all->list[i].name;
        const char *sql = arena_printf(w->base.arena, "SELECT 1 FROM %s LIMIT 1",
                                       copy_quoted(w->base.arena, name));
        const char *there = value(w, "whether there are rows cannot be seen", sql, 0, NULL);
        if (!there || *there)
            return there && has_rows(w, name);
    }
    return true;
}

/* Tables, and none that says which of Ava's schemas they are of. */
static bool is_foreign(struct writing *w) {
    static const char FIRST[] = "SELECT string_agg(t.relname, ', ') FROM (SELECT c.relname" TABLES
                                " ORDER BY 1 LIMIT 3) AS t";
    const char *others = value(w, "the tables cannot be read", FIRST, 0, NULL);
    if (others && *others)
        w->base.why = arena_printf(
            w->base.arena,
            "%s has tables that are not Ava's (%s): is it the right one? Name an empty database",
            copy_pg_about(&w->base), others);
    return !others || *others;
}

bool copy_pg_is_free(struct copy_target *t, int *schema) {
    static const char THERE[] = "SELECT c.relname" TABLES " AND c.relname = 'schema_migrations'",
                      LAST[] = "SELECT coalesce(max(number), 0) FROM schema_migrations";
    struct writing *w = writing_of(t);
    struct copy_tables all;
    const char *there = value(w, "the tables cannot be read", THERE, 0, NULL);
    *schema = 0;
    if (!there || !*there)
        return there && !is_foreign(w);
    const char *last = value(w, "schema_migrations is not Ava's", LAST, 0, NULL);
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
    bool good = tables(t, &all) && is_empty(w);
    w->all = NULL;
    return good;
}

/* --- the transaction ------------------------------------------------------------------------------ */

/* What triggers would do to a row was done when it was written. alter: DISABLE or ENABLE. */
static bool set_triggers(struct writing *w, const char *alter) {
    static const char WITH[] = "SELECT c.relname" TABLES
                               " AND EXISTS (SELECT 1 FROM pg_trigger AS t WHERE t.tgrelid = c.oid"
                               " AND NOT t.tgisinternal)";
    PGresult *r = ask(w, "the triggers cannot be read", WITH, 0, NULL);
    bool good = r != NULL;
    for (int i = 0; good && i < pq.ntuples(r); i++)
        good = tell(w, "the triggers cannot be set",
                    arena_printf(w->base.arena, "ALTER TABLE %s %s TRIGGER USER",
                                 copy_quoted(w->base.arena, pq.getvalue(r, i, 0)), alter));
    pq.clear(r);
    return good;
}

static bool begin(struct copy_target *t, const struct copy_tables *all) {
    struct writing *w = writing_of(t);
    w->all = all;
    const char *lock =
        arena_printf(t->arena, "LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE", names(w));
    return tell(w, "a transaction cannot begin", "BEGIN") &&
           tell(w, "the tables cannot be had alone", lock) && is_empty(w) &&
           set_triggers(w, "DISABLE");
}

static bool commit(struct copy_target *t, int64_t rows) {
    struct writing *w = writing_of(t);
    static const char MARK[] = "INSERT INTO meta (name, value) VALUES ('copied', convert_to($1,"
                               " 'UTF8')) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    char now[32];
    clock_rfc3339(ava_wall_ms(), now);
    const char *said = arena_printf(t->arena, "%lld rows at %s", (long long)rows, now);
    PGresult *r = set_triggers(w, "ENABLE") ? ask(w, "meta", MARK, 1, &said) : NULL;
    pq.clear(r);
    if (!r || !tell(w, "ANALYZE", arena_printf(t->arena, "ANALYZE %s", names(w))))
        return false;
    r = ask(w, "the commit failed", "COMMIT", 0, NULL);
    bool good = r && strcmp(pq.cmdStatus(r), "COMMIT") == 0;
    pq.clear(r);
    if (!good && copy_pg_is_lost(t))
        t->why = arena_printf(t->arena,
                              "%s. Whether all of it was saved before is not known: run this "
                              "command again, which says so or copies it",
                              t->why);
    else if (!good && !t->why)
        t->why = "the server did not commit";
    return good;
}

/* --- rows ------------------------------------------------------------------------------------------ */

static void put_number(struct buf *b, uint64_t value, int bytes) {
    unsigned char out[8];
    for (int i = 0; i < bytes; i++)
        out[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
    buf_put(b, out, (size_t)bytes);
}

/* The server's own words where it ended the COPY; else the connection's. */
static bool copy_failed(struct writing *w) {
    const char *what = arena_printf(w->base.arena, "the table %s", w->table->name);
    PGresult *r = pq.getResult(w->conn.handle);
    bool is_said = r && pq.resultStatus(r) == PGRES_FATAL_ERROR;
    failed(w, what, is_said ? r : NULL);
    pq.clear(r);
    return false;
}

static bool table(struct copy_target *t, const struct copy_table *table) {
    static const char HEAD[] = "PGCOPY\n\377\r\n"; /* its NUL belongs to it */
    struct writing *w = writing_of(t);
    struct buf *sql = buf_in(t->arena);
    w->table = table;
    buf_printf(sql, "COPY %s (", copy_quoted(t->arena, table->name));
    for (size_t i = 0; i < table->column_count; i++)
        buf_printf(sql, "%s%s", i ? ", " : "", copy_quoted(t->arena, table->columns[i].name));
    buf_text(sql, ") FROM STDIN (FORMAT binary)");
    PGresult *r = pq.exec(w->conn.handle, str_dup(t->arena, buf_view(sql)));
    bool good = pq.resultStatus(r) == PGRES_COPY_IN;
    if (!good)
        failed(w, arena_printf(t->arena, "the table %s", table->name), r);
    pq.clear(r);
    buf_clear(&w->out);
    buf_put(&w->out, HEAD, sizeof HEAD);
    put_number(&w->out, 0, 8); /* no flags, no extension of the head */
    return good;
}

/* Waits while the server takes no more. */
static bool flush(struct writing *w) {
    if (w->out.len && pq.putCopyData(w->conn.handle, buf_view(&w->out).ptr, (int)w->out.len) != 1)
        return copy_failed(w);
    buf_clear(&w->out);
    return true;
}

static bool row(struct copy_target *t, const struct copy_value *row) {
    struct writing *w = writing_of(t);
    put_number(&w->out, w->table->column_count, 2);
    for (size_t i = 0; i < w->table->column_count; i++) {
        const struct copy_value *v = &row[i];
        if (v->is_null) {
            put_number(&w->out, UINT32_MAX, 4);
        } else if (v->type == COPY_INTEGER) {
            put_number(&w->out, 8, 4);
            put_number(&w->out, (uint64_t)v->integer, 8);
        } else {
            put_number(&w->out, v->bytes.len, 4);
            buf_str(&w->out, v->bytes);
        }
    }
    return w->out.len < PIECE_BYTES || flush(w);
}

/* Sequences know nothing of rows that bring their number along. */
static bool set_sequences(struct writing *w) {
    static const char COLUMNS[] = "SELECT attname FROM pg_attribute WHERE attrelid ="
                                  " to_regclass($1) AND attidentity <> ''";
    const char *name = copy_quoted(w->base.arena, w->table->name);
    PGresult *r = ask(w, "the columns cannot be read", COLUMNS, 1, &name);
    bool good = r != NULL;
    for (int i = 0; good && i < pq.ntuples(r); i++) {
        const char *const of[] = { name, pq.getvalue(r, i, 0) };
        const char *sql = arena_printf(
            w->base.arena,
            "SELECT setval(pg_get_serial_sequence($1, $2), m.last) FROM (SELECT max(%s) AS last"
            " FROM %s) AS m WHERE m.last >= 1",
            copy_quoted(w->base.arena, of[1]), name);
        good = value(w, "a sequence cannot be set", sql, 2, of) != NULL;
    }
    pq.clear(r);
    return good;
}

static bool end(struct copy_target *t, int64_t *rows) {
    struct writing *w = writing_of(t);
    put_number(&w->out, UINT16_MAX, 2);
    if (!flush(w))
        return false;
    if (pq.putCopyEnd(w->conn.handle, NULL) != 1)
        return copy_failed(w);
    PGresult *r = pq.getResult(w->conn.handle);
    bool good = pq.resultStatus(r) == PGRES_COMMAND_OK;
    if (!good)
        failed(w, arena_printf(t->arena, "the table %s", w->table->name), r);
    pq.clear(r);
    while ((r = pq.getResult(w->conn.handle)))
        pq.clear(r);
    const char *count = good && set_sequences(w)
                            ? value(w, "the rows cannot be counted",
                                    arena_printf(t->arena, "SELECT count(*) FROM %s",
                                                 copy_quoted(t->arena, w->table->name)),
                                    0, NULL)
                            : NULL;
    *rows = count ? strtoll(count, NULL, 10) : 0;
    return count != NULL;
}

/* --- opening --------------------------------------------------------------------------------------- */

/* A large table may take its time. Who was killed holds nothing for long, whatever the server is at. */
static bool be_patient(struct writing *w) {
    pq.clear(
        pq.exec(w->conn.handle, "SET client_connection_check_interval = '2s'")); /* if it can */
    return tell(w, "the session cannot be set", "SET statement_timeout = 0") &&
           tell(w, "the session cannot be set", "SET idle_in_transaction_session_timeout = 0");
}

static bool claim(struct writing *w) {
    const char *key = arena_printf(w->base.arena, "%lld", (long long)pg_lock_key(PG_LOCK_SERVE)),
               *got = "";
    for (int64_t until = ava_now_ms() + CLAIM_MS; got && *got != 't' && ava_now_ms() < until;) {
        if (*got)
            fiber_sleep(CLAIM_REST_MS);
        got = value(w, "the lock cannot be asked for", "SELECT pg_try_advisory_lock($1)", 1, &key);
    }
    if (got && *got != 't')
        w->base.why = arena_printf(
            w->base.arena,
            "an Ava serves from %s, or another copy is being made to it: stop it first",
            copy_pg_about(&w->base));
    return got && *got == 't';
}

struct copy_target *copy_pg_open(const char *url, struct arena *a, bool *is_refused,
                                 const char **why) {
    *is_refused = true;
    if (!pg_library_open(a, why) || !pg_url_is_good(url, a, why))
        return NULL;
    struct writing *w = memory_zeroed(1, sizeof *w);
    w->base = (struct copy_target){ .arena = a,
                                    .tables = tables,
                                    .begin = begin,
                                    .table = table,
                                    .row = row,
                                    .end = end,
                                    .commit = commit };
    w->db.base.kind = &postgres_kind;
    w->db.url = memory_copy(url);
    pg_conn_init(&w->conn, &w->db, false);
    w->conn.is_patient = true;
    bool good = pg_connect(&w->conn) && pq.exitPipelineMode(w->conn.handle);
    if (!good) {
        *is_refused = pg_is_refused(&w->conn);
        w->base.why = arena_strdup(a, w->conn.failure.words);
    } else {
        good = be_patient(w) && claim(w);
        *is_refused = !w->conn.failure.is_lost;
    }
    if (good)
        return &w->base;
    *why = w->base.why;
    copy_pg_close(&w->base);
    return NULL;
}

const char *copy_pg_about(struct copy_target *t) {
    PGconn *handle = writing_of(t)->conn.handle;
    return arena_printf(t->arena, "the database %s at %s:%s", pq.db(handle), pq.host(handle),
                        pq.port(handle));
}

bool copy_pg_make_tables(struct copy_target *t) {
    struct writing *w = writing_of(t);
    int version;
    return pq.enterPipelineMode(w->conn.handle) &&
           pg_migrate(&w->conn, false, t->arena, &version, &t->why) &&
           pq.exitPipelineMode(w->conn.handle) && be_patient(w);
}

bool copy_pg_is_lost(const struct copy_target *t) {
    return ((const struct writing *)t)->conn.failure.is_lost;
}

void copy_pg_close(struct copy_target *t) {
    if (!t)
        return;
    struct writing *w = writing_of(t);
    pg_conn_fini(&w->conn);
    explicit_bzero(w->db.url, strlen(w->db.url));
    free(w->db.url);
    buf_fini(&w->out);
    free(w);
}
