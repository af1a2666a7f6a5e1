/* doctor_postgres: checks of the server behind DATABASE_URL: what it needs to be, to have and to have set, so that Ava
 * works with it and nothing is lost. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/doctor.h"
#include "db/migrate.h"
#include "store/hosts.h"
#include "tasks/hosts.h"

enum {
    VERSION_MIN = 150000,
    SLOW_COMMIT_US = 100 * 1000,
    SLOW_CONNECT_US = 1000 * 1000,
    FREE_MIN = 3, /* connections left for others: who looks after it, and backups */
    HOSTS_MS = 3000,
};

static void say(struct doctor *d, enum verdict v, const char *fix, const char *format, ...)
    PRINTF_LIKE(4, 5);

static void say(struct doctor *d, enum verdict v, const char *fix, const char *format, ...) {
    va_list args;
    va_start(args, format);
    doctor_say(d, v, arena_vprintf(d->cli->arena, format, args), fix);
    va_end(args);
}

static double ms(int64_t us) {
    return (double)us / 1e3;
}

/* --- before the data are opened -------------------------------------------------------------------- */

/* What ends every use of it, in the order in which Ava itself would stumble over it; NULL: nothing. */
static const char *obstacle(struct doctor *d, const struct pg_look *p, const char **fix) {
    struct arena *a = d->cli->arena;
    *fix = NULL;
    if (p->version_number < VERSION_MIN) {
        *fix = "upgrade the server (pg_upgrade)";
        return arena_printf(a, "the server is PostgreSQL %s, Ava needs 15 or newer", p->version);
    }
    if (strcmp(p->encoding, "UTF8") != 0) {
        *fix = "make a new one: CREATE DATABASE ava ENCODING 'UTF8' TEMPLATE template0";
        return arena_printf(a, "the database is encoded in %s", p->encoding);
    }
    if (p->is_replica) {
        *fix = "name the primary in DATABASE_URL, or all servers and "
               "target_session_attrs=read-write";
        return "the server is a replica (in recovery), which takes no writes";
    }
    if (p->is_read_only) {
        *fix = "ALTER ROLE ... RESET default_transaction_read_only (or of the database, or server)";
        return "the server takes no writes: default_transaction_read_only is on";
    }
    if (!p->schema) {
        *fix = "ava serve, or ava migrate --to for an installation on SQLite";
        return "nothing of Ava is in this database yet";
    }
    if (p->schema != p->known_schema) {
        *fix = p->schema < p->known_schema ? "restart Ava with this version"
                                           : "use the ava that serves from it";
        return arena_printf(a, "the database has schema %lld, this program knows %lld",
                            (long long)p->schema, (long long)p->known_schema);
    }
    return NULL;
}

bool doctor_ask_postgres(struct doctor *d) {
    struct arena *a = d->cli->arena;
    struct pg_look *p = arena_alloc(a, sizeof *p);
    const char *why = "", *fix;
    const char *url = str_dup(a, secret_reveal(&d->house.config.database_url));
    bool good = pg_look(url, a, p, &why);
    explicit_bzero((char *)url, strlen(url));
    d->name = "database";
    if (!good) {
        doctor_say(d, VERDICT_FAIL, arena_printf(a, "PostgreSQL: %s", why),
                   "is it up, does DATABASE_URL name it, does the way there let it through? "
                   "(docs/postgresql.md)");
        return false;
    }
    d->postgres = p;
    const char *what = obstacle(d, p, &fix);
    if (what)
        doctor_say(d, VERDICT_FAIL, what, fix);
    return !what;
}

/* --- what it said ---------------------------------------------------------------------------------- */

static void check_round_trip(struct doctor *d, const struct pg_look *p) {
    bool is_slow = p->commit_us > SLOW_COMMIT_US || p->connect_us > SLOW_CONNECT_US;
    say(d, is_slow ? VERDICT_WARN : VERDICT_OK,
        is_slow ? "each change waits for a commit: a nearer server, or a disk that syncs faster"
                : NULL,
        "connected in %.1f ms, a commit takes %.1f ms", ms(p->connect_us), ms(p->commit_us));
}

static void check_rights(struct doctor *d, const struct pg_look *p) {
    if (p->may_create)
        say(d, VERDICT_OK, NULL, "the role may make tables");
    else
        say(d, VERDICT_FAIL,
            "let it own the database, or: GRANT CREATE, USAGE ON SCHEMA public TO it",
            "the role may not make tables, so that the next version cannot start");
}

/* Those of an Ava that serves are among those in use. */
static void check_connections(struct doctor *d, const struct pg_look *p) {
    int64_t left = p->connections_max - p->connections;
    int64_t wanted = d->status ? 0 : d->house.config.database_connections;
    if (left < wanted)
        say(d, VERDICT_FAIL,
            "lower DATABASE_CONNECTIONS, raise max_connections, or end what else uses it",
            "%lld of %lld connections are in use: the %lld of DATABASE_CONNECTIONS do not fit",
            (long long)p->connections, (long long)p->connections_max, (long long)wanted);
    else
        say(d, left - wanted < FREE_MIN ? VERDICT_WARN : VERDICT_OK,
            left - wanted < FREE_MIN
                ? "raise max_connections: there is hardly one left for backups and for you"
                : NULL,
            "%lld of %lld connections are in use, DATABASE_CONNECTIONS is %lld",
            (long long)p->connections, (long long)p->connections_max,
            (long long)d->house.config.database_connections);
}

static void check_sessions(struct doctor *d, const struct pg_look *p) {
    for (int i = 0; i < PG_LOOK_SESSIONS_MAX && i < p->session_count; i++) {
        const struct pg_look_session *s = &p->sessions[i];
        const char *fix =
            s->pid
                ? arena_printf(d->cli->arena,
                               "it holds vacuum back: end it, or SELECT pg_terminate_backend(%lld)",
                               (long long)s->pid)
                : arena_printf(d->cli->arena, "it holds vacuum back: ROLLBACK PREPARED '%s'",
                               s->application);
        say(d, VERDICT_WARN, fix, "a transaction is open for %lld s: pid %lld, user %s, '%s' (%s)",
            (long long)s->age_s, (long long)s->pid, s->user, s->application, s->state);
    }
    if (p->session_count > PG_LOOK_SESSIONS_MAX)
        say(d, VERDICT_WARN, NULL, "and %lld more",
            (long long)(p->session_count - PG_LOOK_SESSIONS_MAX));
    if (!p->session_count)
        say(d, VERDICT_OK, NULL,
            "no transaction is open for longer than %d s, as far as the role sees", PG_LOOK_LONG_S);
}

static void check_durability(struct doctor *d, const struct pg_look *p) {
    static const char LOST[] = "what Ava has acknowledged can be lost when the server crashes";
    if (!p->is_synced)
        say(d, VERDICT_WARN, "fsync = on, then restart the server",
            "fsync is off: %s, and all of it be damaged", LOST);
    if (!p->is_whole)
        say(d, VERDICT_WARN, "full_page_writes = on",
            "full_page_writes is off: a crash can damage it");
    if (!p->is_committed)
        say(d, VERDICT_WARN, "synchronous_commit = on, for the role, the database and the server",
            "synchronous_commit is off: %s", LOST);
    if (p->is_synced && p->is_whole && p->is_committed)
        say(d, VERDICT_OK, NULL, "a commit is on the server's disk before it is acknowledged");
}

static void check_way(struct doctor *d, const struct pg_look *p) {
    if (p->is_encrypted)
        say(d, VERDICT_OK, NULL, "the way there is encrypted");
    else if (p->is_local)
        say(d, VERDICT_OK, NULL, "it is on this machine");
    else
        say(d, VERDICT_WARN, "?sslmode=verify-full in DATABASE_URL (and sslrootcert)",
            "the way to %s is not encrypted: everybody on it can read and change what is in it",
            p->host);
}

static void check_vacuum(struct doctor *d, const struct pg_look *p) {
    if (!p->is_vacuumed)
        say(d, VERDICT_WARN, "autovacuum = on", "autovacuum is off: tables grow without end");
    if (*p->dead_table)
        say(d, VERDICT_WARN, "VACUUM (ANALYZE), and see what holds autovacuum back",
            "%lld dead rows are in the table %s, more than live ones", (long long)p->dead_rows,
            p->dead_table);
}

/* Of one host: what is wrong with it, if anything. */
static bool check_host(struct doctor *d, const struct host_row *host, const char *newest) {
    const char *name = cli_printable(d->cli->arena, host->name);
    int64_t silent_ms = ava_steady_ms() - host->beat_ms;
    if (silent_ms > HOST_ALIVE_MS) {
        say(d, VERDICT_WARN, "is it down, frozen, or cut off from the database? others do its work",
            "the host %s says nothing for %lld s", name, (long long)(silent_ms / 1000));
        return false;
    }
    if (llabs(host->off_ms) > HOSTS_OFF_MAX_MS)
        say(d, VERDICT_WARN, "set it right, and have NTP keep it so: until then it is not ready",
            "the clock of the host %s is %.1f s %s", name, fabs((double)host->off_ms) / 1e3,
            host->off_ms < 0 ? "ahead" : "behind");
    if (strcmp(host->version, newest) != 0)
        say(d, VERDICT_WARN, "bring all hosts to one version",
            "the host %s runs version %s, another one %s", name,
            cli_printable(d->cli->arena, host->version), cli_printable(d->cli->arena, newest));
    return true;
}

static void check_hosts(struct doctor *d) {
    struct host_row *rows = arena_alloc(d->cli->arena, HOSTS_MAX * sizeof *rows);
    size_t count, alive = 0;
    struct ctx ctx;
    const char *newest = "";
    house_ctx(&d->house, &ctx, d->cli->arena);
    ctx.deadline_ms = ava_now_ms() + HOSTS_MS;
    if (host_rows_list(&ctx, db_reader(&ctx), rows, HOSTS_MAX, &count) != OK)
        return; /* that it does not answer is said elsewhere */
    for (size_t i = 0; i < count; i++)
        if (strverscmp(rows[i].version, newest) > 0)
            newest = rows[i].version;
    for (size_t i = 0; i < count; i++)
        alive += check_host(d, &rows[i], newest);
    if (alive)
        say(d, VERDICT_OK, NULL, "%zu %s it", alive,
            alive == 1 ? "Ava works with" : "Avas work with");
}

void doctor_postgres(struct doctor *d) {
    const struct pg_look *p = d->postgres;
    if (!p) /* it was said */
        return;
    if (d->is_open)
        say(d, VERDICT_OK, NULL, "%s, %.0f MB, the database %s at %s:%s",
            db_about(d->house.parts.db, d->cli->arena), (double)p->bytes / 1e6, p->name, p->host,
            p->port);
    if (d->is_open)
        check_hosts(d);
    check_round_trip(d, p);
    check_rights(d, p);
    check_connections(d, p);
    check_sessions(d, p);
    check_durability(d, p);
    check_way(d, p);
    check_vacuum(d, p);
}
