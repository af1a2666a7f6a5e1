/* Reads texts of SQL, each ended by a NUL, and writes for each, ended by a NUL,
 *     peer_dialect statement       how PostgreSQL takes it
 *     peer_dialect migration       the same of a migration
 *     peer_dialect sqlite FILE     why SQLite, with Ava's tables in that new file, does not take it; nothing where it does */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "db/db.h"
#include "db/dialect.h"
#include "obs/log.h"

static void prepare(sqlite3 *db, const char *sql) {
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        fputs(sqlite3_errmsg(db), stdout);
    sqlite3_finalize(q);
}

static void translate(const char *sql, bool is_migration) {
    struct arena *a = arena_new(4096);
    struct str text = str_of(sql);
    struct str said = is_migration ? dialect_migration(a, text) : dialect_statement(a, text);
    fwrite(said.ptr, 1, said.len, stdout);
    arena_free(a);
}

/* A new database with Ava's tables; NULL with a sentence on stderr. */
static sqlite3 *make(const char *path) {
    struct arena *a = arena_new(1 << 20);
    const char *why = "";
    sqlite3 *db = NULL;
    log_setup(LOG_OFF, true, 2);
    struct db *made = db_open(&(struct db_conf){ .path = path, .hash = hash_blake2b }, a, &why);
    if (made)
        db_close(made);
    if (!made || sqlite3_open(path, &db) != SQLITE_OK)
        fprintf(stderr, "%s: %s\n", path, why);
    arena_free(a);
    return db;
}

int main(int argc, char **argv) {
    bool is_migration = argc > 1 && strcmp(argv[1], "migration") == 0;
    sqlite3 *db = NULL;
    if (argc > 2 && !(db = make(argv[2])))
        return 1;
    struct buf in = { 0 };
    char piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece, stdin));)
        buf_put(&in, piece, n);
    for (size_t at = 0; at < in.len; at += strlen(in.ptr + at) + 1) {
        if (db)
            prepare(db, in.ptr + at);
        else
            translate(in.ptr + at, is_migration);
        putchar(0);
    }
    buf_fini(&in);
    sqlite3_close(db);
    return 0;
}
