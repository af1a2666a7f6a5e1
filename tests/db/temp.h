/* temp: a database of its own for a test, in a folder that goes with it.
 *
 * In SQLite; or, where TEST_POSTGRES says the URL of a server (tools/test unit-postgres starts one), in a new database there.
 * The statements of temp_sql and its like are written for SQLite; there they go through db/dialect.h, and find what else they
 * ask of SQLite in tests/lib/shims.sql. */
#pragma once

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
    char dir[64], path[96]; /* of SQLite's file */
    char url[400];          /* of the database in PostgreSQL; empty: it is SQLite */
    void *beside;           /* a connection to that */
    int log_fd;             /* what Ava logs of it there */
    bool may_be_refused;    /* this test asks for what PostgreSQL refuses */
    bool is_altered;        /* it has other tables than Ava's */
    struct arena *arena;
    struct parts parts;
    struct ctx ctx;
};

bool temp_on_postgres(void);
/* Skips the test where it is PostgreSQL's turn. why: what of it is SQLite's alone. */
void temp_sqlite_only(const char *why);
/* The same for all tests of a file; as one. */
#define TEMP_SQLITE_ONLY(why)                                       \
    __attribute__((constructor)) static void temp_skip_all_(void) { \
        temp_skip_all(why);                                         \
    }
void temp_skip_all(const char *why);

void temp_open(struct temp *t);   /* with Ava's tables */
void temp_folder(struct temp *t); /* without any, and not opened yet */
/* The test fails where PostgreSQL refused a statement of Ava's for what it is, or Ava took locks in a wrong order. */
void temp_close(struct temp *t);
bool temp_reopen(struct temp *t);               /* once more, or after db_close */
struct db_conf temp_conf(const struct temp *t); /* what db_open is to be told */
void temp_ctx(struct temp *t, struct ctx *ctx);
void temp_empty(struct temp *t); /* takes away what it has; closed before */

/* SQL on a connection beside Ava's. The first column of the first row, or "", or "error: ...". */
const char *temp_sql(struct temp *t, const char *sql);
/* Several statements; returns what went wrong, or "". */
const char *temp_all(struct temp *t, const char *sql);
bool temp_script(struct temp *t, const char *sql); /* did nothing go wrong? */
