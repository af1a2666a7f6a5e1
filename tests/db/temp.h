/* temp: a database of its own for a test, in a folder that goes with it. */
#pragma once

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "crypto/hash.h"
#include "db/db.h"
#include "obs/ctx.h"
#include "obs/log.h"

struct temp {
    char dir[64], path[96];
    struct arena *arena;
    struct parts parts;
    struct ctx ctx;
};

static inline void temp_ctx(struct temp *t, struct ctx *ctx) {
    ctx_init(ctx, &t->parts, t->arena, 60000);
}

static inline bool temp_reopen(struct temp *t) {
    const char *why = "";
    t->parts.db = db_open(&(struct db_conf){ t->path, hash_blake2b }, t->arena, &why);
    if (!t->parts.db)
        fprintf(stderr, "# %s\n", why);
    temp_ctx(t, &t->ctx);
    return t->parts.db != NULL;
}

static inline void temp_folder(struct temp *t) {
    *t = (struct temp){ .arena = arena_new(64 << 20) };
    str_copy(t->dir, sizeof t->dir, str_of("/tmp/ava-test-XXXXXX"));
    if (!mkdtemp(t->dir))
        abort();
    snprintf(t->path, sizeof t->path, "%s/ava.db", t->dir);
    log_setup(LOG_OFF, true, 2);
    crypto_init();
    temp_ctx(t, &t->ctx);
}

static inline void temp_open(struct temp *t) {
    temp_folder(t);
    if (!temp_reopen(t))
        abort();
}

static inline void temp_close(struct temp *t) {
    DIR *d = opendir(t->dir);
    struct dirent *e;
    char path[400];
    db_close(t->parts.db);
    while (d && (e = readdir(d))) {
        snprintf(path, sizeof path, "%s/%s", t->dir, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    closedir(d);
    rmdir(t->dir);
    arena_free(t->arena);
}

/* SQL on a connection beside Ava's. The first column of the first row, or "". */
static inline const char *temp_sql(struct temp *t, const char *sql) {
    sqlite3 *db;
    sqlite3_stmt *q = NULL;
    const char *out = "";
    if (sqlite3_open(t->path, &db) != SQLITE_OK)
        abort();
    sqlite3_busy_timeout(db, 10000);
    int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW && sqlite3_column_text(q, 0))
        out = arena_strdup(t->arena, (const char *)sqlite3_column_text(q, 0));
    if (rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
        out = arena_printf(t->arena, "error: %s", sqlite3_errmsg(db));
    sqlite3_finalize(q);
    sqlite3_close(db);
    return out;
}

static inline bool temp_script(struct temp *t, const char *sql) {
    sqlite3 *db;
    if (sqlite3_open(t->path, &db) != SQLITE_OK)
        abort();
    sqlite3_busy_timeout(db, 10000);
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
    return rc == SQLITE_OK;
}

/* The same; returns what went wrong, or "". */
static inline const char *temp_all(struct temp *t, const char *sql) {
    sqlite3 *db;
    char *why = NULL;
    if (sqlite3_open(t->path, &db) != SQLITE_OK)
        abort();
    sqlite3_busy_timeout(db, 10000);
    sqlite3_exec(db, sql, NULL, NULL, &why);
    const char *said = why ? arena_strdup(t->arena, why) : "";
    sqlite3_free(why);
    sqlite3_close(db);
    return said;
}
