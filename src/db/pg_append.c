#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/pg.h"
#include "obs/metrics.h"

enum {
    TOGETHER_MAX = 512,
    LOCK_MS = 300, /* that another's row may be in the way: the others wait for it as well, */
    WAITS_MAX = 2, /* and so often in a turn of the thread; then each is left to the writers */
};

/* Something to add. As a db_queued it is what a writer does, where no thread appends, or what it adds is held by somebody
 * for long: it can wait there without others waiting for it. */
struct append {
    struct db_queued base;
    struct db_append *what;
    struct str order;
    struct pg_answer answer; /* of the last statement it ran */
    bool is_held;
};

/* What a thread that appends has taken at once. */
struct turn {
    struct pg_worker *worker;
    int waits; /* for a lock, in vain */
};

static struct append *append_of(struct db_queued *w) {
    return (struct append *)w;
}

static int by_order(const void *a, const void *b) {
    struct str x = (*(struct append *const *)a)->order, y = (*(struct append *const *)b)->order;
    int differ = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return differ ? differ : (x.len > y.len) - (x.len < y.len);
}

/* These, as a list. */
static struct db_queued *chain(struct append **items, size_t count) {
    for (size_t i = 0; i < count; i++)
        items[i]->base.next = i + 1 < count ? &items[i + 1]->base : NULL;
    return &items[0]->base;
}

/* --- one transaction -------------------------------------------------------------------------------- */

/* Sends what each has to add. False: one failed before the server was asked. */
static bool send_all(struct pg_conn *c, struct append **items, size_t count) {
    bool is_good = true;
    for (size_t i = 0; i < count && is_good; i++) {
        struct db_queued *w = &items[i]->base;
        pg_answer_fini(&items[i]->answer);
        c->runs_to = &items[i]->answer;
        w->result = items[i]->what->fn(w->ctx, &c->side.base, items[i]->what->arg);
        is_good = w->result == OK;
    }
    c->runs_to = NULL;
    return is_good;
}

/* Does it say that something is wrong with one of the rows, and nothing with the others? */
static bool is_of_one(const struct pg_failure *f) {
    static const char *const STATES[] = { "22", "23", "40" }; /* errcodes.txt of PostgreSQL */
    for (size_t i = 0; i < ARRAY_LEN(STATES); i++)
        if (str_starts(str_of(f->state), str_of(STATES[i])))
            return !f->is_lost;
    return false;
}

static bool is_locked(const struct pg_failure *f) {
    return strcmp(f->state, "55P03") == 0 && !f->is_lost;
}

static void leave_to_writers(struct append **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        items[i]->is_held = true;
        pg_answer_fini(&items[i]->answer);
    }
}

/* All of them in one transaction, which is sent whole before its answer is waited for. False: one of them was in the way
 * of the others, and nothing was kept. */
static bool keep(struct turn *turn, struct append **items, size_t count) {
    struct pg_conn *c = &turn->worker->conn;
    struct pg_answer begun = { 0 };
    struct db_queued *batch = chain(items, count);
    if (!pg_ready(c)) {
        pg_fail_all(c, batch);
        return true;
    }
    pg_begin(turn->worker, pg_last_deadline(batch), LOCK_MS, &begun);
    bool is_sent = send_all(c, items, count);
    bool is_over = is_sent && pg_try_commit(c, batch, false, &begun);
    if (!is_sent)
        pg_roll_back(c);
    pg_cut_in(c, 0);
    pg_answer_fini(&begun);
    bool is_waiting = !is_over && is_locked(&c->failure);
    bool may_split = count > 1 && (!is_sent || is_waiting || is_of_one(&c->failure));
    turn->waits += is_waiting;
    if (is_waiting && !may_split)
        leave_to_writers(items, count);
    else if (!is_over && !may_split)
        pg_fail_all(c, batch);
    if (c->failure.is_lost || (c->failure.is_set && pg_is_away(&c->failure)))
        pg_disconnect(c);
    return is_over || !may_split;
}

/* What each came to, and for how long it took where it is on disk. */
static void note(struct postgres *db, struct append **items, size_t count, int64_t began_us) {
    bool is_kept = !items[0]->is_held && pg_keeps_any(&items[0]->base);
    for (size_t i = 0; i < count; i++) {
        struct append *a = items[i];
        if (is_kept && a->base.result == OK && a->answer.result)
            a->what->rows = strtoll(pq.cmdTuples(a->answer.result), NULL, 10);
        a->base.together = is_kept && a->base.result == OK ? count : 0;
        pg_answer_fini(&a->answer);
    }
    if (!is_kept)
        return;
    atomic_store(&db->last_commit_ms, ava_now_ms());
    metric_observe_us(METRIC_DB_DURATION, ava_now_us() - began_us, "commit");
    metric_add(METRIC_DB_BATCH, (int64_t)count);
}

/* Halves what cannot be kept together, until who was in the way is alone. */
static void keep_some(struct turn *turn, struct append **items, size_t count) {
    int64_t began = ava_now_us();
    for (size_t i = 0; i < count; i++)
        items[i]->base.result = OK;
    if (turn->waits >= WAITS_MAX) {
        leave_to_writers(items, count);
        return;
    }
    if (keep(turn, items, count)) {
        note(turn->worker->db, items, count, began);
        return;
    }
    keep_some(turn, items, count / 2);
    keep_some(turn, items + count / 2, count - count / 2);
}

/* --- the thread ------------------------------------------------------------------------------------- */

/* Under the lock: up to TOGETHER_MAX of the queue. */
static size_t take(struct postgres *db, struct append **items) {
    size_t count = 0;
    while (count < TOGETHER_MAX && db->appends.first)
        items[count++] = append_of(db_queue_take(&db->appends, &db->appends.first));
    return count;
}

/* Those whose time is over stand behind the others, with their refusal; returns how many are left. */
static size_t drop_late(struct append **items, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct append *a = items[i];
        if (ctx_left_ms(a->base.ctx) == 0) {
            a->base.result = db_queue_refuse_late(a->base.ctx);
        } else {
            items[i] = items[kept];
            items[kept++] = a;
        }
    }
    return kept;
}

void *pg_append_on(void *arg) {
    struct pg_worker *worker = arg;
    struct postgres *db = worker->db;
    struct append *items[TOGETHER_MAX];
    worker->alone = DB_BESIDE;
    pthread_mutex_lock(&db->appends.lock);
    for (;;) {
        size_t count = take(db, items);
        if (!count && db->ends)
            break;
        if (!count) {
            pthread_cond_wait(&db->appends.more, &db->appends.lock);
            continue;
        }
        pthread_mutex_unlock(&db->appends.lock);
        size_t timely = drop_late(items, count);
        qsort(items, timely, sizeof *items, by_order);
        if (timely)
            keep_some(&(struct turn){ .worker = worker }, items, timely);
        db_queue_settle(&db->appends, chain(items, count));
        pthread_mutex_lock(&db->appends.lock);
    }
    pthread_mutex_unlock(&db->appends.lock);
    return NULL;
}

/* --- for those who append ----------------------------------------------------------------------------- */

enum err pg_append(struct ctx *ctx, const char *name, struct db_append *what, struct str order) {
    struct postgres *db = postgres_of(ctx->parts->db);
    const struct db_queued alone = {
        .ctx = ctx, .name = name, .alone = DB_BESIDE, .fn = db_append_write, .arg = what
    };
    struct append a = { .base = alone, .what = what, .order = order };
    enum err e = pg_wait_in(db->appenders_count ? &db->appends : &db->writes, &a.base);
    if (!a.is_held)
        return e;
    a.base = alone;
    return pg_wait_in(&db->writes, &a.base);
}
