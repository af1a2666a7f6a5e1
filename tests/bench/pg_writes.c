/* pg_writes: what PostgreSQL gives at best for a change that Ava audits, with the same statements and locks: each of some
 * connections changes what callers get in workspaces of a real Ava, one after the other, in a loop with nothing else. Prints one
 * JSON line: changes a second, and how long the slower ones took.
 *     bench_pg_writes URL SECONDS CONNECTIONS */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "bench/samples.h"
#include "db/pg_locks.h"

enum { CONNECTIONS_MAX = 64, WORKSPACES_MAX = 256 };

static const char *url;
static char workspaces[WORKSPACES_MAX][64];
static int workspaces_count;
static int64_t until_us;

static void check(PGconn *c, int good) {
    if (good)
        return;
    fprintf(stderr, "%s", PQerrorMessage(c));
    exit(1);
}

/* What each connection prepares once: a letter is its name. */
static const char *const TEXTS[] = {
    "BEGIN",
    "SELECT CAST(pg_current_xact_id() AS TEXT), set_config('lock_timeout', '9000ms', true),"
    " set_config('statement_timeout', '9000ms', true), pg_advisory_xact_lock_shared(CAST($2 AS "
    "BIGINT)),"
    " pg_advisory_xact_lock(CAST($1 AS BIGINT))",
    "SELECT workspace_id, kind, text, to_number, assistant_id, version, created_at, updated_at"
    " FROM fallbacks WHERE workspace_id = $1",
    "INSERT INTO fallbacks (workspace_id, kind, text, to_number, assistant_id, version,"
    " created_at, updated_at) VALUES ($1, 'forward', '', '+33612345678', NULL, 1, 1, 1)"
    " ON CONFLICT (workspace_id) DO UPDATE SET to_number = '+33612345679', version ="
    " fallbacks.version + 1, updated_at = 2",
    "SELECT pg_advisory_xact_lock(CAST($1 AS BIGINT))",
    "SELECT (SELECT COALESCE(MAX(seq), 0) FROM audit_log), (SELECT hash FROM audit_log"
    " WHERE workspace_id = $1 ORDER BY seq DESC LIMIT 1)",
    "INSERT INTO audit_log (seq, workspace_id, at, actor, action, object, outcome, correlation_id,"
    " detail, prev, hash) VALUES (CAST($2 AS BIGINT) + 1, $1, 1, 'bench', 'fallback.change', '',"
    " 'ok', 'bench', '{\"kind\":\"forward\"}', decode(repeat('00', 32), 'hex'),"
    " decode(repeat('11', 32), 'hex'))",
    "COMMIT",
};
static const int PARAMS[] = { 0, 2, 1, 1, 1, 1, 2, 0 };
enum { BEGINS, LOCKS, READS_ROW, CHANGES, LOCKS_AUDIT, READS_AUDIT, AUDITS, COMMITS, TEXTS_COUNT };

static void send(PGconn *c, int text, const char *workspace, const char *seq) {
    const char *values[] = { workspace, seq };
    char name[2] = { (char)('a' + text), 0 };
    check(c, PQsendQueryPrepared(c, name, PARAMS[text], values, NULL, NULL, 0));
}

/* Answers of these statements, of which the last one's first column is copied. */
static void collect(PGconn *c, int count, char *out, size_t room) {
    check(c, PQsendFlushRequest(c) && PQflush(c) == 0);
    for (int i = 0; i < count; i++) {
        PGresult *r = PQgetResult(c);
        ExecStatusType status = PQresultStatus(r);
        check(c, status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK);
        if (i == count - 1 && PQntuples(r))
            snprintf(out, room, "%s", PQgetvalue(r, 0, 0));
        PQclear(r);
        PQclear(PQgetResult(c)); /* NULL: the end of this one */
    }
}

static void change(PGconn *c, const char *workspace) {
    char seq[32] = "0", own[24], all[24], audit[24], unread[256];
    snprintf(own, sizeof own, "%lld", (long long)pg_lock_key(workspace));
    snprintf(all, sizeof all, "%lld", (long long)pg_lock_key(PG_LOCK_ALL));
    snprintf(audit, sizeof audit, "%lld", (long long)pg_lock_key("audit"));
    send(c, BEGINS, NULL, NULL);
    send(c, LOCKS, own, all);
    send(c, READS_ROW, workspace, NULL);
    collect(c, 3, unread, sizeof unread);
    send(c, CHANGES, workspace, NULL);
    send(c, LOCKS_AUDIT, audit, NULL);
    send(c, READS_AUDIT, workspace, NULL);
    collect(c, 3, seq, sizeof seq);
    send(c, AUDITS, workspace, seq);
    send(c, COMMITS, NULL, NULL);
    collect(c, 2, unread, sizeof unread);
    check(c, PQpipelineSync(c));
    PGresult *r = PQgetResult(c);
    check(c, PQresultStatus(r) == PGRES_PIPELINE_SYNC);
    PQclear(r);
}

static void *work(void *arg) {
    PGconn *c = PQconnectdb(url);
    int at = (int)(intptr_t)arg;
    check(c, PQstatus(c) == CONNECTION_OK);
    for (int i = 0; i < TEXTS_COUNT; i++) {
        PGresult *r = PQprepare(c, (char[2]){ (char)('a' + i), 0 }, TEXTS[i], 0, NULL);
        check(c, PQresultStatus(r) == PGRES_COMMAND_OK);
        PQclear(r);
    }
    check(c, PQenterPipelineMode(c));
    for (int64_t start; (start = ava_now_us()) < until_us;) {
        change(c, workspaces[at++ % workspaces_count]);
        sample(ava_now_us() - start);
    }
    PQfinish(c);
    return NULL;
}

static int read_workspaces(void) {
    PGconn *c = PQconnectdb(url);
    PGresult *r = PQexec(c, "SELECT id FROM workspaces ORDER BY id LIMIT 256");
    workspaces_count = PQntuples(r);
    for (int i = 0; i < workspaces_count; i++)
        snprintf(workspaces[i], sizeof workspaces[i], "%s", PQgetvalue(r, i, 0));
    PQclear(r);
    PQfinish(c);
    return workspaces_count > 0;
}

int main(int argc, char **argv) {
    pthread_t threads[CONNECTIONS_MAX];
    int64_t connections;
    url = argc == 4 ? argv[1] : "";
    if (argc != 4 || !str_to_i64(str_of(argv[3]), 1, CONNECTIONS_MAX, &connections) ||
        !read_workspaces())
        return 1;
    int64_t began = ava_now_us();
    until_us = began + (int64_t)(strtod(argv[2], NULL) * 1e6);
    for (int i = 0; i < connections; i++)
        pthread_create(&threads[i], NULL, work, (void *)(intptr_t)(i * 7));
    for (int i = 0; i < connections; i++)
        pthread_join(threads[i], NULL);
    samples_print((int64_t)samples_taken, ava_now_us() - began);
    return 0;
}
