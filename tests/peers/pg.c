/* What only functions that run within transactions can show of Ava on PostgreSQL: peers `postgres` runs each by name.
 *     peer_pg URL NAME          exit 0: it is so; else a sentence on stderr */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/hash.h"
#include "db/pg.h"
#include "db/pg_locks.h"
#include "obs/log.h"

enum { PATIENCE_MS = 20 * 1000, SOON_MS = 500 };

static struct parts parts;

#define MUST(condition)                                                     \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition); \
            return 1;                                                       \
        }                                                                   \
    } while (0)

/* A write of workspace ws_a, on a thread of its own. */
struct writer {
    pthread_t thread;
    struct arena *arena;
    struct ctx ctx;
    db_fn *fn;
    int64_t within_ms;
    bool has_run;
    atomic_bool is_at_it, may_end;
    enum db_alone alone;
    int64_t said;
    enum err result;
};

static void *write_on(void *arg) {
    struct writer *w = arg;
    w->result = db_write_as(&w->ctx, "peer", w->alone, w->fn, w);
    return NULL;
}

static size_t waiting_in(struct db_queue *q) {
    pthread_mutex_lock(&q->lock);
    size_t count = q->count;
    pthread_mutex_unlock(&q->lock);
    return count;
}

static bool await_in(struct db_queue *q, size_t count) {
    for (int64_t until = ava_now_ms() + PATIENCE_MS; waiting_in(q) != count;) {
        if (ava_now_ms() > until)
            return false;
        sched_yield();
    }
    return true;
}

static bool await_waiting(size_t count) {
    return await_in(&postgres_of(parts.db)->writes, count);
}

static void begin_as(struct writer *w, db_fn *fn, int64_t within_ms, enum db_alone alone) {
    *w = (struct writer){ .fn = fn, .arena = arena_new(1 << 20), .alone = alone };
    ctx_init(&w->ctx, &parts, w->arena, within_ms);
    str_copy(w->ctx.who.workspace_id, sizeof w->ctx.who.workspace_id, STR("ws_a"));
    pthread_create(&w->thread, NULL, write_on, w);
}

static void begin(struct writer *w, db_fn *fn, int64_t within_ms) {
    begin_as(w, fn, within_ms, DB_ALONE_IN_WORKSPACE);
}

static void end(struct writer *w) {
    pthread_join(w->thread, NULL);
    arena_free(w->arena);
}

/* Keeps the workspace's writer until two others wait, which then are one transaction. */
static enum err hold(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct writer *w = arg;
    struct db_stmt *q =
        db_use(tx, "SELECT CAST(1 AS BIGINT)"); /* so that its transaction has begun */
    if (!db_next(q))
        return db_done(ctx, q);
    TRY(db_done(ctx, q));
    atomic_store(&w->is_at_it, true);
    w->has_run = await_waiting(2);
    return OK;
}

/* Begins it, and returns once it has the workspace. */
static void begin_holding(struct writer *w) {
    begin(w, hold, PATIENCE_MS * 2);
    while (!atomic_load(&w->is_at_it))
        sched_yield();
}

static enum err lock_and_fail(struct ctx *ctx, struct db_conn *tx, void *arg) {
    TRY(db_lock(ctx, tx, "audit"));
    return ctx_fail(ctx, ERR_INVALID, "on purpose");
}

/* said: how many locks "audit" its connection has. */
static enum err count_locks(struct ctx *ctx, struct db_conn *tx, struct writer *w) {
    int64_t key = pg_lock_key("audit");
    struct db_stmt *q = db_use(
        tx,
        "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND"
        " pid = pg_backend_pid() AND CAST(classid AS BIGINT) = ? AND CAST(objid AS BIGINT) = ?");
    db_bind_i64(q, (int64_t)((uint64_t)key >> 32));
    db_bind_i64(q, (int64_t)((uint64_t)key & 0xFFFFFFFF));
    w->said = db_next(q) ? db_i64(q) : -1;
    return db_done(ctx, q);
}

static enum err lock_and_count(struct ctx *ctx, struct db_conn *tx, void *arg) {
    TRY(db_lock(ctx, tx, "audit"));
    return count_locks(ctx, tx, arg);
}

static int a_lock_goes_with_the_savepoint_it_was_taken_behind(const char *url) {
    struct writer holder, failing, counting;
    begin_holding(&holder);
    begin(&failing, lock_and_fail, PATIENCE_MS * 2);
    MUST(await_waiting(1));
    begin(&counting, lock_and_count, PATIENCE_MS * 2);
    end(&holder);
    end(&failing);
    end(&counting);
    MUST(holder.has_run);
    MUST(failing.result == ERR_INVALID);
    MUST(counting.result == OK);
    MUST(counting.said == 1);
    return 0;
}

static enum err lock_both_and_count(struct ctx *ctx, struct db_conn *tx, void *arg) {
    TRY(db_lock(ctx, tx, "lines"));
    TRY(count_locks(ctx, tx, arg));
    return db_lock(ctx, tx, "audit");
}

/* Of two in one transaction the second would ask for "lines" behind "audit", and could wait for who waits for it. */
static int locks_are_asked_for_in_one_order(const char *url) {
    struct writer holder, first, second;
    begin_holding(&holder);
    begin(&first, lock_and_count, PATIENCE_MS * 2);
    MUST(await_waiting(1));
    begin(&second, lock_both_and_count, PATIENCE_MS * 2);
    end(&holder);
    end(&first);
    end(&second);
    MUST(holder.has_run);
    MUST(first.result == OK && first.said == 1);
    MUST(second.result == OK && second.said == 0);
    return 0;
}

static enum err note_run(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct writer *w = arg;
    w->has_run = true;
    return OK;
}

/* Somebody else on the server, who gets the workspace's lock once the holder has committed, and keeps it. */
static void *lock_on(void *arg) {
    PGconn *c = arg;
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT pg_advisory_lock(%lld)", (long long)pg_lock_key("ws_a"));
    pq.clear(pq.exec(c, sql));
    return NULL;
}

static bool is_blocked(PGconn *c) {
    PGresult *r = pq.exec(c, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
    bool found = pq.ntuples(r) > 0;
    pq.clear(r);
    return found;
}

static int who_cannot_begin_in_time_has_not_run_and_is_told_to_come_again(const char *url) {
    static const char *const KEYS[] = { "dbname", NULL };
    const char *const values[] = { url, NULL };
    PGconn *other = pq.connectdbParams(KEYS, values, 1),
           *looking = pq.connectdbParams(KEYS, values, 1);
    struct writer holder, first, second;
    pthread_t locking;
    begin_holding(&holder);
    pthread_create(&locking, NULL, lock_on, other);
    for (int64_t until = ava_now_ms() + PATIENCE_MS; !is_blocked(looking);)
        MUST(ava_now_ms() < until);
    begin(&first, note_run, SOON_MS);
    MUST(await_waiting(1));
    begin(&second, note_run, SOON_MS);
    end(&holder);
    end(&first);
    end(&second);
    MUST(holder.has_run);
    MUST(!first.has_run && !second.has_run);
    MUST(first.result == ERR_STORAGE_UNAVAILABLE);
    MUST(second.result == ERR_STORAGE_UNAVAILABLE);
    pthread_join(locking, NULL);
    pq.finish(other);
    pq.finish(looking);
    return 0;
}

/* Keeps its transaction open until it may end. */
static enum err hold_until(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct writer *w = arg;
    struct db_stmt *q =
        db_use(tx, "SELECT CAST(1 AS BIGINT)"); /* by its row, its locks are there */
    w->has_run = db_next(q);
    TRY(db_done(ctx, q));
    atomic_store(&w->is_at_it, true);
    for (int64_t until = ava_now_ms() + PATIENCE_MS; !atomic_load(&w->may_end);)
        if (ava_now_ms() > until)
            return ERR_INTERNAL;
    return OK;
}

static int blocks(enum db_alone first, enum db_alone second, PGconn *looking) {
    struct writer holder, other;
    begin_as(&holder, hold_until, PATIENCE_MS * 2, first);
    while (!atomic_load(&holder.is_at_it))
        sched_yield();
    begin_as(&other, hold_until, PATIENCE_MS * 2, second);
    atomic_store(&other.may_end, true);
    for (int64_t until = ava_now_ms() + PATIENCE_MS; !is_blocked(looking);)
        MUST(!atomic_load(&other.is_at_it) && ava_now_ms() < until);
    atomic_store(&holder.may_end, true);
    end(&holder);
    end(&other);
    MUST(holder.result == OK && other.result == OK && other.has_run);
    return 0;
}

/* What belongs to no workspace, or to several, waits for each that is at it, and lets none begin. */
static int what_is_for_no_workspace_is_alone(const char *url) {
    static const char *const KEYS[] = { "dbname", NULL };
    const char *const values[] = { url, NULL };
    PGconn *looking = pq.connectdbParams(KEYS, values, 1);
    MUST(blocks(DB_ALONE_IN_WORKSPACE, DB_ALONE, looking) == 0);
    MUST(blocks(DB_ALONE, DB_ALONE_IN_WORKSPACE, looking) == 0);
    pq.finish(looking);
    return 0;
}

/* --- appends ------------------------------------------------------------------------------------------- */

enum { APPENDS = 40, POISON = -1 };

/* One of many that append a number each, on a thread of its own; a number below 0 is against a rule of the table. */
struct appender {
    pthread_t thread;
    struct arena *arena;
    struct ctx ctx;
    int64_t number, rows, took_ms;
    atomic_int runs;
    enum err result;
    bool holds, fails; /* the first run until the others wait; before it has sent anything */
    size_t until;
};

static enum err append_number(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct appender *a = arg;
    int run = atomic_fetch_add(&a->runs, 1);
    if (a->holds && run == 0 && !await_in(&postgres_of(parts.db)->appends, a->until))
        return ctx_fail(ctx, ERR_INTERNAL, "the others did not come");
    if (a->fails)
        return ctx_fail(ctx, ERR_INVALID, "on purpose");
    struct db_stmt *q =
        db_use(tx, "INSERT INTO test_numbers (n) SELECT ?1 WHERE ?1 <> 77 ON CONFLICT DO NOTHING");
    db_bind_i64(q, a->number);
    return db_run(ctx, q);
}

static void *append_on(void *arg) {
    struct appender *a = arg;
    char order[24];
    snprintf(order, sizeof order, "%020lld", (long long)a->number);
    int64_t began = ava_now_ms();
    a->result = db_append(&a->ctx, append_number, a, str_of(order), &a->rows);
    a->took_ms = ava_now_ms() - began;
    return NULL;
}

static void append(struct appender *a, int64_t number) {
    a->number = number;
    a->rows = -1;
    a->arena = arena_new(1 << 20);
    ctx_init(&a->ctx, &parts, a->arena, PATIENCE_MS * 2);
    pthread_create(&a->thread, NULL, append_on, a);
}

/* Has the one appender hold the door until all of these wait, so that they are one transaction: items[0] is it. */
static void append_together(struct appender *items, const int64_t *numbers, size_t count) {
    items[0].holds = true;
    items[0].until = count - 1;
    append(&items[0], numbers[0]);
    while (!atomic_load(&items[0].runs))
        sched_yield();
    for (size_t i = 1; i < count; i++)
        append(&items[i], numbers[i]);
}

static void join(struct appender *items, size_t count) {
    for (size_t i = 0; i < count; i++)
        pthread_join(items[i].thread, NULL);
}

static void forget(struct appender *items, size_t count) {
    for (size_t i = 0; i < count; i++)
        arena_free(items[i].arena);
}

static PGconn *open_beside(const char *url) {
    static const char *const KEYS[] = { "dbname", NULL };
    return pq.connectdbParams(KEYS, (const char *const[]){ url, NULL }, 1);
}

static PGconn *with_numbers(const char *url) {
    PGconn *c = open_beside(url);
    pq.clear(pq.exec(c, "CREATE TABLE test_numbers (n BIGINT PRIMARY KEY CHECK (n >= 0))"));
    return c;
}

static int64_t count_of(PGconn *c, const char *sql) {
    PGresult *r = pq.exec(c, sql);
    int64_t said = pq.ntuples(r) == 1 ? strtoll(pq.getvalue(r, 0, 0), NULL, 10) : -1;
    pq.clear(r);
    return said;
}

static int appends_of_many_are_one_transaction_and_each_learns_what_it_added(const char *url) {
    PGconn *c = with_numbers(url);
    struct appender items[APPENDS] = { 0 };
    int64_t numbers[APPENDS];
    for (int i = 0; i < APPENDS; i++)
        numbers[i] = APPENDS - i;
    numbers[5] = numbers[6]; /* twice: one of the two adds it */
    numbers[9] = 77;         /* adds nothing */
    append_together(items, numbers, APPENDS);
    join(items, APPENDS);
    for (int i = 0; i < APPENDS; i++) {
        MUST(items[i].result == OK);
        MUST(atomic_load(&items[i].runs) == 1);
        MUST(i == 5 || i == 6 || items[i].rows == (numbers[i] != 77));
    }
    MUST(items[5].rows + items[6].rows == 1);
    MUST(count_of(c, "SELECT COUNT(*) FROM test_numbers") == APPENDS - 2);
    MUST(count_of(c, "SELECT COUNT(DISTINCT CAST(xmin AS TEXT)) FROM test_numbers") == 2);
    pq.finish(c);
    forget(items, APPENDS);
    return 0;
}

static int one_that_cannot_be_kept_costs_the_others_nothing(const char *url) {
    PGconn *c = with_numbers(url);
    struct appender items[APPENDS] = { 0 };
    int64_t numbers[APPENDS];
    for (int i = 0; i < APPENDS; i++)
        numbers[i] = 100 + i;
    numbers[7] = POISON;
    numbers[30] = POISON - 1;
    items[20].fails = true;
    append_together(items, numbers, APPENDS);
    join(items, APPENDS);
    for (int i = 0; i < APPENDS; i++) {
        bool is_bad = numbers[i] < 0;
        MUST(items[i].result == (is_bad ? ERR_INTERNAL : i == 20 ? ERR_INVALID : OK));
        MUST(is_bad || i == 20 || items[i].rows == 1);
        MUST(atomic_load(&items[i].runs) < 12);
    }
    MUST(count_of(c, "SELECT COUNT(*) FROM test_numbers") == APPENDS - 3);
    pq.finish(c);
    forget(items, APPENDS);
    return 0;
}

static int a_row_that_another_holds_keeps_only_who_wants_it(const char *url) {
    PGconn *c = with_numbers(url), *other = open_beside(url);
    struct appender items[APPENDS] = { 0 };
    int64_t numbers[APPENDS];
    for (int i = 0; i < APPENDS; i++)
        numbers[i] = 100 + i;
    pq.clear(pq.exec(other, "BEGIN"));
    pq.clear(pq.exec(other, "INSERT INTO test_numbers VALUES (111)"));
    append_together(items, numbers, APPENDS);
    join(items, 11);
    join(items + 12, APPENDS - 12);
    MUST(count_of(c, "SELECT COUNT(*) FROM test_numbers") == APPENDS - 1);
    pq.clear(pq.exec(other, "ROLLBACK"));
    join(items + 11, 1);
    for (int i = 0; i < APPENDS; i++) {
        MUST(items[i].result == OK && items[i].rows == 1);
        MUST(i == 11 || items[i].took_ms < 5000);
    }
    pq.finish(c);
    pq.finish(other);
    forget(items, APPENDS);
    return 0;
}

/* Somebody has the whole table: who would add to it waits, and nobody else does. */
static int a_table_that_another_holds_keeps_no_other_writes(const char *url) {
    PGconn *c = with_numbers(url), *other = open_beside(url);
    struct appender items[APPENDS] = { 0 };
    int64_t numbers[APPENDS];
    struct writer writers[8];
    for (int i = 0; i < APPENDS; i++)
        numbers[i] = 100 + i;
    pq.clear(pq.exec(other, "BEGIN"));
    pq.clear(pq.exec(other, "LOCK TABLE test_numbers IN EXCLUSIVE MODE"));
    append_together(items, numbers, APPENDS);
    for (int64_t until = ava_now_ms() + PATIENCE_MS;
         waiting_in(&postgres_of(parts.db)->writes) < APPENDS / 2;)
        MUST(ava_now_ms() < until); /* they have been left to the writers */
    int64_t began = ava_now_ms();
    for (int i = 0; i < 8; i++)
        begin(&writers[i], note_run, PATIENCE_MS);
    for (int i = 0; i < 8; i++) {
        end(&writers[i]);
        MUST(writers[i].has_run && writers[i].result == OK);
    }
    MUST(ava_now_ms() - began < 3000);
    pq.clear(pq.exec(other, "ROLLBACK"));
    join(items, APPENDS);
    for (int i = 0; i < APPENDS; i++)
        MUST(items[i].result == OK && items[i].rows == 1);
    pq.finish(c);
    pq.finish(other);
    forget(items, APPENDS);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(const char *url);
} ALL[] = {
    { "appends", appends_of_many_are_one_transaction_and_each_learns_what_it_added },
    { "poison", one_that_cannot_be_kept_costs_the_others_nothing },
    { "held", a_row_that_another_holds_keeps_only_who_wants_it },
    { "table", a_table_that_another_holds_keeps_no_other_writes },
    { "locks", a_lock_goes_with_the_savepoint_it_was_taken_behind },
    { "order", locks_are_asked_for_in_one_order },
    { "alone", what_is_for_no_workspace_is_alone },
    { "late", who_cannot_begin_in_time_has_not_run_and_is_told_to_come_again },
};

int main(int argc, char **argv) {
    struct arena *a = arena_new(1 << 20);
    const char *why = "";
    if (argc != 3)
        return 2;
    log_setup(LOG_OFF, true, 2);
    parts.db = db_open(&(struct db_conf){ .url = argv[1], .hash = hash_blake2b, .connections = 14 },
                       a, &why);
    if (!parts.db) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    int status = 2;
    for (size_t i = 0; i < ARRAY_LEN(ALL); i++)
        if (strcmp(ALL[i].name, argv[2]) == 0)
            status = ALL[i].run(argv[1]);
    db_close(parts.db);
    arena_free(a);
    return status;
}
