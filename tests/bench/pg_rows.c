/* pg_rows: what PostgreSQL gives at best over one connection: rows of the events of a real Ava, with their indexes, 64 to
 * a transaction in one pipeline, in one loop with nothing else. Prints one JSON line: rows a second, and how long the slower
 * transactions took.
 *     bench_pg_rows URL SECONDS */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "bench/samples.h"

enum { ROWS = 64, BODY_BYTES = 560, PARAMS = 5 };

static const char INSERT[] =
    "INSERT INTO events (id, workspace_id, provider, type, resource, dedupe, status, "
    "correlation_id, received_at, sealed)"
    " VALUES ($1, $2, 'twilio', 'status', $3, $4, 'received', 'bench', 0, $5)"
    " ON CONFLICT (workspace_id, provider, dedupe) DO NOTHING";

static int one(PGconn *c, const char *workspace) {
    static unsigned char body[BODY_BYTES] = { 0xA1, 1 };
    unsigned char dedupe[32];
    struct id id = id_make("evt");
    ava_rand(dedupe, sizeof dedupe);
    const char *values[PARAMS] = { id.text, workspace, id.text, (char *)dedupe, (char *)body };
    int lengths[PARAMS] = { (int)strlen(id.text), (int)strlen(workspace), (int)strlen(id.text),
                            sizeof dedupe, sizeof body };
    int formats[PARAMS] = { 1, 1, 1, 1, 1 };
    return PQsendQueryPrepared(c, "insert", PARAMS, values, lengths, formats, 1);
}

/* Until the transaction's end; false when anything of it failed. */
static int settle(PGconn *c) {
    for (int nulls = 0; nulls < 2;) {
        PGresult *r = PQgetResult(c);
        ExecStatusType status = r ? PQresultStatus(r) : PGRES_COMMAND_OK;
        nulls = r ? 0 : nulls + 1;
        PQclear(r);
        if (status == PGRES_PIPELINE_SYNC)
            return 1;
        if (status != PGRES_COMMAND_OK)
            return 0;
    }
    return 0;
}

static int transaction(PGconn *c, const char *workspace) {
    if (!PQsendQueryParams(c, "BEGIN", 0, NULL, NULL, NULL, NULL, 1))
        return 0;
    for (int i = 0; i < ROWS; i++)
        if (!one(c, workspace))
            return 0;
    return PQsendQueryParams(c, "COMMIT", 0, NULL, NULL, NULL, NULL, 1) && PQpipelineSync(c) &&
           settle(c);
}

int main(int argc, char **argv) {
    int64_t n = 0;
    char workspace[64];
    PGconn *c = argc == 3 ? PQconnectdb(argv[1]) : NULL;
    PGresult *r = c ? PQexec(c, "SELECT id FROM workspaces LIMIT 1") : NULL;
    if (!r || PQntuples(r) != 1)
        return 1;
    snprintf(workspace, sizeof workspace, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    PQclear(PQprepare(c, "insert", INSERT, PARAMS, NULL));
    if (!PQenterPipelineMode(c))
        return 1;
    int64_t began = ava_now_us(), until = began + (int64_t)(strtod(argv[2], NULL) * 1e6);
    for (int64_t start; (start = ava_now_us()) < until; n += ROWS) {
        if (!transaction(c, workspace)) {
            fprintf(stderr, "%s", PQerrorMessage(c));
            return 1;
        }
        sample(ava_now_us() - start);
    }
    samples_print(n, ava_now_us() - began);
    PQfinish(c);
    return 0;
}
