#include "test.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/defs.h"
#include "db/temp.h"
#include "store/sealed.h"

TEMP_SQLITE_ONLY("about copies of SQLite's file")

enum { WRITERS = 4, LARGE = 500, LARGE_BYTES = 100000 };

static char large[LARGE_BYTES];

static enum err put_large(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return meta_put(ctx, tx, arg, (struct str){ large, sizeof large });
}

/* The same number at both ends of the table, in one transaction. */
struct pair {
    int thread, number;
};

static enum err put_pair(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct pair *p = arg;
    struct str value = str_of(arena_printf(ctx->arena, "%06d", p->number));
    TRY(meta_put(ctx, tx, arena_printf(ctx->arena, "a%d", p->thread), value));
    TRY(meta_put(ctx, tx, arena_printf(ctx->arena, "row-%d-%06d", p->thread, p->number), value));
    return meta_put(ctx, tx, arena_printf(ctx->arena, "z%d", p->thread), value);
}

static enum err put_pair_and_fail(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct pair wrong = { ((struct pair *)arg)->thread, 999999 };
    TRY(put_pair(ctx, tx, &wrong));
    return ctx_fail(ctx, ERR_INVALID, "on purpose");
}

struct work {
    struct temp *t;
    int thread;
    atomic_int done;
    const atomic_bool *ends;
    pthread_t id;
};

static void *write_pairs(void *arg) {
    struct work *w = arg;
    for (int i = 1; !atomic_load(w->ends); i++) {
        struct arena *a = arena_new(1 << 20);
        struct ctx ctx;
        struct pair p = { w->thread, i };
        ctx_init(&ctx, &w->t->parts, a, 60000);
        db_write(&ctx, put_pair_and_fail, &p);
        if (db_write(&ctx, put_pair, &p) == OK)
            atomic_store(&w->done, i);
        arena_free(a);
    }
    return NULL;
}

struct range {
    int from, until;
};

static enum err put_range(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct range *r = arg;
    for (int i = r->from; i < r->until; i++)
        TRY(put_large(ctx, tx, arena_printf(ctx->arena, "m%04d", i)));
    return OK;
}

static void fill(struct temp *t) {
    memset(large, 'x', sizeof large);
    for (int i = 0; i < LARGE; i += 50) {
        struct range r = { i, i + 50 };
        CHECK_INT(db_write(&t->ctx, put_range, &r), OK);
    }
}

static int64_t ask(sqlite3 *db, const char *sql) {
    sqlite3_stmt *q = NULL;
    CHECK_INT(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_step(q), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return n;
}

static sqlite3 *open_copy(const char *path) {
    sqlite3 *db = NULL;
    CHECK_INT(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    CHECK_INT(ask(db, "SELECT COUNT(*) FROM pragma_quick_check WHERE quick_check <> 'ok'"), 0);
    CHECK_INT(ask(db, "SELECT COUNT(*) FROM pragma_journal_mode WHERE journal_mode = 'delete'"), 1);
    return db;
}

/* Until nobody reads and no other checkpoint is at it, for which SQLite does not wait. */
static void begin_log_again(sqlite3 *db) {
    int64_t until_ms = ava_now_ms() + 60000;
    int rc;
    do
        rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    while (rc == SQLITE_BUSY && ava_now_ms() < until_ms);
    CHECK_INT(rc, SQLITE_OK);
}

/* Another process's connection, the log being carried over already: what it does next takes no time. */
static sqlite3 *open_other(struct temp *t) {
    sqlite3 *db = NULL;
    CHECK_INT(sqlite3_open(t->path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 60000);
    ask(db, "SELECT COUNT(*) FROM meta"); /* opens the log */
    begin_log_again(db);
    return db;
}

static const char *copy_path(struct temp *t) {
    return arena_join(t->arena, t->path, ".copy");
}

TEST(a_copy_made_beside_writers_has_whole_transactions_and_none_that_failed) {
    struct temp t;
    const char *why = "", *to;
    atomic_bool ends = false;
    struct work work[WRITERS];
    int before[WRITERS];
    temp_open(&t);
    fill(&t);
    to = copy_path(&t);
    for (int i = 0; i < WRITERS; i++) {
        work[i] = (struct work){ .t = &t, .thread = i, .ends = &ends };
        pthread_create(&work[i].id, NULL, write_pairs, &work[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        before[i] = atomic_load(&work[i].done);
    CHECK(db_mirror(t.parts.db, to, NULL, t.arena, &why));
    atomic_store(&ends, true);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(work[i].id, NULL);
    sqlite3 *db = open_copy(to);
    int64_t most = 0;
    for (int i = 0; i < WRITERS; i++) {
        int64_t first =
            ask(db, arena_printf(t.arena,
                                 "SELECT COALESCE(MAX(value), 0) FROM meta WHERE name = 'a%d'", i));
        int64_t last =
            ask(db, arena_printf(t.arena,
                                 "SELECT COALESCE(MAX(value), 0) FROM meta WHERE name = 'z%d'", i));
        int64_t rows = ask(
            db, arena_printf(t.arena, "SELECT COUNT(*) FROM meta WHERE name GLOB 'row-%d-*'", i));
        CHECK_INT(first, last);
        CHECK_INT(rows, first);
        CHECK(first >= before[i] && first <= atomic_load(&work[i].done));
        most = first > most ? first : most;
    }
    CHECK(most > 0); /* some were written while it was made */
    CHECK_INT(ask(db, "SELECT COUNT(*) FROM meta WHERE name GLOB 'm*' AND length(value) = 100000"),
              LARGE);
    sqlite3_close(db);
    unlink(to);
    temp_close(&t);
}

struct copying {
    struct temp *t;
    const char *to, *why;
    atomic_bool gives_up, has_ended;
    bool good;
    struct arena *arena;
    pthread_t id;
};

static void *make_copy(void *arg) {
    struct copying *c = arg;
    c->good = db_mirror(c->t->parts.db, c->to, &c->gives_up, c->arena, &c->why);
    atomic_store(&c->has_ended, true);
    return NULL;
}

/* In the making: its first pages are there. */
static void begin_copy(struct copying *c, struct temp *t) {
    *c = (struct copying){ .t = t, .to = copy_path(t), .why = "", .arena = arena_new(1 << 20) };
    pthread_create(&c->id, NULL, make_copy, c);
    while (access(c->to, F_OK) != 0 && !atomic_load(&c->has_ended))
        CHECK_INT(db_write(&t->ctx, put_large, (void *)"again"), OK);
}

static void end_copy(struct copying *c) {
    pthread_join(c->id, NULL);
    arena_free(c->arena);
}

TEST(the_log_can_be_carried_over_and_begin_again_while_a_copy_is_made) {
    struct temp t;
    struct copying c;
    sqlite3 *other;
    temp_open(&t);
    fill(&t);
    other = open_other(&t);
    begin_copy(&c, &t);
    begin_log_again(other);
    CHECK_INT(db_wal_bytes(t.parts.db), 0);
    CHECK(!atomic_load(&c.has_ended));
    end_copy(&c);
    CHECK(c.good);
    sqlite3_close(other);
    sqlite3_close(open_copy(c.to));
    unlink(c.to);
    temp_close(&t);
}

TEST(what_another_process_writes_meanwhile_is_in_it) {
    struct temp t;
    struct copying c;
    sqlite3 *other;
    temp_open(&t);
    fill(&t);
    other = open_other(&t);
    begin_copy(&c, &t);
    CHECK_INT(sqlite3_exec(other, "INSERT INTO meta VALUES ('a-other', X'78'), ('z-other', X'78')",
                           NULL, NULL, NULL),
              SQLITE_OK);
    CHECK(!atomic_load(&c.has_ended));
    end_copy(&c);
    CHECK(c.good);
    sqlite3_close(other);
    sqlite3 *db = open_copy(c.to);
    CHECK_INT(ask(db, "SELECT COUNT(*) FROM meta WHERE name IN ('a-other', 'z-other')"), 2);
    sqlite3_close(db);
    unlink(c.to);
    temp_close(&t);
}

TEST(one_copy_at_a_time_and_one_that_is_given_up_leaves_nothing) {
    struct temp t;
    struct copying c;
    const char *why = "", *second;
    temp_open(&t);
    fill(&t);
    second = arena_join(t.arena, t.path, ".second");
    begin_copy(&c, &t);
    CHECK(!db_mirror(t.parts.db, second, NULL, t.arena, &why));
    CHECK_TEXT(why, "another backup is being made");
    CHECK(access(second, F_OK) != 0);
    atomic_store(&c.gives_up, true);
    end_copy(&c);
    CHECK(!c.good);
    CHECK(access(c.to, F_OK) != 0);
    CHECK(db_mirror(t.parts.db, second, NULL, t.arena, &why));
    unlink(second);
    temp_close(&t);
}

TEST(a_copy_that_cannot_be_written_says_why_and_writes_go_on) {
    struct temp t;
    const char *why = "";
    temp_open(&t);
    CHECK(!db_mirror(t.parts.db, "/proc/no/such", NULL, t.arena, &why));
    CHECK(strstr(why, "cannot copy") && strstr(why, "/proc/no/such"));
    CHECK_INT(db_write(&t.ctx, put_large, (void *)"after"), OK);
    temp_close(&t);
}
