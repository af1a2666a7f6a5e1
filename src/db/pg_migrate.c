#include <stdio.h>
#include <string.h>

#include "db/dialect.h"
#include "db/migrate.h"
#include "db/pg.h"
#include "db/pg_locks.h"

/* One text of several statements, as it is, outside the pipeline. */
static enum err exec_text(struct pg_conn *c, const char *sql) {
    pg_sync(c);
    pg_collect(c);
    if (c->failure.is_set || !pq.exitPipelineMode(c->handle))
        return ERR_INTERNAL;
    PGresult *r = pq.exec(c->handle, sql);
    ExecStatusType status = pq.resultStatus(r);
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!good)
        pg_fail_by(&c->failure, c->handle, r, NULL);
    pq.clear(r);
    return pq.enterPipelineMode(c->handle) && good ? OK : ERR_INTERNAL;
}

static enum err exec(struct db_conn *of, const char *sql) {
    struct arena *a = arena_new(1 << 20);
    struct pg_conn *c = pg_conn_of(of);
    /* What comes after a failure is its ROLLBACK: why it failed stays known. */
    struct pg_failure before = c->failure;
    pg_forgive(c);
    enum err e = exec_text(c, dialect_migration(a, str_of(sql)).ptr);
    if (before.is_set)
        c->failure = before;
    arena_free(a);
    return e;
}

static const char *error(struct db_conn *of) {
    struct pg_conn *c = pg_conn_of(of);
    if (strcmp(c->failure.state, "42501") == 0 && !strstr(c->failure.words, "GRANT"))
        strncat(c->failure.words,
                "; the role of DATABASE_URL has to own the database, or GRANT CREATE, USAGE ON "
                "SCHEMA public TO it",
                sizeof c->failure.words - strlen(c->failure.words) - 1);
    return c->failure.words;
}

static bool lock(struct pg_conn *c, const char *how) {
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT pg_advisory_%s(%lld)", how,
             (long long)pg_lock_key(PG_LOCK_MIGRATE));
    return exec_text(c, sql) == OK;
}

/* Another Ava may be at it, and a large table may take its time; a lock that somebody holds on one may not. */
static const char PATIENT[] = "SET statement_timeout = 0; SET lock_timeout = 0",
                  AT_WORK[] = "SET lock_timeout = '10s'", USUAL[] = "SET statement_timeout = '30s'";

bool pg_migrate(struct pg_conn *c, bool keeps_schema, struct arena *a, int *version,
                const char **why) {
    const struct migrate_on on = {
        .c = &c->side.base, .exec = exec, .error = error, .begin = "BEGIN"
    };
    pg_forgive(c);
    bool good = exec_text(c, PATIENT) == OK && lock(c, "lock") && exec_text(c, AT_WORK) == OK;
    if (!good)
        *why = arena_strdup(a, error(on.c));
    else
        good = migrate(&on, keeps_schema, a, version, why);
    pg_forgive(c);
    return lock(c, "unlock") && exec_text(c, USUAL) == OK && good;
}
