/* sqlite: what the files of the SQLite side share; nobody else includes it. sqlite_use.c has connections and statements,
 * sqlite_write.c the one writer, db_sqlite.c the rest and the table of them all, migrate.c the schema. */
#pragma once

#include <pthread.h>
#include <sqlite3.h>

#include "db/db_span.h"
#include "db/kind.h"
#include "db/queue.h"
#include "db/snapshot.h"
#include "db/trouble.h"

enum { SQLITE_STATEMENTS_MAX = 512 }; /* distinct literals; a power of two */

struct sqlite_stmt {
    struct db_stmt base;
    struct sqlite_conn *conn;
    const char *sql;
    sqlite3_stmt *handle;
    char name[DB_SPAN_NAME_BYTES];
    int64_t began_us;
    int bound, column;
    bool in_use;
    int failed; /* the first result code that was not good */
#ifdef AVA_DB_YIELDS
    struct sqlite_stmt *twin; /* for another fiber that says the same meanwhile */
    bool is_begun;
#endif
};

struct sqlite_conn {
    struct db_conn base;
    struct sqlite *db;
    sqlite3 *handle;
    struct sqlite_conn *next; /* readers of all threads, for closing */
    struct sqlite_stmt statements[SQLITE_STATEMENTS_MAX];
};

struct sqlite {
    struct db base;
    char *path;
    pthread_key_t reader_key;
    struct db_queue writes; /* its lock guards readers, too */
    struct sqlite_conn *readers;
    bool ends;
    struct mirror *mirror;   /* for the writer to fill; NULL: none */
    pthread_cond_t mirrored; /* it is done with it */
    bool is_mirroring;       /* somebody */
    pthread_t thread;
    struct sqlite_conn *writer;
    struct checkpoint *checkpoint;
    pthread_t checker; /* looks a large file through while others work with it */
    bool has_checker;
    atomic_bool closes; /* then it stops */
    int schema;
    struct trouble trouble;
    _Atomic(const char *) run; /* the one that has claimed the database; NULL: nobody here */
    _Atomic int64_t last_commit_ms;
};

static inline struct sqlite *sqlite_of(struct db *db) {
    return (struct sqlite *)db;
}

/* --- sqlite_use.c ------------------------------------------------------------------------------ */

/* A connection with its pragmas set; NULL and *why when the file cannot be opened. */
struct sqlite_conn *sqlite_conn_open(struct sqlite *db, bool writes, struct arena *a,
                                     const char **why);
void sqlite_conn_close(struct sqlite_conn *c); /* and its statements; NULL is fine */

enum err sqlite_exec(struct db_conn *c, const char *sql); /* several statements; no binding */
const char *sqlite_error(struct db_conn *c);

/* Ends a use whose failure is nobody's business but the caller's; returns its result code. */
int sqlite_drop(struct db_stmt *q);

/* Why something failed, as an error: ERR_STORAGE_UNAVAILABLE for what the disk does, ERR_INTERNAL for the rest; logged. */
enum err sqlite_failure(struct ctx *ctx, struct sqlite *db, int rc, const char *sql,
                        const char *why);

/* As kind.h has them. */
struct db_conn *sqlite_reader(struct ctx *ctx);
void sqlite_reader_open(struct db *db);
struct db_stmt *sqlite_use(struct db_conn *c, const char *sql);
void sqlite_bind_str(struct db_stmt *q, struct str text);
void sqlite_bind_i64(struct db_stmt *q, int64_t value);
void sqlite_bind_blob(struct db_stmt *q, const void *bytes, size_t len);
void sqlite_bind_null(struct db_stmt *q, enum db_value type);
bool sqlite_next(struct db_stmt *q);
bool sqlite_is_null(struct db_stmt *q);
const char *sqlite_text(struct db_stmt *q, struct arena *a);
int64_t sqlite_i64(struct db_stmt *q);
struct str sqlite_blob(struct db_stmt *q, struct arena *a);
void sqlite_copy(struct db_stmt *q, char *to, size_t room);
enum err sqlite_done(struct ctx *ctx, struct db_stmt *q);
enum err sqlite_run(struct ctx *ctx, struct db_stmt *q);
int64_t sqlite_changes(struct db_conn *tx);

/* --- sqlite_write.c ----------------------------------------------------------------------------- */

void *sqlite_write_on(void *db); /* the writer thread, until db->ends */

enum err sqlite_write(struct ctx *ctx, const char *name, enum db_alone alone, db_fn *fn, void *arg);
enum err sqlite_write_steps(struct ctx *ctx, db_step_fn *fn, void *arg, int64_t within_ms,
                            bool is_gentle, bool *is_done);
bool sqlite_mirror(struct db *db, const char *to, const atomic_bool *gives_up, struct arena *a,
                   const char **why);

/* --- db_sqlite.c ------------------------------------------------------------------------------ */

snapshot_hash_fn *sqlite_hash(struct db_conn *c);
