/* db: the database behind store/, without a word of which one it is.
 *
 * Reads run inline on the thread's own read-only connection (some microseconds). Writes are
 * functions that run on the one writer: it commits whatever is queued as one synced transaction,
 * each function under a savepoint of its own, and the caller sleeps until its commit is on disk.
 * So db_write returning OK means durable.
 *
 *     struct db_stmt *q = db_use(c, "SELECT id, name FROM users WHERE email = ?");
 *     db_bind_text(q, email);
 *     if (db_next(q)) {
 *         user->id = db_text(q, ctx->arena);
 *         user->name = db_text(q, ctx->arena);
 *     }
 *     return db_done(ctx, q);
 *
 * SQL text is always a literal and values are always bound. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "obs/ctx.h"

struct db;
struct db_conn;
struct db_stmt;

/* What else is written while a function of db_write runs. On SQLite always nothing: there is one writer. */
enum db_alone {
    DB_ALONE_IN_WORKSPACE, /* other workspaces' rows (that of ctx->who; where that is none, DB_ALONE) */
    DB_ALONE,              /* nothing */
    DB_BESIDE,             /* anything */
};

/* BLAKE2b-256 of bytes, for the audit chain. store/ knows no cryptography itself. */
typedef void db_hash_fn(unsigned char out[32], struct str bytes);

enum db_schema {
    DB_SCHEMA_MIGRATE, /* brings it up to date */
    DB_SCHEMA_KEEP, /* refuses to open what would have to be brought up to date: somebody serves from it */
    DB_SCHEMA_FINISH, /* and applies what takes away from older programs (migrate.h) */
};

struct db_conf {
    const char *path; /* of the SQLite file; unused where there is a url */
    db_hash_fn *hash;
    enum db_schema schema;
    bool is_book;    /* a file that can be made anew: no copy of it is made before it is migrated */
    const char *url; /* of PostgreSQL, as its library takes it; NULL or empty: SQLite */
    int connections; /* to it, at most */
    /* Set by db_open when it fails for what no later try changes (a password, a name, a server too old). May be NULL. */
    bool *is_refused;
};

/* Opens, checks integrity, migrates (backup first when data exists). NULL and *why on failure. */
struct db *db_open(const struct db_conf *conf, struct arena *a, const char **why);
void db_close(struct db *db); /* after all writers are done; checkpoints */

/* What reads for this request. On a fiber, the first db_next of each use may put it to sleep; until then, and while
 * another fiber of this thread reads, what it reads is not yet decided. */
struct db_conn *db_reader(struct ctx *ctx);
void db_reader_open(struct db *db); /* for this thread, now: it needs descriptors */

/* Runs fn on the writer and waits for the commit. fn runs on another thread while the caller
 * sleeps: it may use ctx and arg, must not wait, and may be refused before it runs when the
 * deadline of ctx is over. What fn returns is returned; anything but OK leaves no trace. */
typedef enum err db_fn(struct ctx *ctx, struct db_conn *tx, void *arg);
enum err db_write_as(struct ctx *ctx, const char *name, enum db_alone alone, db_fn *fn, void *arg);
#define db_write(ctx, fn, ...) \
    db_write_as(ctx, #fn, DB_ALONE_IN_WORKSPACE, fn, __VA_ARGS__) /* named so in traces */
/* For what reads or changes what belongs to no workspace, or to several. */
#define db_write_alone(ctx, fn, ...) db_write_as(ctx, #fn, DB_ALONE, fn, __VA_ARGS__)
/* For one statement, or for what locks the rows that it reads before it acts on them: others write meanwhile. */
#define db_write_beside(ctx, fn, ...) db_write_as(ctx, #fn, DB_BESIDE, fn, __VA_ARGS__)
/* For what only adds: fn binds and runs statements that insert (db_run), and reads nothing; *rows is how many the last of
 * them added. Those of everybody are kept in one transaction, sorted by order: who may insert the same row has the same.
 * Where that fails for the sake of one, fn may be run again. */
enum err db_append_as(struct ctx *ctx, const char *name, db_fn *fn, void *arg, struct str order,
                      int64_t *rows);
#define db_append(ctx, fn, ...) db_append_as(ctx, #fn, fn, __VA_ARGS__)
/* Within a workspace's write: nobody else has the lock of this name until the end of tx. Only for what several workspaces
 * share; in the order of db/pg_locks.h where there are several. */
enum err db_lock(struct ctx *ctx, struct db_conn *tx, const char *name);
int64_t db_wal_bytes(struct db *db); /* of the log beside the file; any thread */
/* For what would otherwise hold the one writer for long: runs fn, each time for a small piece of the
 * work, in one turn of the writer for some ms, then in the next, with room for others between; until
 * fn leaves *more false, or within_ms have passed. *is_done: which of the two. */
typedef enum err db_step_fn(struct ctx *ctx, struct db_conn *tx, void *arg, bool *more);
enum err db_write_steps(struct ctx *ctx, db_step_fn *fn, void *arg, int64_t within_ms,
                        bool *is_done);
/* The same for what nobody waits for: it leaves most of the disk's time to others. */
enum err db_write_steps_gently(struct ctx *ctx, db_step_fn *fn, void *arg, int64_t within_ms,
                               bool *is_done);

/* Copies the whole database into a new file, some pages between two commits (db/mirror.h), and waits for it: for
 * threads of their own, which end before db_close. What is at the path goes first. False and *why, and nothing is left
 * there: gives_up was set (NULL: never is), another copy is being made, or the disk. */
bool db_mirror(struct db *db, const char *to, const atomic_bool *gives_up, struct arena *a,
               const char **why);

/* The prepared statement of this literal, bound from the first parameter on. */
struct db_stmt *db_use(struct db_conn *c, const char *sql);

void db_bind_text(struct db_stmt *q, const char *text); /* NULL binds NULL */
void db_bind_str(struct db_stmt *q, struct str text);
void db_bind_i64(struct db_stmt *q, int64_t value);
void db_bind_blob(struct db_stmt *q, const void *bytes, size_t len);
void db_bind_null(struct db_stmt *q);
void db_bind_null_blob(struct db_stmt *q); /* where no column says what it would be */

/* True while there is a row. Columns are then read in their order. */
bool db_next(struct db_stmt *q);
bool db_is_null(struct db_stmt *q); /* is the next one NULL? does not move on */
const char *db_text(struct db_stmt *q, struct arena *a); /* NULL for NULL */
int64_t db_i64(struct db_stmt *q);                       /* 0 for NULL */
struct str db_blob(struct db_stmt *q, struct arena *a);  /* NULL ptr for NULL */
void db_copy(struct db_stmt *q, char *to, size_t room);  /* text, truncated */

/* Ends the use. A failure of any step is reported here, as ERR_STORAGE_UNAVAILABLE (disk) or
 * ERR_INTERNAL, with words in ctx. */
enum err db_done(struct ctx *ctx, struct db_stmt *q);

/* For statements without rows: one step and db_done. */
enum err db_run(struct ctx *ctx, struct db_stmt *q);
int64_t db_changes(struct db_conn *tx); /* rows touched by the last db_run */

/* Where only one may work with the database: makes this run the one whose writes count. From now on a batch that finds
 * another run's claim in the database commits nothing. Where others may (db_is_shared): that nobody copies into it.
 * run_id must last as long as db. */
enum err db_claim(struct ctx *ctx, const char *run_id);
bool db_is_shared(struct db *db); /* may other machines work with it at the same time? */

/* Has another run claimed the database since, or a copy? Then nothing is committed any more, and the process
 * should end. */
bool db_is_fenced(struct db *db);

/* Does it take writes, as far as is known? Any thread; at once. */
bool db_is_up(struct db *db);

/* Is the last write younger than max_age_ms, or does a probe succeed now? Not while a write was refused
 * by the disk within that time, nor once the file is damaged, gone or replaced. For /health/ready. */
enum err db_write_probe(struct ctx *ctx, int64_t max_age_ms);

int64_t db_commit_age_ms(struct db *db); /* how long ago the last commit was; any thread */
int64_t db_file_bytes(struct db *db);    /* without the log; any thread */

int db_schema_version(struct db *db);
const char *db_system(struct db *db);                 /* "sqlite", "postgresql" */
const char *db_about(struct db *db, struct arena *a); /* "SQLite 3.40.1, schema 1" */

/* The server that the data are on, and how long it took to answer last. False: they are in a file. Any thread. */
struct db_place {
    char host[256], port[8], name[64];
    int64_t round_trip_us; /* 0: not known yet */
};
bool db_place(struct db *db, struct db_place *out);
void db_hash(struct db_conn *c, unsigned char out[32], struct str bytes);
