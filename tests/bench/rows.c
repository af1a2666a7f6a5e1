/* rows: what the disk and SQLite give at best: rows like an event's, 64 to a transaction, in one
 * loop with nothing else (WAL, synchronous=FULL). Prints one JSON line: rows a second, and how
 * long the slower transactions took.
 *     bench_rows FILE SECONDS */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/samples.h"

enum { ROWS = 64, BODY_BYTES = 560 };

int main(int argc, char **argv) {
    sqlite3 *db;
    sqlite3_stmt *q;
    char body[BODY_BYTES], id[48];
    unsigned char dedupe[32];
    int64_t n = 0;
    if (argc != 3 || sqlite3_open(argv[1], &db) != SQLITE_OK ||
        sqlite3_exec(
            db,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE e (id TEXT PRIMARY KEY, workspace TEXT, resource TEXT, at INTEGER,"
            " dedupe BLOB, body BLOB, UNIQUE (workspace, dedupe)) STRICT;"
            "CREATE INDEX r ON e (workspace, resource, id)",
            NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "INSERT INTO e VALUES (?, 'ws_0', ?, ?, ?, ?)", -1, &q, NULL) !=
            SQLITE_OK)
        return 1;
    memset(body, 7, sizeof body);
    int64_t began = ava_now_us(), until = began + (int64_t)(strtod(argv[2], NULL) * 1e6);
    for (int64_t start; (start = ava_now_us()) < until;) {
        sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        for (int i = 0; i < ROWS; i++, n++) {
            snprintf(id, sizeof id, "evt_%016llx", (unsigned long long)n);
            ava_rand(dedupe, sizeof dedupe);
            sqlite3_bind_text(q, 1, id, -1, SQLITE_STATIC);
            sqlite3_bind_text(q, 2, id, -1, SQLITE_STATIC);
            sqlite3_bind_int64(q, 3, n);
            sqlite3_bind_blob(q, 4, dedupe, sizeof dedupe, SQLITE_STATIC);
            sqlite3_bind_blob(q, 5, body, sizeof body, SQLITE_STATIC);
            if (sqlite3_step(q) != SQLITE_DONE)
                return 1;
            sqlite3_reset(q);
        }
        if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
            return 1;
        sample(ava_now_us() - start);
    }
    samples_print(n, ava_now_us() - began);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return 0;
}
