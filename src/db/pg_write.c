#include <string.h>

#include "base/clock.h"
#include "db/pg.h"
#include "db/pg_locks.h"
#include "db/trouble.h"
#include "obs/log.h"
#include "obs/metrics.h"

enum {
    BATCH_MAX = 16,   /* of one workspace, each under a savepoint of its own */
    QUEUE_MAX = 4096, /* more is refused at once */
    LOCK_MS = 10 * 1000,
    STEPS_TURN_US = 5 * 1000,
};

/* --- which write is next -------------------------------------------------------------------------- */

static const char *key_of(const struct db_queued *w) {
    return w->ctx->who.workspace_id;
}

static enum db_alone alone_of(const struct db_queued *w) {
    return w->alone == DB_ALONE_IN_WORKSPACE && !key_of(w)[0] ? DB_ALONE : w->alone;
}

/* Under the lock: is another writer of this host at what this one would have to wait for? Then it takes no thread. Who
 * waits for nobody has half of them: a lock that somebody else has would otherwise keep all. */
static bool is_held_up(const struct postgres *db, const struct db_queued *w) {
    enum db_alone alone = alone_of(w);
    size_t beside = 0;
    for (size_t i = 0; i < db->writers_count; i++) {
        const struct pg_worker *other = &db->writers[i];
        if (!other->is_busy || other->alone != alone)
            continue;
        if (alone == DB_BESIDE)
            beside++;
        else if (alone == DB_ALONE || strcmp(other->key, key_of(w)) == 0)
            return true;
    }
    return beside > 0 && beside >= db->writers_count / 2;
}

/* May this one be in a transaction of the worker's workspace? */
static bool goes_with(const struct pg_worker *worker, const struct db_queued *w) {
    return worker->alone == DB_ALONE_IN_WORKSPACE && alone_of(w) == DB_ALONE_IN_WORKSPACE &&
           strcmp(worker->key, key_of(w)) == 0;
}

/* Under the lock: the oldest that need not wait for another, and with it what else there is of its workspace. */
static struct db_queued *take_batch(struct postgres *db, struct pg_worker *worker, size_t *count) {
    struct db_queue *queue = &db->writes;
    struct db_queued **at = &queue->first;
    while (*at && is_held_up(db, *at))
        at = &(*at)->next;
    *count = 0;
    if (!*at)
        return NULL;
    worker->is_busy = true;
    worker->alone = alone_of(*at);
    str_copy(worker->key, sizeof worker->key, str_of(key_of(*at)));
    struct db_queued *batch = db_queue_take(queue, at), *last = batch;
    *count = 1;
    while (*at && *count < BATCH_MAX)
        if (!goes_with(worker, *at)) {
            at = &(*at)->next;
        } else {
            last = last->next = db_queue_take(queue, at);
            ++*count;
        }
    return batch;
}

/* --- one transaction ------------------------------------------------------------------------------------ */

/* Where every transaction asks for its locks in one order, none waits for one that waits for it. A function whose locks
 * would come too late, behind those of the functions before it, has a transaction of its own instead. */
enum err pg_lock(struct ctx *ctx, struct db_conn *tx, const char *name) {
    static const char LOCK[] = "SELECT " PG_NOW ", pg_advisory_xact_lock(?), " PG_NOW;
    struct pg_conn *c = pg_conn_of(tx);
    unsigned bit = pg_lock_bit(name);
    if (c->locks & bit)
        return OK;
    if (c->locks > bit && c->is_of_several) {
        c->goes_apart = true;
        return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE, "It needs a transaction of its own.");
    }
    if (c->locks > bit)
        log_error(ctx, "db", L("why", "a lock is asked for after one that comes behind it"),
                  L("lock", name));
    c->locks |= bit;
    struct db_stmt *q = db_use(tx, LOCK);
    db_bind_i64(q, pg_lock_key(name));
    c->runs_to = &c->waits[bit >> 1];
    enum err e = db_run(ctx, q);
    c->runs_to = NULL;
    return e;
}

/* Back to before the function, whose lazy runs may have failed on the way. */
static void undo_one(struct pg_conn *c) {
    pg_collect(c);
    if (c->failure.is_lost)
        return;
    pg_sync(c);
    pg_collect(c);
    pg_forgive(c);
    pg_send_text(c, "ROLLBACK TO one", NULL);
}

/* One function. is_alone: the whole transaction is its own; what it sent last is collected with the commit. */
static void run_one(struct pg_conn *c, struct db_queued *w, bool is_alone) {
    if (ctx_left_ms(w->ctx) == 0) {
        w->result = db_queue_refuse_late(w->ctx);
        return;
    }
    unsigned locks = c->locks;
    if (!is_alone)
        pg_send_text(c, "SAVEPOINT one", NULL);
    c->is_of_several = !is_alone;
    c->goes_apart = false;
    w->result = w->fn(w->ctx, &c->side.base, w->arg);
    w->goes_apart = c->goes_apart;
    bool is_verdict = w->result != OK && w->result != ERR_STORAGE_UNAVAILABLE &&
                      w->result != ERR_INTERNAL && !w->goes_apart;
    if (is_verdict && c->failure.is_set) /* made of a statement that failed: it changed nothing */
        w->result = pg_say(w->ctx, &c->failure);
    if (is_alone)
        return;
    if (w->goes_apart)
        w->result = ERR_STORAGE_UNAVAILABLE; /* whatever it made of that */
    pg_collect(c);
    if (w->result == OK && c->failure.is_set)
        w->result = pg_say(w->ctx, &c->failure);
    if (w->result != OK) {
        undo_one(c);
        c->locks = locks; /* those taken since the savepoint went with it */
    }
    pg_send_text(c, "RELEASE one", NULL);
}

static void run_batch(struct pg_worker *worker, struct db_queued *batch, size_t count) {
    struct pg_conn *c = &worker->conn;
    struct pg_answer begun = { 0 };
    int64_t began = ava_now_us();
    if (!pg_ready(c)) {
        pg_fail_all(c, batch);
        return;
    }
    pg_begin(worker, pg_last_deadline(batch), LOCK_MS, &begun);
    /* Of several none runs before their transaction has begun: each is to fail for what it did itself. */
    if (count > 1)
        pg_collect(c);
    if (c->failure.is_set)
        pg_fail_all(c, batch);
    else
        for (struct db_queued *w = batch; w; w = w->next)
            run_one(c, w, count == 1);
    pg_commit(c, batch, count > 1, &begun);
    pg_cut_in(c, 0);
    pg_note_waits(worker, &begun);
    pg_answer_fini(&begun);
    if (c->failure.is_lost || (c->failure.is_set && pg_is_away(&c->failure)))
        pg_disconnect(c);
    if (!pg_keeps_any(batch))
        return;
    for (struct db_queued *w = batch; w; w = w->next)
        w->together = count;
    atomic_store(&c->db->last_commit_ms, ava_now_ms());
    metric_observe_us(METRIC_DB_DURATION, ava_now_us() - began, "commit");
    metric_add(METRIC_DB_BATCH, (int64_t)count);
}

/* The batch; then those that could not be part of it. */
static void run_all(struct pg_worker *worker, struct db_queued *batch, size_t count) {
    for (struct db_queued *w = batch; w; w = w->next)
        w->goes_apart = false;
    run_batch(worker, batch, count);
    for (struct db_queued *w = batch; w; w = w->next) {
        struct db_queued *next = w->next;
        if (!w->goes_apart)
            continue;
        ctx_clear(w->ctx);
        w->result = OK;
        w->next = NULL;
        run_batch(worker, w, 1);
        w->next = next;
    }
}

void *pg_write_on(void *arg) {
    struct pg_worker *worker = arg;
    struct postgres *db = worker->db;
    pthread_mutex_lock(&db->writes.lock);
    for (;;) {
        size_t count;
        struct db_queued *batch = take_batch(db, worker, &count);
        if (!batch && db->ends && !db->writes.first)
            break;
        if (!batch) {
            pthread_cond_wait(&db->writes.more, &db->writes.lock);
            continue;
        }
        pthread_mutex_unlock(&db->writes.lock);
        run_all(worker, batch, count);
        db_queue_settle(&db->writes, batch);
        pthread_mutex_lock(&db->writes.lock);
        worker->is_busy = false;
        if (db->writes.first) /* somebody may have waited for this workspace */
            pthread_cond_broadcast(&db->writes.more);
    }
    pthread_mutex_unlock(&db->writes.lock);
    return NULL;
}

/* --- for those who write -------------------------------------------------------------------------------- */

static enum err refuse(struct ctx *ctx, const char *why) {
    ctx->problem.retry_after_s = TROUBLE_RETRY_S;
    return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE, "%s", why);
}

/* Not when it would only wait for a refusal. */
static enum err may_wait(struct ctx *ctx, struct db_queue *queue) {
    struct postgres *db = postgres_of(ctx->parts->db);
    if (atomic_load(&db->is_fenced))
        return trouble_refuse(ctx, TROUBLE_FENCED);
    if (!atomic_load(&db->is_up))
        return refuse(ctx,
                      "Ava cannot reach its database right now; nothing was kept. Try again soon.");
    pthread_mutex_lock(&queue->lock);
    bool is_full = queue->count >= QUEUE_MAX;
    pthread_mutex_unlock(&queue->lock);
    return is_full ? refuse(ctx, "Too much waits to be saved; nothing was kept. Try again soon.")
                   : OK;
}

enum err pg_wait_in(struct db_queue *queue, struct db_queued *w) {
    struct span *span = db_span_begin_write(w->ctx, w->name);
    w->result = may_wait(w->ctx, queue);
    if (w->result == OK)
        db_queue_wait(queue, w);
    db_span_end_write(span, w->together, w->result);
    return w->result;
}

static enum err wait_for(struct db_queued *w) {
    return pg_wait_in(&postgres_of(w->ctx->parts->db)->writes, w);
}

enum err pg_write(struct ctx *ctx, const char *name, enum db_alone alone, db_fn *fn, void *arg) {
    struct db_queued w = { .ctx = ctx, .name = name, .alone = alone, .fn = fn, .arg = arg };
    return wait_for(&w);
}

static enum err steps_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct db_steps *s = arg;
    int64_t until_us = ava_now_us() + STEPS_TURN_US;
    do {
        s->more = false;
        TRY(s->fn(ctx, tx, s->arg, &s->more));
    } while (s->more && ava_now_us() < until_us);
    return OK;
}

/* As long as it took, others have the server. */
static int64_t wait_for_turn(struct db_queued *w) {
    int64_t began_ms = ava_now_ms();
    wait_for(w);
    return ava_now_ms() - began_ms;
}

enum err pg_write_steps(struct ctx *ctx, db_step_fn *fn, void *arg, int64_t within_ms,
                        bool is_gentle, bool *is_done) {
    struct db_steps s = { .fn = fn, .arg = arg };
    return db_steps_go(ctx, &s, steps_write, wait_for_turn, within_ms, is_gentle, is_done);
}
