#include "db/pg_look.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/migrate.h"
#include "db/pg.h"

struct looking {
    PGconn *handle;
    struct arena *arena;
    int64_t until_ms;
    const char *why;
};

static const char SILENT[] =
    "the server is there, and says nothing: is it stopped, out of memory, or "
    "behind something that swallows packets?";

/* --- asking, with an end -------------------------------------------------------------------------- */

/* Waits for the socket; false when time is over. */
static bool await(struct looking *l, short events) {
    struct pollfd fd = { .fd = pq.socket(l->handle), .events = events };
    int64_t left = l->until_ms - ava_now_ms();
    return left > 0 && poll(&fd, 1, (int)left) > 0;
}

/* The words of the library without what it puts around them. */
static const char *words_of(struct looking *l) {
    struct pg_failure f = { 0 };
    pg_fail_by(&f, l->handle, NULL, NULL);
    return arena_strdup(l->arena, f.words);
}

static bool connect_to(struct looking *l, const char *url) {
    static const char *const KEYS[] = { "fallback_application_name", "dbname", "client_encoding",
                                        NULL };
    const char *const values[] = { "ava doctor", url, "UTF8", NULL };
    PostgresPollingStatusType how = PGRES_POLLING_WRITING;
    l->handle = pq.connectStartParams(KEYS, values, 1);
    while (l->handle && pq.status(l->handle) != CONNECTION_BAD && how != PGRES_POLLING_OK &&
           how != PGRES_POLLING_FAILED) {
        if (!await(l, how == PGRES_POLLING_READING ? POLLIN : POLLOUT)) {
            l->why = SILENT;
            return false;
        }
        how = pq.connectPoll(l->handle);
    }
    if (how == PGRES_POLLING_OK)
        return true;
    l->why = l->handle ? words_of(l) : "there is no memory";
    return false;
}

/* The result of one statement, as text; NULL where it failed, or did not come in time (then why is set). */
static PGresult *ask(struct looking *l, const char *sql) {
    PGresult *r = NULL, *more;
    if (l->why || !pq.sendQueryParams(l->handle, sql, 0, NULL, NULL, NULL, NULL, 0))
        return NULL;
    for (;;) {
        while (pq.isBusy(l->handle)) {
            bool is_silent = !await(l, POLLIN);
            if (is_silent || !pq.consumeInput(l->handle)) {
                l->why = is_silent ? SILENT : words_of(l);
                pq.clear(r);
                return NULL;
            }
        }
        if (!(more = pq.getResult(l->handle)))
            break;
        pq.clear(r);
        r = more;
    }
    ExecStatusType status = pq.resultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return r;
    pq.clear(r);
    return NULL;
}

static const char *text(struct looking *l, const PGresult *r, int row, int column) {
    return arena_strdup(l->arena, pq.getvalue(r, row, column));
}

static int64_t number(const PGresult *r, int row, int column) {
    return strtoll(pq.getvalue(r, row, column), NULL, 10);
}

static bool is_on(const PGresult *r, int column) {
    const char *said = pq.getvalue(r, 0, column);
    return said[0] == 't' || strcmp(said, "on") == 0;
}

/* --- what is asked -------------------------------------------------------------------------------- */

static bool look_at_server(struct looking *l, struct pg_look *out) {
    static const char SERVER[] =
        "SELECT current_setting('server_version'), pg_is_in_recovery(),"
        " current_setting('transaction_read_only'), current_setting('server_encoding'),"
        " current_setting('fsync'), current_setting('full_page_writes'),"
        " current_setting('synchronous_commit') <> 'off',"
        " current_setting('autovacuum'), pg_database_size(current_database()),"
        " coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)";
    PGresult *r = ask(l, SERVER);
    if (!r)
        return false;
    out->version = text(l, r, 0, 0);
    out->version_number = pq.serverVersion(l->handle);
    out->is_replica = is_on(r, 1);
    out->is_read_only = is_on(r, 2);
    out->encoding = text(l, r, 0, 3);
    out->is_synced = is_on(r, 4);
    out->is_whole = is_on(r, 5);
    out->is_committed = is_on(r, 6);
    out->is_vacuumed = is_on(r, 7);
    out->bytes = number(r, 0, 8);
    out->may_create = is_on(r, 9);
    pq.clear(r);
    return true;
}

/* Connections of clients, and how many there may be: of the server, less what is kept for others, of the role and of
 * the database. */
static void look_at_connections(struct looking *l, struct pg_look *out) {
    static const char LIMITS[] =
        "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
        " - 1, least(current_setting('max_connections')::bigint"
        " - current_setting('superuser_reserved_connections')::bigint,"
        " (SELECT CASE WHEN rolconnlimit < 0 THEN 1000000 ELSE rolconnlimit END FROM pg_roles"
        " WHERE rolname = current_user), (SELECT CASE WHEN datconnlimit < 0 THEN 1000000"
        " ELSE datconnlimit END FROM pg_database WHERE datname = current_database()))";
    PGresult *r = ask(l, LIMITS);
    if (r) {
        out->connections = number(r, 0, 0);
        out->connections_max = number(r, 0, 1);
    }
    pq.clear(r);
}

static void look_at_sessions(struct looking *l, struct pg_look *out) {
    static const char LONG[] =
        "SELECT s.pid, s.age, s.usename, s.application_name, s.state, count(*) OVER () FROM"
        " (SELECT pid, extract(epoch FROM clock_timestamp() - xact_start)::bigint AS age, usename,"
        " application_name, state FROM pg_stat_activity WHERE backend_type = 'client backend'"
        " AND datname = current_database() AND xact_start < clock_timestamp() - interval '60 s'"
        " UNION ALL SELECT 0, extract(epoch FROM clock_timestamp() - prepared)::bigint, owner, gid,"
        " 'prepared' FROM pg_prepared_xacts WHERE database = current_database()"
        " AND prepared < clock_timestamp() - interval '60 s') AS s ORDER BY s.age DESC LIMIT 5";
    PGresult *r = ask(l, LONG);
    for (int i = 0; r && i < pq.ntuples(r) && i < PG_LOOK_SESSIONS_MAX; i++) {
        out->sessions[i] =
            (struct pg_look_session){ number(r, i, 0), number(r, i, 1), text(l, r, i, 2),
                                      text(l, r, i, 3), text(l, r, i, 4) };
        out->session_count = number(r, i, 5);
    }
    pq.clear(r);
}

static void look_at_tables(struct looking *l, struct pg_look *out) {
    static const char SCHEMA[] = "SELECT coalesce(max(number), 0) FROM schema_migrations";
    static const char DEAD[] =
        "SELECT relname, n_dead_tup FROM pg_stat_user_tables WHERE n_dead_tup > 100000"
        " AND n_dead_tup > n_live_tup ORDER BY n_dead_tup DESC LIMIT 1";
    PGresult *r = ask(l, SCHEMA);
    out->known_schema = migrations_count;
    if (r)
        out->schema = number(r, 0, 0);
    pq.clear(r);
    r = ask(l, DEAD);
    if (r && pq.ntuples(r)) {
        out->dead_table = text(l, r, 0, 0);
        out->dead_rows = number(r, 0, 1);
    }
    pq.clear(r);
}

/* The time of a commit that has to be on the server's disk: what it writes is a message in its log, and no row. */
static void time_commit(struct looking *l, struct pg_look *out) {
    int64_t began_us = ava_now_us();
    PGresult *r = out->is_replica || out->is_read_only
                      ? NULL
                      : ask(l, "SELECT pg_logical_emit_message(true, 'ava', 'doctor')");
    if (r)
        out->commit_us = ava_now_us() - began_us;
    pq.clear(r);
}

static bool is_local(const char *host) {
    struct str s = str_of(host);
    return !s.len || s.ptr[0] == '/' || s.ptr[0] == '@' || str_is(s, "localhost") ||
           str_is(s, "::1") || str_starts(s, STR("127."));
}

static void look_at_way(struct looking *l, struct pg_look *out) {
    const char *host = pq.host(l->handle);
    out->host = arena_strdup(l->arena, host ? host : "");
    out->port = arena_strdup(l->arena, pq.port(l->handle));
    out->name = arena_strdup(l->arena, pq.db(l->handle));
    out->is_local = is_local(out->host);
    out->is_encrypted = pq.sslInUse(l->handle);
}

bool pg_look(const char *url, struct arena *a, struct pg_look *out, const char **why) {
    struct looking l = { .arena = a, .until_ms = ava_now_ms() + PG_LOOK_MS };
    int64_t began_us = ava_now_us();
    *out = (struct pg_look){
        .host = "", .port = "", .name = "", .version = "", .encoding = "", .dead_table = ""
    };
    if (!pg_library_open(a, why) || !pg_url_is_good(url, a, why))
        return false;
    bool good = connect_to(&l, url);
    out->connect_us = ava_now_us() - began_us;
    if (good) {
        look_at_way(&l, out);
        good = look_at_server(&l, out);
    }
    if (good) {
        time_commit(&l, out);
        look_at_connections(&l, out);
        look_at_sessions(&l, out);
        look_at_tables(&l, out);
    }
    if (l.why || !good)
        *why = l.why ? l.why : words_of(&l);
    if (l.handle)
        pq.finish(l.handle);
    return good && !l.why;
}
