/* kind: what a database has to do to be one of Ava's; db.c hands on to it. Only the files of db/ include it.
 *
 * Each kind begins its own struct with the one here, and finds the rest of it by that. The contracts are those of the
 * functions of db.h with the same names. */
#pragma once

#include "db/db.h"

/* Of a value that is NULL: what it would be. */
enum db_value { DB_VALUE_ANY, DB_VALUE_TEXT, DB_VALUE_BLOB };

/* Something to add (db_append), and how many rows that came to. */
struct db_append {
    db_fn *fn;
    void *arg;
    int64_t rows;
};
enum err db_append_write(struct ctx *ctx, struct db_conn *tx, void *append); /* as a write */

struct db_kind {
    const char *system; /* in traces: the semantic conventions' name of it */
    bool is_shared;     /* with other machines */
    struct db_conn *(*reader)(struct ctx *ctx);
    void (*reader_open)(struct db *db);
    enum err (*write)(struct ctx *ctx, const char *name, enum db_alone alone, db_fn *fn, void *arg);
    enum err (*append)(struct ctx *ctx, const char *name, struct db_append *append,
                       struct str order); /* NULL: as a write */
    enum err (*lock)(struct ctx *ctx, struct db_conn *tx,
                     const char *name); /* NULL: there is one writer */
    enum err (*write_steps)(struct ctx *ctx, db_step_fn *fn, void *arg, int64_t within_ms,
                            bool is_gentle, bool *is_done);
    bool (*mirror)(struct db *db, const char *to, const atomic_bool *gives_up, struct arena *a,
                   const char **why);

    struct db_stmt *(*use)(struct db_conn *c, const char *sql);
    void (*bind_str)(struct db_stmt *q, struct str text);
    void (*bind_i64)(struct db_stmt *q, int64_t value);
    void (*bind_blob)(struct db_stmt *q, const void *bytes, size_t len);
    void (*bind_null)(struct db_stmt *q, enum db_value type);
    bool (*next)(struct db_stmt *q);
    bool (*is_null)(struct db_stmt *q);
    const char *(*text)(struct db_stmt *q, struct arena *a);
    int64_t (*i64)(struct db_stmt *q);
    struct str (*blob)(struct db_stmt *q, struct arena *a);
    void (*copy)(struct db_stmt *q, char *to, size_t room);
    enum err (*done)(struct ctx *ctx, struct db_stmt *q);
    enum err (*run)(struct ctx *ctx, struct db_stmt *q);
    int64_t (*changes)(struct db_conn *tx);

    enum err (*claim)(struct ctx *ctx, const char *run_id);
    bool (*is_fenced)(struct db *db);
    bool (*is_up)(struct db *db);
    enum err (*write_probe)(struct ctx *ctx, int64_t max_age_ms);
    int64_t (*commit_age_ms)(struct db *db);
    int64_t (*file_bytes)(struct db *db);
    int64_t (*wal_bytes)(struct db *db);
    int (*schema_version)(struct db *db);
    const char *(*about)(struct db *db, struct arena *a);
    bool (*place)(struct db *db, struct db_place *out); /* NULL: it is a file */
    void (*close)(struct db *db);
};

struct db {
    const struct db_kind *kind;
    void (*hash)(unsigned char out[32], struct str bytes);
};

struct db_conn {
    struct db *db;
};

struct db_stmt {
    const struct db_kind *kind;
};

struct db *sqlite_open(const struct db_conf *conf, struct arena *a, const char **why);
struct db *postgres_open(const struct db_conf *conf, struct arena *a, const char **why);
