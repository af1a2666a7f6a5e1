/* copy_pg: PostgreSQL as the side of a copy that is written (copy.h). One transaction, on one connection without a
 * pipeline; rows go by COPY in its binary format, a piece at a time, so that memory does not grow with them. */
#include "db/copy_pg.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "db/migrate.h"
#include "db/pg_locks.h"

enum {
    PIECE_BYTES = 64 << 10,
    CLAIM_MS = 6 * 1000, /* for as long the server may still hold what a copy that was killed had */
    CLAIM_REST_MS = 100,
};

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

PGresult *copy_pg_ask(struct writing *w, const char *what, const char *sql, int count,
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
    PGresult *r = copy_pg_ask(w, what, sql, 0, NULL);
    pq.clear(r);
    return r != NULL;
}

const char *copy_pg_value(struct writing *w, const char *what, const char *sql, int count,
                          const char *const *values) {
    PGresult *r = copy_pg_ask(w, what, sql, count, values);
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

/* --- the transaction ------------------------------------------------------------------------------ */

/* What triggers would do to a row was done when it was written. alter: DISABLE or ENABLE. */
static bool set_triggers(struct writing *w, const char *alter) {
    static const char WITH[] = "SELECT c.relname" COPY_PG_TABLES
                               " AND EXISTS (SELECT 1 FROM pg_trigger AS t WHERE t.tgrelid = c.oid"
                               " AND NOT t.tgisinternal)";
    PGresult *r = copy_pg_ask(w, "the triggers cannot be read", WITH, 0, NULL);
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
           tell(w, "the tables cannot be had alone", lock) && copy_pg_is_empty(w) &&
           set_triggers(w, "DISABLE");
}

static bool commit(struct copy_target *t, int64_t rows) {
    struct writing *w = writing_of(t);
    static const char MARK[] = "INSERT INTO meta (name, value) VALUES ('copied', convert_to($1,"
                               " 'UTF8')) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    char now[32];
    clock_rfc3339(ava_wall_ms(), now);
    const char *said = arena_printf(t->arena, "%lld rows at %s", (long long)rows, now);
    PGresult *r = set_triggers(w, "ENABLE") ? copy_pg_ask(w, "meta", MARK, 1, &said) : NULL;
    pq.clear(r);
    if (!r || !tell(w, "ANALYZE", arena_printf(t->arena, "ANALYZE %s", names(w))))
        return false;
    r = copy_pg_ask(w, "the commit failed", "COMMIT", 0, NULL);
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
    PGresult *r = copy_pg_ask(w, "the columns cannot be read", COLUMNS, 1, &name);
    bool good = r != NULL;
    for (int i = 0; good && i < pq.ntuples(r); i++) {
        const char *const of[] = { name, pq.getvalue(r, i, 0) };
        const char *sql = arena_printf(
            w->base.arena,
            "SELECT setval(pg_get_serial_sequence($1, $2), m.last) FROM (SELECT max(%s) AS last"
            " FROM %s) AS m WHERE m.last >= 1",
            copy_quoted(w->base.arena, of[1]), name);
        good = copy_pg_value(w, "a sequence cannot be set", sql, 2, of) != NULL;
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
                            ? copy_pg_value(w, "the rows cannot be counted",
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
        got = copy_pg_value(w, "the lock cannot be asked for", "SELECT pg_try_advisory_lock($1)", 1,
                            &key);
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
                                    .tables = copy_pg_tables,
                                    .begin = begin,
                                    .table = table,
                                    .row = row,
                                    .end = end,
                                    .commit = commit };
    w->db.base.kind = &postgres_kind;
    w->db.url = memory_copy(url);
    pthread_mutex_init(&w->db.lock, NULL);
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

/* All migrations, since no other host is there yet; and no row, as the rows of the file are to come. */
bool copy_pg_make_tables(struct copy_target *t) {
    static const char EMPTY[] = "DELETE FROM meta WHERE name = '" MIGRATE_LEAST "'";
    struct writing *w = writing_of(t);
    int version;
    return pq.enterPipelineMode(w->conn.handle) &&
           pg_migrate(&w->conn, DB_SCHEMA_FINISH, t->arena, &version, &t->why) &&
           pq.exitPipelineMode(w->conn.handle) && be_patient(w) &&
           tell(w, "the tables cannot be written", EMPTY);
}

bool copy_pg_is_lost(const struct copy_target *t) {
    return ((const struct writing *)t)->conn.failure.is_lost;
}

void copy_pg_close(struct copy_target *t) {
    if (!t)
        return;
    struct writing *w = writing_of(t);
    pg_conn_fini(&w->conn);
    pthread_mutex_destroy(&w->db.lock);
    explicit_bzero(w->db.url, strlen(w->db.url));
    free(w->db.url);
    buf_fini(&w->out);
    free(w);
}
