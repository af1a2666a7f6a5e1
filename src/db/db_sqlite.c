#include "db/db.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/memory.h"
#include "db/checkpoint.h"
#include "db/db_span.h"
#include "db/locks.h"
#include "db/migrate.h"
#include "db/mirror.h"
#include "db/sqlite.h"
#include "db/trouble.h"
#include "obs/log.h"
#include "obs/metrics.h"

enum {
    BATCH_MAX = 512,
    BUSY_MS = 5000,
    STATEMENTS_MAX = 512, /* distinct literals; a power of two */
    CHECK_INLINE_MAX_BYTES = 64 << 20,
    PROBE_BYTES = 64 << 10, /* what a webhook may need */
    TURN_US = 5 * 1000,     /* of many small steps in one transaction, */
    TURN_PAGES = 64, /* or until they gave back so many pages, which the commit has to write */
    TURN_WAIT_MS = 30 * 1000,
    GENTLE_PAGES_PER_MS = 16, /* 64 MB/s of log */
    SPREAD_MS = 20,           /* what a copy gets in that time is written by the disk meanwhile */
};

struct db_stmt {
    struct db_conn *conn;
    const char *sql;
    sqlite3_stmt *handle;
    char name[DB_SPAN_NAME_BYTES];
    int64_t began_us;
    int bound, column;
    bool in_use;
    int failed; /* the first result code that was not good */
};

struct db_conn {
    struct db *db;
    sqlite3 *handle;
    struct db_conn *next; /* readers of all threads, for closing */
    struct db_stmt statements[STATEMENTS_MAX];
};

struct write {
    struct write *next;
    struct ctx *ctx;
    db_fn *fn;
    void *arg;
    const char *name; /* in traces */
    enum err result;
    size_t together; /* how many its commit was for; 0: it was in none */
    int pages;       /* that its commit wrote to the log */
    struct fiber_parking parking;
};

struct db {
    struct db_conf conf;
    char *path;
    pthread_key_t reader_key;
    pthread_mutex_t lock; /* guards readers and the queue */
    pthread_cond_t more;
    struct db_conn *readers;
    struct write *first, **last;
    bool ends;
    struct mirror *mirror;   /* for the writer to fill; NULL: none */
    pthread_cond_t mirrored; /* it is done with it */
    bool is_mirroring;       /* somebody */
    pthread_t thread;
    struct db_conn *writer;
    struct checkpoint *checkpoint;
    int schema;
    struct trouble trouble;
    _Atomic(const char *) run; /* the one that has claimed the database; NULL: nobody here */
    _Atomic int64_t last_commit_ms;
};

/* --- connections ----------------------------------------------------------------------------- */

enum err sqlite_exec(struct db_conn *c, const char *sql) {
    return sqlite3_exec(c->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : ERR_INTERNAL;
}

const char *sqlite_error(struct db_conn *c) {
    return sqlite3_errmsg(c->handle);
}

/* A connection with its pragmas set; NULL and *why when the file cannot be opened. */
static struct db_conn *conn_open(struct db *db, bool writes, struct arena *a, const char **why) {
    struct db_conn *c = memory_zeroed(1, sizeof *c);
    c->db = db;
    int flags = (writes ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) |
                SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(db->path, &c->handle, flags, NULL) != SQLITE_OK) {
        *why = arena_printf(a, "cannot open %s: %s", db->path, sqlite3_errmsg(c->handle));
        sqlite3_close_v2(c->handle);
        free(c);
        return NULL;
    }
    sqlite3_busy_timeout(c->handle, BUSY_MS);
    sqlite3_extended_result_codes(c->handle, 1);
    enum err e = OK;
    if (writes)
        e = sqlite_exec(c, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                           "PRAGMA foreign_keys = ON; PRAGMA cache_size = -4096;"
                           "PRAGMA secure_delete = ON;"
                           "PRAGMA journal_size_limit = 67108864;" /* of a log that began again */
                           "PRAGMA trusted_schema = OFF");
    else
        e = sqlite_exec(c, "PRAGMA query_only = ON; PRAGMA cache_size = -1024;"
                           "PRAGMA trusted_schema = OFF;"
                           "SELECT COUNT(*) FROM sqlite_schema"); /* opens the log as well */
    if (e != OK) {
        *why = arena_printf(a, "cannot prepare %s: %s", db->path, sqlite3_errmsg(c->handle));
        sqlite3_close_v2(c->handle);
        free(c);
        return NULL;
    }
    return c;
}

/* Closes a connection and its statements; NULL is fine. */
static void conn_close(struct db_conn *c) {
    if (!c)
        return;
    for (size_t i = 0; i < STATEMENTS_MAX; i++)
        sqlite3_finalize(c->statements[i].handle);
    sqlite3_close_v2(c->handle);
    free(c);
}

/* What a reader gets for which no connection can be opened: every use of it fails as one of a file
 * that cannot be read does. One for each thread. */
static struct db_conn *no_reader(struct db *db, const char *why) {
    static __thread struct db_conn none;
    log_error(NULL, "db_reader", L("why", why));
    none.db = db;
    return &none;
}

struct db_conn *db_reader(struct db *db) {
    struct db_conn *c = pthread_getspecific(db->reader_key);
    if (c)
        return c;
    struct arena *a = arena_new(4096);
    const char *why = NULL;
    c = conn_open(db, false, a, &why);
    if (!c)
        c = no_reader(db, why);
    arena_free(a);
    if (!c->handle)
        return c;
    pthread_mutex_lock(&db->lock);
    c->next = db->readers;
    db->readers = c;
    pthread_mutex_unlock(&db->lock);
    pthread_setspecific(db->reader_key, c);
    return c;
}

/* --- statements ------------------------------------------------------------------------------ */

/* Prepares the statement; the first failure of its use says when it cannot be. */
static void prepare(struct db_conn *c, struct db_stmt *q) {
    q->failed = SQLITE_CANTOPEN;
    if (c->handle)
        q->failed =
            sqlite3_prepare_v3(c->handle, q->sql, -1, SQLITE_PREPARE_PERSISTENT, &q->handle, NULL);
}

/* Statements are found by the address of their literal, and prepared once per connection. One that
 * cannot be prepared, for want of memory or of a file that can be read, fails when it is done. */
struct db_stmt *db_use(struct db_conn *c, const char *sql) {
    size_t at = ((uintptr_t)sql >> 3) * 0x9E3779B97F4A7C15u >> 40;
    for (size_t n = 0;; n++, at++) {
        assert(n < STATEMENTS_MAX); /* more literals than places: raise STATEMENTS_MAX */
        struct db_stmt *q = &c->statements[at % STATEMENTS_MAX];
        if (!q->sql) {
            q->sql = sql;
            q->conn = c;
            db_span_name(sql, q->name);
        }
        if (q->sql == sql) {
            assert(!q->in_use);
            q->in_use = true;
            q->bound = q->column = 0;
            q->failed = SQLITE_OK;
            q->began_us = ava_now_us();
            if (!q->handle)
                prepare(c, q);
            return q;
        }
    }
}

/* True when a value may be bound. */
static bool can_bind(const struct db_stmt *q) {
    return q->failed == SQLITE_OK;
}

/* The first failure of a use is the one that db_done reports. */
static void keep_failure(struct db_stmt *q, int rc) {
    if (q->failed == SQLITE_OK && rc != SQLITE_OK)
        q->failed = rc;
}

void db_bind_text(struct db_stmt *q, const char *text) {
    if (text)
        db_bind_str(q, str_of(text));
    else
        db_bind_null(q);
}

void db_bind_str(struct db_stmt *q, struct str s) {
    if (can_bind(q))
        keep_failure(q, sqlite3_bind_text64(q->handle, ++q->bound, s.ptr ? s.ptr : "", s.len,
                                            SQLITE_TRANSIENT, SQLITE_UTF8));
}

void db_bind_i64(struct db_stmt *q, int64_t value) {
    if (can_bind(q))
        keep_failure(q, sqlite3_bind_int64(q->handle, ++q->bound, value));
}

void db_bind_blob(struct db_stmt *q, const void *bytes, size_t len) {
    if (can_bind(q))
        keep_failure(
            q, sqlite3_bind_blob64(q->handle, ++q->bound, len ? bytes : "", len, SQLITE_TRANSIENT));
}

void db_bind_null(struct db_stmt *q) {
    if (can_bind(q))
        keep_failure(q, sqlite3_bind_null(q->handle, ++q->bound));
}

bool db_next(struct db_stmt *q) {
    if (q->failed != SQLITE_OK)
        return false;
    q->column = 0;
    int rc = sqlite3_step(q->handle);
    if (rc == SQLITE_ROW)
        return true;
    keep_failure(q, rc == SQLITE_DONE ? SQLITE_OK : rc);
    return false;
}

static const char LOST[] = "";

/* The text of the column; NULL for NULL. One that there was no memory for is empty, and db_done says so:
 * taken for NULL it would be another row. SQLite makes such a column NULL, so its type is asked for before. */
static const char *text_at(struct db_stmt *q, int i) {
    bool is_null = sqlite3_column_type(q->handle, i) == SQLITE_NULL;
    const char *text = (const char *)sqlite3_column_text(q->handle, i);
    if (text || is_null)
        return text;
    keep_failure(q, SQLITE_NOMEM);
    return LOST;
}

const char *db_text(struct db_stmt *q, struct arena *a) {
    int i = q->column++;
    const char *text = text_at(q, i);
    if (!text || text == LOST)
        return text;
    return arena_strndup(a, text, (size_t)sqlite3_column_bytes(q->handle, i));
}

int64_t db_i64(struct db_stmt *q) {
    return sqlite3_column_int64(q->handle, q->column++);
}

struct str db_blob(struct db_stmt *q, struct arena *a) {
    int i = q->column++;
    size_t len =
        (size_t)sqlite3_column_bytes(q->handle, i); /* before: want of memory makes it NULL */
    const void *bytes = sqlite3_column_blob(q->handle, i);
    if (!bytes && len)
        keep_failure(q, SQLITE_NOMEM);
    if (!bytes)
        return (struct str){ NULL, 0 };
    return (struct str){ arena_copy(a, bytes, len), len };
}

void db_copy(struct db_stmt *q, char *to, size_t room) {
    int i = q->column++;
    str_copy(to, room, str_of(text_at(q, i)));
}

/* ERR_STORAGE_UNAVAILABLE for what the disk does, ERR_INTERNAL for the rest; logged here. */
static enum err failure(struct ctx *ctx, struct db *db, int rc, const char *sql, const char *why) {
    int kind = rc & 0xFF;
    if (!trouble_is_damage(rc) || trouble_of(&db->trouble) != TROUBLE_DAMAGED) /* it is known */
        log_error(ctx, "db", L("code", rc), L("why", why), L("sql", sql));
    trouble_learn(&db->trouble, rc, why);
    if (trouble_is_damage(rc))
        return trouble_refuse(ctx, TROUBLE_DAMAGED);
    if (trouble_is_refusal(rc) || kind == SQLITE_BUSY || kind == SQLITE_LOCKED ||
        kind == SQLITE_PROTOCOL || kind == SQLITE_NOMEM) {
        ctx->problem.retry_after_s = TROUBLE_RETRY_S;
        return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE,
                        "Ava cannot save right now; nothing half done was kept. Try again soon.");
    }
    return ctx_fail(ctx, ERR_INTERNAL, "Something went wrong on our side; nothing was changed.");
}

enum err db_done(struct ctx *ctx, struct db_stmt *q) {
    enum err e = OK;
    if (q->failed != SQLITE_OK)
        e = failure(ctx, q->conn->db, q->failed, q->sql,
                    q->conn->handle ? sqlite3_errmsg(q->conn->handle) : "there is no connection");
    if (q->handle) {
        sqlite3_reset(q->handle);
        sqlite3_clear_bindings(q->handle);
    }
    q->in_use = false;
    if (q->handle && q->conn != q->conn->db->writer) {
        metric_observe_us(METRIC_DB_DURATION, ava_now_us() - q->began_us, q->name);
        if (ctx->spans)
            db_span_read(ctx, q->name, q->began_us, e);
    }
    return e;
}

enum err db_run(struct ctx *ctx, struct db_stmt *q) {
    db_next(q);
    return db_done(ctx, q);
}

int64_t db_changes(struct db_conn *tx) {
    return sqlite3_changes64(tx->handle);
}

/* --- the writer ------------------------------------------------------------------------------ */

/* One queued function under a savepoint of its own, unless its deadline is over by now. */
static void run_one(struct db_conn *c, struct write *w) {
    if (ctx_left_ms(w->ctx) == 0) {
        w->ctx->problem.retry_after_s = 1;
        w->result = ctx_fail(w->ctx, ERR_STORAGE_UNAVAILABLE,
                             "Saving had to wait longer than this request may take.");
        return;
    }
    db_run(w->ctx, db_use(c, "SAVEPOINT one"));
    w->result = w->fn(w->ctx, c, w->arg);
    if (sqlite3_get_autocommit(c->handle))
        return; /* the transaction is gone, and the savepoint with it */
    if (w->result != OK)
        db_run(w->ctx, db_use(c, "ROLLBACK TO one"));
    db_run(w->ctx, db_use(c, "RELEASE one"));
}

/* Is the run that has claimed the database still this one? In the transaction of a batch. */
static int check_claim(struct db *db) {
    const char *run = atomic_load(&db->run);
    if (!run)
        return SQLITE_OK;
    struct db_stmt *q = db_use(db->writer, "SELECT value = ? FROM meta WHERE name = 'run'");
    db_bind_blob(q, run, strlen(run));
    bool found = db_next(q) && db_i64(q);
    int rc = q->failed;
    sqlite3_reset(q->handle);
    sqlite3_clear_bindings(q->handle);
    q->in_use = false;
    if (rc == SQLITE_OK && !found)
        trouble_get_into(
            &db->trouble, TROUBLE_FENCED,
            "another run of Ava has claimed it: this one commits nothing any more and ends");
    return rc != SQLITE_OK ? rc : found ? SQLITE_OK : SQLITE_READONLY;
}

/* Runs the batch in one transaction. Not SQLITE_OK when nothing of it may be acknowledged. */
static int commit_batch(struct db *db, struct write *batch) {
    sqlite3 *handle = db->writer->handle;
    int rc = sqlite3_exec(handle, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc != SQLITE_OK || (rc = check_claim(db)) != SQLITE_OK)
        return rc;
    for (struct write *w = batch; w && !sqlite3_get_autocommit(handle); w = w->next)
        run_one(db->writer, w);
    /* A full disk can end the transaction from inside; a savepoint would begin another one
     * and commit it, while everybody is told that nothing was kept. */
    if (sqlite3_get_autocommit(handle))
        return SQLITE_FULL;
    rc = sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL);
    /* Taken away meanwhile: it may be in a file that nobody finds again. */
    return rc == SQLITE_OK && !trouble_is_none(&db->trouble) ? SQLITE_READONLY : rc;
}

/* May anything be written? A look at the files; notes the trouble when they are not as they were. */
static bool may_write(struct db *db) {
    if (!trouble_is_none(&db->trouble))
        return false;
    if (!files_hold_database(db->writer->handle))
        trouble_get_into(&db->trouble, TROUBLE_DAMAGED,
                         "its first page is not that of a database any more");
    return !trouble_of(&db->trouble);
}

/* All of the batch in one transaction. When it can not be begun or committed nothing of it
 * happened, and everybody in it is told so. */
static void run_batch(struct db *db, struct write *batch, size_t count) {
    struct db_conn *c = db->writer;
    int64_t began = ava_now_us();
    int before = checkpoint_logged(db->checkpoint);
    int rc = may_write(db) ? commit_batch(db, batch) : SQLITE_READONLY;
    if (rc == SQLITE_OK) {
        int after = checkpoint_logged(db->checkpoint);
        for (struct write *w = batch; w; w = w->next) {
            w->pages = after < before ? after : after - before; /* the log may have begun again */
            w->together = count;
        }
        atomic_store(&db->last_commit_ms, ava_now_ms());
        metric_observe_us(METRIC_DB_DURATION, ava_now_us() - began, "commit");
        metric_add(METRIC_DB_BATCH, (int64_t)count);
        return;
    }
    const char *why = sqlite3_errmsg(c->handle);
    if (trouble_is_damage(rc))
        trouble_learn(&db->trouble, rc, why);
    for (struct write *w = batch; w; w = w->next)
        w->result = trouble_of(&db->trouble) ? trouble_refuse(w->ctx, trouble_of(&db->trouble))
                                             : failure(w->ctx, db, rc, "COMMIT", why);
    if (!sqlite3_get_autocommit(c->handle))
        sqlite3_exec(c->handle, "ROLLBACK", NULL, NULL, NULL);
}

/* Under the lock: up to BATCH_MAX of the queue. */
static struct write *take_batch(struct db *db, size_t *count) {
    struct write *batch = db->first, *last = batch;
    *count = 1;
    while (*count < BATCH_MAX && last->next) {
        last = last->next;
        ++*count;
    }
    db->first = last->next;
    if (!db->first)
        db->last = &db->first;
    last->next = NULL;
    return batch;
}

static struct timespec after_us(int64_t us) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = t.tv_nsec + us * 1000;
    t.tv_sec += ns / 1000000000;
    t.tv_nsec = ns % 1000000000;
    return t;
}

/* Under the lock: until there may be something to do. */
static void await_work(struct db *db) {
    int64_t rest_us = db->mirror ? db->mirror->due_us - ava_now_us() : INT64_MAX;
    if (rest_us <= 0)
        return;
    if (!db->mirror) {
        pthread_cond_wait(&db->more, &db->lock);
        return;
    }
    struct timespec until = after_us(rest_us);
    pthread_cond_timedwait(&db->more, &db->lock, &until);
}

static void let_go(struct db *db) {
    mirror_end(db->mirror);
    db->mirror = NULL;
    pthread_cond_broadcast(&db->mirrored);
}

/* The writer thread: takes from the queue, and copies between two batches, until db_close. */
static void *write_on(void *arg) {
    struct db *db = arg;
    pthread_mutex_lock(&db->lock);
    while (!db->ends || db->first) {
        size_t count = 0;
        if (!db->first)
            await_work(db);
        struct write *batch = db->first ? take_batch(db, &count) : NULL;
        struct mirror *mirror = db->mirror;
        pthread_mutex_unlock(&db->lock);
        if (batch)
            run_batch(db, batch, count);
        for (struct write *w = batch, *next; w; w = next) {
            next = w->next; /* gone as soon as its fiber runs */
            fiber_unpark(&w->parking);
        }
        if (batch)
            checkpoint_turn(db->checkpoint);
        bool has_ended = mirror && !mirror_turn(mirror, db->writer->handle);
        pthread_mutex_lock(&db->lock);
        if (has_ended)
            let_go(db);
    }
    if (db->mirror)
        let_go(db);
    pthread_mutex_unlock(&db->lock);
    return NULL;
}

/* Under the lock: until the writer is done with it. */
static void await_mirror(struct db *db, struct mirror *m, const atomic_bool *gives_up) {
    db->mirror = m;
    pthread_cond_signal(&db->more);
    while (db->mirror == m) {
        struct timespec until = after_us(SPREAD_MS * 1000);
        pthread_cond_timedwait(&db->mirrored, &db->lock, &until);
        if (gives_up && atomic_load(gives_up))
            atomic_store(&m->stops, true);
        pthread_mutex_unlock(&db->lock);
        mirror_spread(m);
        pthread_mutex_lock(&db->lock);
    }
}

bool db_mirror(struct db *db, const char *to, const atomic_bool *gives_up, struct arena *a,
               const char **why) {
    struct mirror m;
    pthread_mutex_lock(&db->lock);
    bool is_free = !db->is_mirroring;
    if (is_free)
        db->is_mirroring = true;
    pthread_mutex_unlock(&db->lock);
    if (!is_free) {
        *why = "another backup is being made";
        return false;
    }
    bool good = mirror_open(&m, to);
    pthread_mutex_lock(&db->lock);
    if (good && !db->ends)
        await_mirror(db, &m, gives_up);
    pthread_mutex_unlock(&db->lock);
    good = mirror_close(&m);
    if (!good) {
        *why = arena_printf(a, "cannot copy %s to %s: %s", db->path, to, sqlite3_errstr(m.result));
        unlink(to);
    }
    pthread_mutex_lock(&db->lock);
    db->is_mirroring = false;
    pthread_mutex_unlock(&db->lock);
    return good;
}

/* Queues a write, once its fiber can be woken. */
static void enqueue(void *arg) {
    struct write *w = arg;
    struct db *db = w->ctx->parts->db;
    pthread_mutex_lock(&db->lock);
    *db->last = w;
    db->last = &w->next;
    pthread_cond_signal(&db->more);
    pthread_mutex_unlock(&db->lock);
}

static void wait_for(struct write *w) {
    struct span *span = db_span_begin_write(w->ctx, w->name);
    fiber_parking_init(&w->parking);
    fiber_park(&w->parking, FIBER_NO_DEADLINE, enqueue, w);
    db_span_end_write(span, w->together, w->result);
}

enum err db_write_as(struct ctx *ctx, const char *name, db_fn *fn, void *arg) {
    struct write w = { .ctx = ctx, .name = name, .fn = fn, .arg = arg };
    wait_for(&w);
    return w.result;
}

struct steps {
    db_step_fn *fn;
    void *arg;
    bool more;
};

/* Pages of the file that hold nothing now. */
static int64_t free_pages(struct ctx *ctx, struct db_conn *c) {
    struct db_stmt *q = db_use(c, "PRAGMA freelist_count");
    int64_t count = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q) == OK ? count : 0;
}

static enum err steps_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct steps *s = arg;
    int64_t until_us = ava_now_us() + TURN_US, free_max = free_pages(ctx, tx) + TURN_PAGES;
    do {
        s->more = false;
        TRY(s->fn(ctx, tx, s->arg, &s->more));
    } while (s->more && ava_now_us() < until_us && free_pages(ctx, tx) < free_max);
    return OK;
}

/* Rests after each turn for as long as its pages take at that pace; 0: not at all. */
static enum err write_steps(struct ctx *ctx, struct steps *s, int64_t within_ms, int pages_per_ms,
                            bool *is_done) {
    int64_t until_ms = ava_now_ms() + within_ms;
    do {
        struct write w = { .ctx = ctx, .name = "steps", .fn = steps_write, .arg = s };
        int64_t turn_by_ms = ava_now_ms() + TURN_WAIT_MS;
        if (ctx->deadline_ms < turn_by_ms)
            ctx->deadline_ms = turn_by_ms;
        wait_for(&w);
        TRY(w.result);
        if (pages_per_ms && s->more)
            fiber_sleep(w.pages / pages_per_ms);
    } while (s->more && ava_now_ms() < until_ms);
    *is_done = !s->more;
    return OK;
}

enum err db_write_steps(struct ctx *ctx, db_step_fn *fn, void *arg, int64_t within_ms,
                        bool *is_done) {
    return write_steps(ctx, &(struct steps){ .fn = fn, .arg = arg }, within_ms, 0, is_done);
}

enum err db_write_steps_gently(struct ctx *ctx, db_step_fn *fn, void *arg, int64_t within_ms,
                               bool *is_done) {
    return write_steps(ctx, &(struct steps){ .fn = fn, .arg = arg }, within_ms, GENTLE_PAGES_PER_MS,
                       is_done);
}

/* --- opening and closing --------------------------------------------------------------------- */

enum soundness { SOUND, DAMAGED, NOT_LOOKED_THROUGH };

/* Runs the quick integrity check on a connection of its own. A file that could not be read to its end,
 * for want of memory or of descriptors, is not a damaged one. */
static enum soundness look_through(struct db *db, struct arena *a, const char **why) {
    struct db_conn *c = conn_open(db, false, a, why);
    if (!c)
        return NOT_LOOKED_THROUGH;
    sqlite3_stmt *q = NULL;
    enum soundness found = SOUND;
    int rc = sqlite3_prepare_v2(c->handle, "PRAGMA quick_check(1)", -1, &q, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    const char *said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(q, 0) : NULL;
    if (!said && !trouble_is_damage(rc)) {
        found = NOT_LOOKED_THROUGH;
        *why =
            arena_printf(a, "%s cannot be looked through: %s", db->path, sqlite3_errmsg(c->handle));
    } else if (!said || strcmp(said, "ok") != 0) {
        found = DAMAGED;
        *why = arena_printf(a, "%s is damaged (%s); restore a backup, nothing was changed",
                            db->path, said ? said : sqlite3_errmsg(c->handle));
    }
    sqlite3_finalize(q);
    conn_close(c);
    return found;
}

/* A large file would hold up the start for seconds: it is checked while Ava already works. */
static void *check_beside(void *arg) {
    struct db *db = arg;
    struct arena *a = arena_new(4096);
    const char *why = NULL;
    enum soundness found = look_through(db, a, &why);
    if (found == DAMAGED)
        trouble_get_into(&db->trouble, TROUBLE_DAMAGED, why);
    if (found == NOT_LOOKED_THROUGH)
        log_warn(NULL, "database", L("checked", "no"), L("why", why));
    arena_free(a);
    return NULL;
}

/* Checks the file before it is used; a large one beside the start. */
static bool check(struct db *db, struct arena *a, const char **why) {
    struct stat st;
    if (stat(db->path, &st) != 0 || st.st_size == 0)
        return true;
    if (st.st_size <= CHECK_INLINE_MAX_BYTES)
        return look_through(db, a, why) == SOUND;
    pthread_t thread;
    if (pthread_create(&thread, NULL, check_beside, db) == 0)
        pthread_detach(thread);
    return true;
}

static bool note_files(struct db *db, const char **why) {
    if (files_note(&db->trouble.files, db->writer->handle))
        return true;
    *why = "the database file was moved, removed or replaced while it was opened";
    return false;
}

/* Its two threads: that of the writer, and that which carries the log into the file. */
static bool start_threads(struct db *db, struct arena *a, const char **why) {
    db->checkpoint = checkpoint_start(db->writer->handle, db->path, why);
    if (!db->checkpoint)
        return false;
    int rc = pthread_create(&db->thread, NULL, write_on, db);
    if (rc == 0)
        return true;
    *why = arena_printf(a, "no thread can be started for the database: %s", strerror(rc));
    checkpoint_stop(db->checkpoint);
    return false;
}

struct db *db_open(const struct db_conf *conf, struct arena *a, const char **why) {
    struct db *db = memory_zeroed(1, sizeof *db);
    pthread_condattr_t clock;
    locks_begin();
    db->conf = *conf;
    db->path = strdup(conf->path);
    db->last = &db->first;
    atomic_init(&db->last_commit_ms, INT64_MIN / 2);
    trouble_init(&db->trouble, db->path);
    pthread_mutex_init(&db->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&db->more, &clock);
    pthread_cond_init(&db->mirrored, &clock);
    pthread_condattr_destroy(&clock);
    pthread_key_create(&db->reader_key, NULL);
    db->writer = conn_open(db, true, a, why);
    if (!db->writer || !check(db, a, why) ||
        !sqlite_migrate(db->writer, conf->keeps_schema, a, &db->schema, why) ||
        !note_files(db, why) || !start_threads(db, a, why)) {
        conn_close(db->writer);
        files_forget(&db->trouble.files);
        free(db->path);
        free(db);
        return NULL;
    }
    return db;
}

void db_close(struct db *db) {
    if (!db)
        return;
    pthread_mutex_lock(&db->lock);
    db->ends = true;
    pthread_cond_signal(&db->more);
    pthread_mutex_unlock(&db->lock);
    pthread_join(db->thread, NULL);
    checkpoint_stop(db->checkpoint);
    for (struct db_conn *c = db->readers, *next; c; c = next) {
        next = c->next;
        conn_close(c);
    }
    /* In trouble, what is on disk is left as it is: the files at these paths may be others'. */
    if (!trouble_is_none(&db->trouble))
        sqlite3_db_config(db->writer->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    else
        sqlite3_wal_checkpoint_v2(db->writer->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    conn_close(db->writer);
    files_forget(&db->trouble.files);
    pthread_key_delete(db->reader_key);
    pthread_mutex_destroy(&db->lock);
    pthread_cond_destroy(&db->more);
    free(db->path);
    free(db);
}

/* --- claims and probes ----------------------------------------------------------------------- */

static enum err claim(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct db_stmt *q = db_use(tx, "INSERT INTO meta (name, value) VALUES ('run', ?)"
                                   " ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    db_bind_blob(q, arg, strlen(arg));
    return db_run(ctx, q);
}

enum err db_claim(struct ctx *ctx, const char *run_id) {
    TRY(db_write(ctx, claim, (void *)run_id));
    atomic_store(&ctx->parts->db->run, run_id);
    return OK;
}

bool db_is_fenced(struct db *db) {
    return trouble_of(&db->trouble) == TROUBLE_FENCED;
}

/* The write of a probe, as large as a webhook. */
static enum err touch(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct db_stmt *q = db_use(tx, "INSERT INTO meta (name, value) VALUES ('probe', ?)"
                                   " ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    unsigned char content[PROBE_BYTES] = { 0 };
    int64_t now = ava_wall_ms();
    memcpy(content, &now, sizeof now);
    db_bind_blob(q, content, sizeof content);
    return db_run(ctx, q);
}

enum err db_write_probe(struct ctx *ctx, int64_t max_age_ms) {
    struct db *db = ctx->parts->db;
    int64_t now = ava_now_ms();
    if (!trouble_is_none(&db->trouble))
        return trouble_refuse(ctx, trouble_of(&db->trouble));
    /* Small writes still fit where larger ones are refused: a commit proves nothing against that. */
    if (now - atomic_load(&db->trouble.last_refusal_ms) <= max_age_ms)
        return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE, "The disk took nothing a moment ago.");
    if (now - atomic_load(&db->last_commit_ms) <= max_age_ms)
        return OK;
    return db_write(ctx, touch, NULL);
}

int64_t db_wal_bytes(struct db *db) {
    struct stat st;
    char path[4096];
    snprintf(path, sizeof path, "%s-wal", db->path);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

int64_t db_commit_age_ms(struct db *db) {
    return ava_now_ms() - atomic_load(&db->last_commit_ms);
}

int64_t db_file_bytes(struct db *db) {
    struct stat st;
    return stat(db->path, &st) == 0 ? st.st_size : 0;
}

int db_schema_version(struct db *db) {
    return db->schema;
}

const char *db_about(struct db *db, struct arena *a) {
    return arena_printf(a, "SQLite %s, schema %d", sqlite3_libversion(), db->schema);
}

struct db *db_of(struct db_conn *c) {
    return c->db;
}

snapshot_hash_fn *sqlite_hash(struct db_conn *c) {
    return c->db->conf.hash;
}

void db_hash(struct db_conn *c, unsigned char out[32], struct str bytes) {
    c->db->conf.hash(out, bytes);
}
