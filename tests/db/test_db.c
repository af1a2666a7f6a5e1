#include "test.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/id.h"
#include "db/migrate.h"
#include "db/temp.h"
#include "store/sealed.h"

static enum err put(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return meta_put(ctx, tx, arg, str_of(arg));
}

static enum err put_and_fail(struct ctx *ctx, struct db_conn *tx, void *arg) {
    TRY(meta_put(ctx, tx, arg, str_of(arg)));
    return ctx_fail(ctx, ERR_INVALID, "on purpose");
}

static enum err put_large(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return meta_put(ctx, tx, "large", str_of(arg));
}

static bool is_there(struct temp *t, const char *name) {
    struct str value;
    CHECK_INT(meta_get(&t->ctx, db_reader(&t->ctx), name, &value), OK);
    return value.ptr && str_is(value, name);
}

TEST(what_was_committed_is_seen_by_the_reader_and_after_opening_again) {
    struct temp t;
    temp_open(&t);
    CHECK(!is_there(&t, "a"));
    CHECK_INT(db_write(&t.ctx, put, (void *)"a"), OK);
    CHECK(is_there(&t, "a"));
    db_close(t.parts.db);
    CHECK(temp_reopen(&t));
    CHECK(is_there(&t, "a"));
    CHECK_INT(db_schema_version(t.parts.db), migrations_count);
    temp_close(&t);
}

TEST(a_write_that_fails_leaves_no_trace_and_says_why) {
    struct temp t;
    temp_open(&t);
    CHECK_INT(db_write(&t.ctx, put_and_fail, (void *)"a"), ERR_INVALID);
    CHECK_TEXT(t.ctx.problem.detail, "on purpose");
    CHECK(!is_there(&t, "a"));
    CHECK_INT(db_write(&t.ctx, put, (void *)"b"), OK);
    CHECK(is_there(&t, "b"));
    temp_close(&t);
}

/* Makes a verdict of what it believes was nobody's row. */
static enum err misjudge(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct db_stmt *q = db_use(tx, "INSERT INTO leases (name, owner, token, until_at)"
                                   " VALUES (?, NULL, 1, 0)");
    db_bind_text(q, arg);
    TRY(db_run(ctx, q));
    return db_changes(tx) == 0 ? ctx_fail(ctx, ERR_NOT_FOUND, "nobody's") : OK;
}

/* PostgreSQL tells of a statement's failure once something is read: until then it has changed nothing. */
TEST(what_a_function_makes_of_a_statement_that_failed_is_no_verdict) {
    struct temp t;
    temp_open(&t);
    t.may_be_refused = true;
    CHECK_INT(db_write(&t.ctx, misjudge, (void *)"a"), ERR_INTERNAL);
    CHECK_INT(db_write_beside(&t.ctx, misjudge, (void *)"a"), ERR_INTERNAL);
    temp_close(&t);
}

/* 180 MB through a log that is carried over as it grows: it begins again from its start. */
TEST(the_log_does_not_grow_without_end_while_writes_go_on) {
    enum { VALUE_BYTES = 100000, VALUES = 1800, LOG_BYTES_MAX = 140 << 20 };
    struct temp t;
    struct stat st;
    char path[128], *value;
    struct str kept;
    temp_sqlite_only("about the log beside the file");
    temp_open(&t);
    value = arena_alloc(t.arena, VALUE_BYTES);
    for (int i = 0; i < VALUES; i++) {
        memset(value, 'a' + i % 26, VALUE_BYTES - 1);
        CHECK_INT(db_write(&t.ctx, put_large, value), OK);
    }
    snprintf(path, sizeof path, "%s-wal", t.path);
    CHECK(stat(path, &st) == 0 && st.st_size < LOG_BYTES_MAX);
    db_close(t.parts.db);
    CHECK(temp_reopen(&t));
    CHECK_INT(meta_get(&t.ctx, db_reader(&t.ctx), "large", &kept), OK);
    CHECK(str_is(kept, value));
    temp_close(&t);
}

TEST(the_log_gets_smaller_again_once_a_long_reader_is_gone) {
    enum { VALUE_BYTES = 100000, VALUES = 1300, LONG_BYTES = 120 << 20, SHORT_BYTES = 80 << 20 };
    enum { PATIENCE_MS = 60000 }; /* a checkpoint of all of it takes as long as the disk does */
    struct temp t;
    char *value;
    sqlite3 *reader = NULL;
    temp_sqlite_only("about the log beside the file");
    temp_open(&t);
    value = arena_alloc(t.arena, VALUE_BYTES);
    memset(value, 'a', VALUE_BYTES - 1);
    CHECK_INT(db_write(&t.ctx, put_large, value), OK);
    CHECK_INT(sqlite3_open(t.path, &reader), SQLITE_OK);
    CHECK_INT(sqlite3_exec(reader, "BEGIN; SELECT COUNT(*) FROM meta", NULL, NULL, NULL),
              SQLITE_OK);
    for (int i = 0; i < VALUES; i++) {
        memset(value, 'a' + i % 26, VALUE_BYTES - 1);
        CHECK_INT(db_write(&t.ctx, put_large, value), OK);
    }
    CHECK(db_wal_bytes(t.parts.db) > LONG_BYTES);
    CHECK_INT(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    t.ctx.deadline_ms = ava_now_ms() + PATIENCE_MS;
    while (ava_now_ms() < t.ctx.deadline_ms && db_wal_bytes(t.parts.db) >= SHORT_BYTES)
        CHECK_INT(db_write(&t.ctx, put, id_make("row").text), OK);
    CHECK(db_wal_bytes(t.parts.db) < SHORT_BYTES);
    sqlite3_close(reader);
    temp_close(&t);
}

enum { THREADS = 16, WRITES = 50 };

struct crowd {
    struct temp *t;
    int number;
    atomic_int *acknowledged, *wrong;
};

static void *write_many(void *arg) {
    struct crowd *c = arg;
    for (int i = 0; i < WRITES; i++) {
        struct arena *a = arena_new(1 << 20);
        struct ctx ctx;
        ctx_init(&ctx, &c->t->parts, a, 60000);
        bool fails = i % 5 == 4;
        char *name = arena_printf(a, "%s-%d-%d", fails ? "bad" : "good", c->number, i);
        enum err e = db_write(&ctx, fails ? put_and_fail : put, name);
        atomic_fetch_add(c->acknowledged, e == OK);
        atomic_fetch_add(c->wrong, e != (fails ? ERR_INVALID : OK));
        arena_free(a);
    }
    return NULL;
}

TEST(writers_of_many_threads_share_commits_and_one_that_fails_takes_no_other_with_it) {
    struct temp t;
    temp_open(&t);
    atomic_int acknowledged = 0, wrong = 0;
    pthread_t threads[THREADS];
    struct crowd crowd[THREADS];
    for (int i = 0; i < THREADS; i++) {
        crowd[i] = (struct crowd){ &t, i, &acknowledged, &wrong };
        pthread_create(&threads[i], NULL, write_many, &crowd[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(wrong, 0);
    CHECK_INT(acknowledged, THREADS * WRITES * 4 / 5);
    db_close(t.parts.db);
    CHECK(temp_reopen(&t));
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM meta WHERE name LIKE 'good-%'"), "640");
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM meta WHERE name LIKE 'bad-%'"), "0");
    temp_close(&t);
}

/* The writer is held here, so that the others queue up and share one transaction. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_inside, may_go;
};

static enum err hold(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct gate *g = arg;
    pthread_mutex_lock(&g->lock);
    g->is_inside = true;
    pthread_cond_broadcast(&g->changed);
    while (!g->may_go)
        pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
    return OK;
}

struct single {
    struct temp *t;
    db_fn *fn;
    void *arg;
    int64_t budget_ms;
    enum err result;
    struct arena *arena;
    struct ctx ctx;
    pthread_t thread;
};

static void *write_one(void *arg) {
    struct single *s = arg;
    s->arena = arena_new(1 << 20);
    ctx_init(&s->ctx, &s->t->parts, s->arena, s->budget_ms);
    s->result = db_write(&s->ctx, s->fn, s->arg);
    return NULL;
}

static void single_start(struct single *s, struct temp *t, db_fn *fn, void *arg, int64_t ms) {
    *s = (struct single){ .t = t, .fn = fn, .arg = arg, .budget_ms = ms };
    pthread_create(&s->thread, NULL, write_one, s);
}

static enum err single_end(struct single *s) {
    pthread_join(s->thread, NULL);
    arena_free(s->arena);
    return s->result;
}

static enum err never(struct ctx *ctx, struct db_conn *tx, void *arg) {
    ++*(int *)arg;
    return OK;
}

static void gate_wait(struct gate *g) {
    pthread_mutex_lock(&g->lock);
    while (!g->is_inside)
        pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void gate_open(struct gate *g) {
    pthread_mutex_lock(&g->lock);
    g->may_go = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

#define GATE \
    { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER }

TEST(a_write_whose_deadline_is_over_when_its_turn_comes_is_refused) {
    struct temp t;
    struct gate g = GATE;
    struct single first, late, patient;
    temp_open(&t);
    single_start(&first, &t, hold, &g, 60000);
    gate_wait(&g);
    single_start(&late, &t, put, (void *)"late", 0);
    single_start(&patient, &t, put, (void *)"patient", 60000);
    gate_open(&g);
    CHECK_INT(single_end(&first), OK);
    pthread_join(late.thread, NULL);
    CHECK_INT(late.result, ERR_STORAGE_UNAVAILABLE);
    CHECK(late.ctx.problem.retry_after_s > 0);
    arena_free(late.arena);
    CHECK_INT(single_end(&patient), OK);
    CHECK(!is_there(&t, "late") && is_there(&t, "patient"));
    temp_close(&t);
}

/* What SQLite does by itself when the disk is full: the whole transaction is gone. */
static enum err lose_transaction(struct ctx *ctx, struct db_conn *tx, void *arg) {
    db_run(ctx, db_use(tx, "ROLLBACK"));
    return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE, "the disk is full");
}

static enum err hold_then_lose(struct ctx *ctx, struct db_conn *tx, void *arg) {
    TRY(hold(ctx, tx, arg));
    return lose_transaction(ctx, tx, NULL);
}

TEST(when_the_transaction_is_lost_nobody_of_the_batch_is_told_a_wrong_thing) {
    struct temp t;
    struct gate g = GATE, g2 = GATE;
    struct single first, loser, others[8];
    static const char *const NAMES[8] = { "1", "2", "3", "4", "5", "6", "7", "8" };
    temp_sqlite_only("about a transaction that SQLite ends by itself");
    temp_open(&t);
    single_start(&first, &t, hold, &g, 60000);
    gate_wait(&g);
    single_start(&loser, &t, hold_then_lose, &g2, 60000);
    for (int i = 0; i < 8; i++)
        single_start(&others[i], &t, put, (void *)NAMES[i], 60000);
    gate_open(&g);
    gate_open(&g2);
    CHECK_INT(single_end(&first), OK);
    CHECK_INT(single_end(&loser), ERR_STORAGE_UNAVAILABLE);
    for (int i = 0; i < 8; i++) {
        enum err e = single_end(&others[i]);
        CHECK(is_there(&t, NAMES[i]) == (e == OK));
    }
    CHECK_INT(db_write(&t.ctx, put, (void *)"after"), OK);
    temp_close(&t);
}

TEST(sealed_columns_take_no_plain_text) {
    static const struct {
        const char *before, *after;
    } ROWS[] = {
        { "INSERT INTO credentials VALUES ('c','w','vapi',1,", ",'{}',0,0,0)" },
        { "INSERT INTO webhook_endpoints VALUES ('e','w','twilio',zeroblob(32),",
          ",0,NULL,0,0,0)" },
        { "INSERT INTO event_bodies VALUES ('e','w',", ")" },
        { "INSERT INTO events VALUES "
          "('f','w','twilio','voice','CA1',X'02','received',0,'c',0,0,0,0,"
          "NULL,NULL,NULL,",
          ",NULL)" },
        { "INSERT INTO workspace_keys VALUES ('w',1,'k1',zeroblob(16),", ",0,NULL,1)" },
        { "INSERT INTO users VALUES ('u','a@b.c','a@b.c',NULL,", ",0,0,'w',0,0)" },
    };
    static const char *const PLAIN[] = {
        "'a plain secret that is long enough to pass for one, surely it is'",
        "CAST('a plain secret that is long enough to pass for one, surely' AS BLOB)",
        "CAST(X'A102' || zeroblob(60) AS BLOB)",
        "CAST(X'A101' || zeroblob(20) AS BLOB)",
        "CAST(X'A201' || zeroblob(60) AS BLOB)",
    };
    struct temp t;
    temp_open(&t);
    CHECK(temp_script(&t,
                      "INSERT INTO workspaces VALUES ('w','W','',0,0,1,0);"
                      "INSERT INTO events VALUES ('e','w','twilio','voice','CA1',X'01','received',"
                      "0,'c',0,0,0,0,NULL,NULL,NULL,NULL,NULL)"));
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        for (size_t k = 0; k < ARRAY_LEN(PLAIN); k++) {
            const char *said = temp_sql(
                &t, arena_printf(t.arena, "%s%s%s", ROWS[i].before, PLAIN[k], ROWS[i].after));
            if (!strstr(said, "error: "))
                print_error("taken: %s%s\n", ROWS[i].before, PLAIN[k]);
            CHECK(strstr(said, "CHECK constraint failed") || strstr(said, "cannot store") ||
                  strstr(said, "violates check constraint"));
        }
    }
    for (size_t i = 0; i < 3; i++)
        CHECK_TEXT(temp_sql(&t, arena_printf(t.arena, "%sCAST(X'A101' || zeroblob(60) AS BLOB)%s",
                                             ROWS[i].before, ROWS[i].after)),
                   "");
    temp_close(&t);
}

TEST(the_file_is_in_wal_mode_with_foreign_keys) {
    struct temp t;
    temp_sqlite_only("about the file");
    temp_open(&t);
    CHECK_TEXT(temp_sql(&t, "PRAGMA journal_mode"), "wal");
    CHECK_INT(db_write(&t.ctx, put, (void *)"a"), OK);
    CHECK(strncmp(db_about(t.parts.db, t.arena), "SQLite 3.", 9) == 0);
    temp_close(&t);
}

TEST(the_write_probe_is_a_write_only_when_the_last_one_is_old) {
    struct temp t;
    temp_open(&t);
    CHECK_INT(db_write_probe(&t.ctx, 60000), OK);
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM meta WHERE name = 'probe'"), "1");
    CHECK(temp_script(&t, "DELETE FROM meta"));
    CHECK_INT(db_write_probe(&t.ctx, 60000), OK);
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM meta WHERE name = 'probe'"), "0");
    temp_close(&t);
}

TEST(a_damaged_file_is_not_opened) {
    struct temp t;
    const char *why = NULL;
    temp_sqlite_only("about the file");
    temp_open(&t);
    for (int i = 0; i < 200; i++)
        CHECK_INT(db_write(&t.ctx, put, arena_printf(t.arena, "row %d of some length", i)), OK);
    db_close(t.parts.db);
    FILE *f = fopen(t.path, "r+b");
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    for (long at = 4096; at < size; at += 4096) {
        fseek(f, at, SEEK_SET);
        for (int i = 0; i < 200; i++)
            fputc(0x55, f);
    }
    fclose(f);
    struct db_conf conf = temp_conf(&t);
    t.parts.db = db_open(&conf, t.arena, &why);
    CHECK(t.parts.db == NULL);
    CHECK(why && why[0]);
    unlink(t.path);
    CHECK(temp_reopen(&t));
    temp_close(&t);
}

/* How many descriptors of this process lead to the file. */
static int open_times(const char *path) {
    char link[300], to[300];
    int count = 0;
    for (int fd = 0; fd < 200; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, to, sizeof to - 1);
        to[n > 0 ? n : 0] = 0;
        count += strcmp(to, path) == 0;
    }
    return count;
}

TEST(who_closes_a_large_file_at_once_leaves_nobody_who_looks_through_it) {
    struct temp t;
    temp_open(&t);
    db_close(t.parts.db);
    CHECK_TEXT(temp_all(&t, "CREATE TABLE large (id INTEGER PRIMARY KEY, t TEXT);"
                            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
                            "i < 400000) INSERT INTO large SELECT i, hex(randomblob(90)) FROM n"),
               "");
    for (int i = 0; i < 3; i++) {
        int64_t began_ms = ava_now_ms();
        CHECK(temp_reopen(&t));
        db_close(t.parts.db);
        CHECK_INT(open_times(t.path), 0);
        CHECK(ava_now_ms() - began_ms < 5000);
    }
    CHECK(temp_reopen(&t));
    temp_close(&t);
}

/* Another program has the file: the writer waits for it, and not the one whose time is over. */
TEST(who_may_not_wait_any_longer_leaves_the_queue_and_is_never_done) {
    struct temp t;
    struct single other;
    sqlite3 *holder;
    int runs = 0, runs_other = 0;
    temp_sqlite_only(
        "about a lock of the file; peers postgres: who cannot begin in time has not run");
    temp_open(&t);
    CHECK_INT(sqlite3_open(t.path, &holder), SQLITE_OK);
    CHECK_INT(sqlite3_exec(holder, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    single_start(&other, &t, never, &runs_other, 60000);
    int64_t began_ms = ava_now_ms();
    t.ctx.deadline_ms = began_ms + 100;
    CHECK_INT(db_write(&t.ctx, never, &runs), ERR_STORAGE_UNAVAILABLE);
    CHECK(ava_now_ms() - began_ms >= 100 && ava_now_ms() - began_ms < 4000);
    CHECK_INT(sqlite3_exec(holder, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    CHECK_INT(single_end(&other), OK);
    ctx_clear(&t.ctx);
    t.ctx.deadline_ms = ava_now_ms() + 60000;
    CHECK_INT(db_write(&t.ctx, put, (void *)"after"), OK);
    CHECK_INT(runs, 0);
    CHECK_INT(runs_other, 1);
    sqlite3_close(holder);
    temp_close(&t);
}
