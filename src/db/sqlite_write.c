#include "db/sqlite.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "db/checkpoint.h"
#include "db/mirror.h"
#include "obs/log.h"
#include "obs/metrics.h"

enum {
    BATCH_MAX = 512,
    TURN_US = 5 * 1000, /* of many small steps in one transaction, */
    TURN_PAGES = 64,    /* or until they gave back so many pages, which the commit has to write */
    GENTLE_PAGES_PER_MS = 16, /* 64 MB/s of log */
    SPREAD_MS = 20,           /* what a copy gets in that time is written by the disk meanwhile */
};

/* One queued function under a savepoint of its own, unless its deadline is over by now. */
static void run_one(struct sqlite_conn *c, struct db_queued *w) {
    if (ctx_left_ms(w->ctx) == 0) {
        w->result = db_queue_refuse_late(w->ctx);
        return;
    }
    db_run(w->ctx, db_use(&c->base, "SAVEPOINT one"));
    w->result = w->fn(w->ctx, &c->base, w->arg);
    if (sqlite3_get_autocommit(c->handle))
        return; /* the transaction is gone, and the savepoint with it */
    if (w->result != OK)
        db_run(w->ctx, db_use(&c->base, "ROLLBACK TO one"));
    db_run(w->ctx, db_use(&c->base, "RELEASE one"));
}

/* Is the run that has claimed the database still this one? In the transaction of a batch. */
static int check_claim(struct sqlite *db) {
    const char *run = atomic_load(&db->run);
    if (!run)
        return SQLITE_OK;
    struct db_stmt *q = db_use(&db->writer->base, "SELECT value = ? FROM meta WHERE name = 'run'");
    db_bind_blob(q, run, strlen(run));
    bool found = db_next(q) && db_i64(q);
    int rc = sqlite_drop(q);
    if (rc == SQLITE_OK && !found)
        trouble_get_into(
            &db->trouble, TROUBLE_FENCED,
            "another run of Ava has claimed it: this one commits nothing any more and ends");
    return rc != SQLITE_OK ? rc : found ? SQLITE_OK : SQLITE_READONLY;
}

/* Runs the batch in the transaction that was begun, and commits. Not SQLITE_OK when nothing of it may be acknowledged. */
static int commit_batch(struct sqlite *db, struct db_queued *batch) {
    sqlite3 *handle = db->writer->handle;
    int rc = check_claim(db);
    if (rc != SQLITE_OK)
        return rc;
    for (struct db_queued *w = batch; w && !sqlite3_get_autocommit(handle); w = w->next)
        run_one(db->writer, w);
    /* A full disk can end the transaction from inside; a savepoint would begin another one
     * and commit it, while everybody is told that nothing was kept. */
    if (sqlite3_get_autocommit(handle))
        return SQLITE_FULL;
    rc = sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL);
    /* Taken away meanwhile: it may be in a file that nobody finds again. */
    return rc == SQLITE_OK && !trouble_is_none(&db->trouble) ? SQLITE_READONLY : rc;
}

static void roll_back(struct sqlite *db) {
    if (!sqlite3_get_autocommit(db->writer->handle))
        sqlite3_exec(db->writer->handle, "ROLLBACK", NULL, NULL, NULL);
}

/* May anything be written? A look at the files; notes the trouble when they are not as they were. */
static bool may_write(struct sqlite *db) {
    if (!trouble_is_none(&db->trouble))
        return false;
    if (!files_hold_database(db->writer->handle))
        trouble_get_into(&db->trouble, TROUBLE_DAMAGED,
                         "its first page is not that of a database any more");
    return !trouble_of(&db->trouble);
}

/* All of the batch in one transaction, which rc says was begun. When it was not, or can not be committed, nothing of it
 * happened, and everybody in it is told so. */
static void run_batch(struct sqlite *db, struct db_queued *batch, size_t count, int64_t began,
                      int rc) {
    struct sqlite_conn *c = db->writer;
    int before = checkpoint_logged(db->checkpoint);
    if (rc == SQLITE_OK)
        rc = commit_batch(db, batch);
    if (rc == SQLITE_OK) {
        int after = checkpoint_logged(db->checkpoint);
        for (struct db_queued *w = batch; w; w = w->next) {
            w->cost = after < before ? after : after - before; /* the log may have begun again */
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
    for (struct db_queued *w = batch; w; w = w->next)
        w->result = trouble_of(&db->trouble) ? trouble_refuse(w->ctx, trouble_of(&db->trouble))
                                             : sqlite_failure(w->ctx, db, rc, "COMMIT", why);
    roll_back(db);
}

/* Under the lock: up to BATCH_MAX of the queue; NULL where everybody has given up. */
static struct db_queued *take_batch(struct sqlite *db, size_t *count) {
    struct db_queued *batch = NULL, **end = &batch;
    for (*count = 0; *count < BATCH_MAX && db->writes.first; ++*count) {
        *end = db_queue_take(&db->writes, &db->writes.first);
        end = &(*end)->next;
    }
    return batch;
}

/* Under the lock: until there may be something to do. */
static void await_work(struct sqlite *db) {
    int64_t rest_us = db->mirror ? db->mirror->due_us - ava_now_us() : INT64_MAX;
    if (rest_us <= 0)
        return;
    if (!db->mirror) {
        pthread_cond_wait(&db->writes.more, &db->writes.lock);
        return;
    }
    struct timespec until = clock_in_us(rest_us);
    pthread_cond_timedwait(&db->writes.more, &db->writes.lock, &until);
}

static void let_go(struct sqlite *db) {
    mirror_end(db->mirror);
    db->mirror = NULL;
    pthread_cond_broadcast(&db->mirrored);
}

/* The next batch. The queue is looked at once the transaction has begun: another program may have held the database for
 * long, and who has given up meanwhile is not in it. */
static void work_off(struct sqlite *db) {
    size_t count;
    sqlite3 *handle = db->writer->handle;
    int64_t began = ava_now_us();
    int rc =
        may_write(db) ? sqlite3_exec(handle, "BEGIN IMMEDIATE", NULL, NULL, NULL) : SQLITE_READONLY;
    pthread_mutex_lock(&db->writes.lock);
    struct db_queued *batch = take_batch(db, &count);
    pthread_mutex_unlock(&db->writes.lock);
    if (!batch) {
        roll_back(db);
        return;
    }
    run_batch(db, batch, count, began, rc);
    db_queue_settle(&db->writes, batch);
    checkpoint_turn(db->checkpoint);
}

/* The writer thread: takes from the queue, and copies between two batches, until db_close. */
void *sqlite_write_on(void *arg) {
    struct sqlite *db = arg;
    pthread_mutex_lock(&db->writes.lock);
    while (!db->ends || db->writes.first) {
        if (!db->writes.first)
            await_work(db);
        bool has_work = db->writes.first;
        struct mirror *mirror = db->mirror;
        pthread_mutex_unlock(&db->writes.lock);
        if (has_work)
            work_off(db);
        bool has_ended = mirror && !mirror_turn(mirror, db->writer->handle);
        pthread_mutex_lock(&db->writes.lock);
        if (has_ended)
            let_go(db);
    }
    if (db->mirror)
        let_go(db);
    pthread_mutex_unlock(&db->writes.lock);
    return NULL;
}

/* Under the lock: until the writer is done with it. */
static void await_mirror(struct sqlite *db, struct mirror *m, const atomic_bool *gives_up) {
    db->mirror = m;
    pthread_cond_signal(&db->writes.more);
    while (db->mirror == m) {
        struct timespec until = clock_in_us(SPREAD_MS * 1000);
        pthread_cond_timedwait(&db->mirrored, &db->writes.lock, &until);
        if (gives_up && atomic_load(gives_up))
            atomic_store(&m->stops, true);
        pthread_mutex_unlock(&db->writes.lock);
        mirror_spread(m);
        pthread_mutex_lock(&db->writes.lock);
    }
}

bool sqlite_mirror(struct db *of, const char *to, const atomic_bool *gives_up, struct arena *a,
                   const char **why) {
    struct sqlite *db = sqlite_of(of);
    struct mirror m;
    pthread_mutex_lock(&db->writes.lock);
    bool is_free = !db->is_mirroring;
    if (is_free)
        db->is_mirroring = true;
    pthread_mutex_unlock(&db->writes.lock);
    if (!is_free) {
        *why = "another backup is being made";
        return false;
    }
    bool good = mirror_open(&m, to);
    pthread_mutex_lock(&db->writes.lock);
    if (good && !db->ends)
        await_mirror(db, &m, gives_up);
    pthread_mutex_unlock(&db->writes.lock);
    good = mirror_close(&m);
    if (!good) {
        *why = arena_printf(a, "cannot copy %s to %s: %s", db->path, to, sqlite3_errstr(m.result));
        unlink(to);
    }
    pthread_mutex_lock(&db->writes.lock);
    db->is_mirroring = false;
    pthread_mutex_unlock(&db->writes.lock);
    return good;
}

static void wait_for(struct db_queued *w) {
    struct span *span = db_span_begin_write(w->ctx, w->name);
    db_queue_wait(&sqlite_of(w->ctx->parts->db)->writes, w);
    db_span_end_write(span, w->together, w->result);
}

enum err sqlite_write(struct ctx *ctx, const char *name, enum db_alone alone, db_fn *fn,
                      void *arg) {
    struct db_queued w = { .ctx = ctx, .name = name, .fn = fn, .arg = arg };
    wait_for(&w);
    return w.result;
}

/* Pages of the file that hold nothing now. */
static int64_t free_pages(struct ctx *ctx, struct db_conn *c) {
    struct db_stmt *q = db_use(c, "PRAGMA freelist_count");
    int64_t count = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q) == OK ? count : 0;
}

static enum err steps_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct db_steps *s = arg;
    int64_t until_us = ava_now_us() + TURN_US, free_max = free_pages(ctx, tx) + TURN_PAGES;
    do {
        s->more = false;
        TRY(s->fn(ctx, tx, s->arg, &s->more));
    } while (s->more && ava_now_us() < until_us && free_pages(ctx, tx) < free_max);
    return OK;
}

/* Its pages come at a pace that leaves the disk to others. */
static int64_t wait_for_turn(struct db_queued *w) {
    wait_for(w);
    return w->cost / GENTLE_PAGES_PER_MS;
}

enum err sqlite_write_steps(struct ctx *ctx, db_step_fn *fn, void *arg, int64_t within_ms,
                            bool is_gentle, bool *is_done) {
    struct db_steps s = { .fn = fn, .arg = arg };
    return db_steps_go(ctx, &s, steps_write, wait_for_turn, within_ms, is_gentle, is_done);
}
