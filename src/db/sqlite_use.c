#include "db/sqlite.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/memory.h"
#include "obs/log.h"
#include "obs/metrics.h"

enum {
    BUSY_MS = 5000,
};

/* --- connections ----------------------------------------------------------------------------- */

static struct sqlite_conn *conn_of(struct db_conn *c) {
    return (struct sqlite_conn *)c;
}

static struct sqlite_stmt *stmt_of(struct db_stmt *q) {
    return (struct sqlite_stmt *)q;
}

enum err sqlite_exec(struct db_conn *c, const char *sql) {
    return sqlite3_exec(conn_of(c)->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : ERR_INTERNAL;
}

const char *sqlite_error(struct db_conn *c) {
    return sqlite3_errmsg(conn_of(c)->handle);
}

struct sqlite_conn *sqlite_conn_open(struct sqlite *db, bool writes, struct arena *a,
                                     const char **why) {
    struct sqlite_conn *c = memory_zeroed(1, sizeof *c);
    c->base.db = &db->base;
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
        e = sqlite_exec(&c->base,
                        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                        "PRAGMA foreign_keys = ON; PRAGMA cache_size = -4096;"
                        "PRAGMA secure_delete = ON;"
                        "PRAGMA journal_size_limit = 67108864;" /* of a log that began again */
                        "PRAGMA trusted_schema = OFF");
    else
        e = sqlite_exec(&c->base, "PRAGMA query_only = ON; PRAGMA cache_size = -1024;"
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

static void finalize(struct sqlite_stmt *q) {
    sqlite3_finalize(q->handle);
#ifdef AVA_DB_YIELDS
    for (struct sqlite_stmt *t = q->twin, *next; t; t = next) {
        next = t->twin;
        sqlite3_finalize(t->handle);
        free(t);
    }
#endif
}

void sqlite_conn_close(struct sqlite_conn *c) {
    if (!c)
        return;
    for (size_t i = 0; i < SQLITE_STATEMENTS_MAX; i++)
        finalize(&c->statements[i]);
    sqlite3_close_v2(c->handle);
    free(c);
}

/* What a reader gets for which no connection can be opened: every use of it fails as one of a file
 * that cannot be read does. One for each thread. */
static struct sqlite_conn *no_reader(struct sqlite *db, const char *why) {
    static __thread struct sqlite_conn none;
    log_error(NULL, "db_reader", L("why", why));
    none.base.db = &db->base;
    none.db = db;
    return &none;
}

static struct sqlite_conn *reader_of(struct sqlite *db) {
    struct sqlite_conn *c = pthread_getspecific(db->reader_key);
    if (c)
        return c;
    struct arena *a = arena_new(4096);
    const char *why = NULL;
    c = sqlite_conn_open(db, false, a, &why);
    if (!c)
        c = no_reader(db, why);
    arena_free(a);
    if (!c->handle)
        return c;
    pthread_mutex_lock(&db->writes.lock);
    c->next = db->readers;
    db->readers = c;
    pthread_mutex_unlock(&db->writes.lock);
    pthread_setspecific(db->reader_key, c);
    return c;
}

void sqlite_reader_open(struct db *db) {
    reader_of(sqlite_of(db));
}

struct db_conn *sqlite_reader(struct ctx *ctx) {
    return &reader_of(sqlite_of(ctx->parts->db))->base;
}

/* --- statements ------------------------------------------------------------------------------ */

/* Prepares the statement; the first failure of its use says when it cannot be. */
static void prepare(struct sqlite_conn *c, struct sqlite_stmt *q) {
    q->failed = SQLITE_CANTOPEN;
    if (c->handle)
        q->failed =
            sqlite3_prepare_v3(c->handle, q->sql, -1, SQLITE_PREPARE_PERSISTENT, &q->handle, NULL);
}

#ifdef AVA_DB_YIELDS
static void post(void *fiber) {
    fiber_post(fiber);
}

/* In this build a read is no longer one turn of the loop: before its first row every other fiber that can run does, as
 * it would while an answer is on its way over a network. Whoever reads on the loop's own stack would hold up everybody
 * there, and is told so. */
static void let_others_go_first(struct sqlite_stmt *q) {
    if (q->is_begun || q->conn == q->conn->db->writer)
        return;
    q->is_begun = true;
    if (fiber_is_loop()) {
        fprintf(stderr, "read on the loop's own stack: %s\n", q->sql);
        abort();
    }
    if (fiber_self())
        fiber_yield(post, fiber_self());
}

static struct sqlite_stmt *free_one(struct sqlite_stmt *q) {
    for (; q->in_use; q = q->twin)
        if (!q->twin) {
            q->twin = memory_zeroed(1, sizeof *q);
            *q->twin = (struct sqlite_stmt){ .base = q->base, .sql = q->sql, .conn = q->conn };
            memcpy(q->twin->name, q->name, sizeof q->name);
        }
    q->is_begun = false;
    return q;
}
#else
static void let_others_go_first(struct sqlite_stmt *q) {}

static struct sqlite_stmt *free_one(struct sqlite_stmt *q) {
    assert(!q->in_use);
    return q;
}
#endif

static struct sqlite_stmt *begin(struct sqlite_conn *c, struct sqlite_stmt *q) {
    q->in_use = true;
    q->bound = q->column = 0;
    q->failed = SQLITE_OK;
    q->began_us = ava_now_us();
    if (!q->handle)
        prepare(c, q);
    return q;
}

/* Statements are found by the address of their literal, and prepared once per connection. One that
 * cannot be prepared, for want of memory or of a file that can be read, fails when it is done. */
struct db_stmt *sqlite_use(struct db_conn *of, const char *sql) {
    struct sqlite_conn *c = conn_of(of);
    size_t at = ((uintptr_t)sql >> 3) * 0x9E3779B97F4A7C15u >> 40;
    for (size_t n = 0;; n++, at++) {
        assert(n <
               SQLITE_STATEMENTS_MAX); /* more literals than places: raise SQLITE_STATEMENTS_MAX */
        struct sqlite_stmt *q = &c->statements[at % SQLITE_STATEMENTS_MAX];
        if (!q->sql) {
            q->base.kind = of->db->kind;
            q->sql = sql;
            q->conn = c;
            db_span_name(sql, q->name);
        }
        if (q->sql == sql)
            return &begin(c, free_one(q))->base;
    }
}

/* True when a value may be bound. */
static bool can_bind(const struct sqlite_stmt *q) {
    return q->failed == SQLITE_OK;
}

/* The first failure of a use is the one that db_done reports. */
static void keep_failure(struct sqlite_stmt *q, int rc) {
    if (q->failed == SQLITE_OK && rc != SQLITE_OK)
        q->failed = rc;
}

void sqlite_bind_str(struct db_stmt *use, struct str s) {
    struct sqlite_stmt *q = stmt_of(use);
    if (can_bind(q))
        keep_failure(q, sqlite3_bind_text64(q->handle, ++q->bound, s.ptr ? s.ptr : "", s.len,
                                            SQLITE_TRANSIENT, SQLITE_UTF8));
}

void sqlite_bind_i64(struct db_stmt *use, int64_t value) {
    struct sqlite_stmt *q = stmt_of(use);
    if (can_bind(q))
        keep_failure(q, sqlite3_bind_int64(q->handle, ++q->bound, value));
}

void sqlite_bind_blob(struct db_stmt *use, const void *bytes, size_t len) {
    struct sqlite_stmt *q = stmt_of(use);
    if (can_bind(q))
        keep_failure(
            q, sqlite3_bind_blob64(q->handle, ++q->bound, len ? bytes : "", len, SQLITE_TRANSIENT));
}

void sqlite_bind_null(struct db_stmt *use, enum db_value type) {
    struct sqlite_stmt *q = stmt_of(use);
    if (can_bind(q))
        keep_failure(q, sqlite3_bind_null(q->handle, ++q->bound));
}

bool sqlite_next(struct db_stmt *use) {
    struct sqlite_stmt *q = stmt_of(use);
    if (q->failed != SQLITE_OK)
        return false;
    q->column = 0;
    let_others_go_first(q);
    int rc = sqlite3_step(q->handle);
    if (rc == SQLITE_ROW)
        return true;
    keep_failure(q, rc == SQLITE_DONE ? SQLITE_OK : rc);
    return false;
}

static const char LOST[] = "";

/* The text of the column; NULL for NULL. One that there was no memory for is empty, and db_done says so:
 * taken for NULL it would be another row. SQLite makes such a column NULL, so its type is asked for before. */
static const char *text_at(struct sqlite_stmt *q, int i) {
    bool is_null = sqlite3_column_type(q->handle, i) == SQLITE_NULL;
    const char *text = (const char *)sqlite3_column_text(q->handle, i);
    if (text || is_null)
        return text;
    keep_failure(q, SQLITE_NOMEM);
    return LOST;
}

bool sqlite_is_null(struct db_stmt *use) {
    struct sqlite_stmt *q = stmt_of(use);
    return sqlite3_column_type(q->handle, q->column) == SQLITE_NULL;
}

const char *sqlite_text(struct db_stmt *use, struct arena *a) {
    struct sqlite_stmt *q = stmt_of(use);
    int i = q->column++;
    const char *text = text_at(q, i);
    if (!text || text == LOST)
        return text;
    return arena_strndup(a, text, (size_t)sqlite3_column_bytes(q->handle, i));
}

int64_t sqlite_i64(struct db_stmt *use) {
    struct sqlite_stmt *q = stmt_of(use);
    return sqlite3_column_int64(q->handle, q->column++);
}

struct str sqlite_blob(struct db_stmt *use, struct arena *a) {
    struct sqlite_stmt *q = stmt_of(use);
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

void sqlite_copy(struct db_stmt *use, char *to, size_t room) {
    struct sqlite_stmt *q = stmt_of(use);
    int i = q->column++;
    str_copy(to, room, str_of(text_at(q, i)));
}

enum err sqlite_failure(struct ctx *ctx, struct sqlite *db, int rc, const char *sql,
                        const char *why) {
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

int sqlite_drop(struct db_stmt *use) {
    struct sqlite_stmt *q = stmt_of(use);
    if (q->handle) {
        sqlite3_reset(q->handle);
        sqlite3_clear_bindings(q->handle);
    }
    q->in_use = false;
    return q->failed;
}

enum err sqlite_done(struct ctx *ctx, struct db_stmt *use) {
    struct sqlite_stmt *q = stmt_of(use);
    enum err e = OK;
    if (q->failed != SQLITE_OK)
        e = sqlite_failure(ctx, q->conn->db, q->failed, q->sql,
                           q->conn->handle ? sqlite3_errmsg(q->conn->handle)
                                           : "there is no connection");
    sqlite_drop(use);
    if (q->handle && q->conn != q->conn->db->writer) {
        metric_observe_us(METRIC_DB_DURATION, ava_now_us() - q->began_us, q->name);
        if (ctx->spans)
            db_span_read(ctx, q->name, q->began_us, e);
    }
    return e;
}

enum err sqlite_run(struct ctx *ctx, struct db_stmt *q) {
    sqlite_next(q);
    return sqlite_done(ctx, q);
}

int64_t sqlite_changes(struct db_conn *tx) {
    return sqlite3_changes64(conn_of(tx)->handle);
}
