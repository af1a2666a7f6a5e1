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

/* Hosts that do not know this migration would meet a schema that lacks something. None comes while it is looked: who joins
 * waits for this transaction to end, and looks then (tasks/hosts.c). */
static bool may_contract(struct ctx *ctx, struct db_conn *of, int number, const char **why) {
    static const char KEEP_OUT[] = "LOCK TABLE hosts IN SHARE ROW EXCLUSIVE MODE",
                      OLDER[] = "SELECT name, version FROM hosts WHERE schema_version < ?"
                                " AND beat_at > " PG_NOW " / 1000 - ? ORDER BY name LIMIT 1";
    if (exec(of, KEEP_OUT) != OK) {
        *why = error(of);
        return false;
    }
    struct db_stmt *q = db_use(of, OLDER);
    db_bind_i64(q, number);
    db_bind_i64(q, MIGRATE_ALIVE_MS);
    const char *name = db_next(q) ? db_text(q, ctx->arena) : NULL;
    if (name)
        *why = arena_printf(ctx->arena,
                            "host %s runs Ava %s, which needs what would be taken away: bring all "
                            "hosts to this version first (ava status lists them)",
                            name, db_text(q, ctx->arena));
    if (db_done(ctx, q) == OK)
        return !name;
    *why = error(of);
    return false;
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

bool pg_migrate(struct pg_conn *c, enum db_schema how, struct arena *a, int *version,
                const char **why) {
    const struct migrate_on on = { .c = &c->side.base,
                                   .exec = exec,
                                   .error = error,
                                   .begin = "BEGIN",
                                   .may_contract = may_contract };
    pg_forgive(c);
    bool good = exec_text(c, PATIENT) == OK && lock(c, "lock") && exec_text(c, AT_WORK) == OK;
    if (!good)
        *why = arena_strdup(a, error(on.c));
    else
        good = migrate(&on, how, a, version, why);
    pg_forgive(c);
    return lock(c, "unlock") && exec_text(c, USUAL) == OK && good;
}
