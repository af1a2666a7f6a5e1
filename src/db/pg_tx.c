#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "db/pg.h"
#include "db/pg_locks.h"
#include "obs/log.h"
#include "obs/metrics.h"

enum {
    GRACE_MS = 1000, /* what has begun in time may end so much later, as on SQLite */
    STATEMENT_MS = 600 * 1000,
    UNSURE_MS = 10000, /* for as long it is asked what became of a commit that nobody answered, */
    UNSURE_MIN_MS = 2000, /* and for so long where the time of who waits is over */
    UNSURE_REST_MS = 50,
};

static const char STATE_NOT_YET_GIVEN[] = "22023"; /* xid8 "is in the future" */

static const char UNSURE[] = "The database went away while it saved this: it may have been saved "
                             "or not. Look before you try again.";

/* --- its beginning -------------------------------------------------------------------------------------- */

int64_t pg_last_deadline(const struct db_queued *batch) {
    int64_t last = 0;
    for (const struct db_queued *w = batch; w; w = w->next)
        if (w->ctx->deadline_ms > last)
            last = w->ctx->deadline_ms;
    return last;
}

static int64_t at_most(int64_t value, int64_t most) {
    return value < most ? value : most;
}

/* A workspace's transactions come one after the other, on every host; those for no workspace in particular come alone.
 * The locks are held until the end of the transaction. READ COMMITTED: each statement sees what was committed before
 * it, so what is read behind the lock is what the one before left. */
#define BEGIN                                                                         \
    "SELECT CAST(pg_current_xact_id() AS TEXT), set_config('lock_timeout', ?, true)," \
    " set_config('statement_timeout', ?, true)"
static const char *const BEGINS[] = {
    [DB_ALONE_IN_WORKSPACE] =
        BEGIN ", " PG_NOW ", pg_advisory_xact_lock_shared(?), pg_advisory_xact_lock(?), " PG_NOW,
    [DB_ALONE] = BEGIN ", " PG_NOW ", pg_advisory_xact_lock(?), " PG_NOW,
    [DB_BESIDE] = BEGIN,
};

static void bind_ms(struct pg_stmt *q, int64_t ms) {
    char text[24];
    snprintf(text, sizeof text, "%lldms", (long long)ms);
    pg_bind_str(&q->base, str_of(text));
}

/* What has begun by then may take until so long from now. */
static int64_t left_ms(int64_t deadline_ms) {
    int64_t left = deadline_ms - ava_now_ms();
    return (left > 0 ? left : 0) + GRACE_MS;
}

void pg_begin(struct pg_worker *worker, int64_t deadline_ms, int64_t lock_ms,
              struct pg_answer *begun) {
    struct pg_conn *c = &worker->conn;
    int64_t left = left_ms(deadline_ms);
    pg_cut_in(c, left + PG_CUT_AFTER_MS);
    struct pg_stmt *q = pg_stmt_new(c->db, BEGINS[worker->alone]);
    bind_ms(q, at_most(left, lock_ms));
    bind_ms(q, at_most(left, STATEMENT_MS));
    if (worker->alone != DB_BESIDE)
        pg_bind_i64(&q->base, pg_lock_key(PG_LOCK_ALL));
    if (worker->alone == DB_ALONE_IN_WORKSPACE)
        pg_bind_i64(&q->base, pg_lock_key(worker->key));
    pg_send_text(c, "BEGIN", NULL);
    pg_send(c, q, begun);
    pg_stmt_free(q);
    c->locks = 0;
}

/* The column of the one row. */
static int64_t integer_at(const struct pg_answer *answer, int column) {
    return pg_integer((struct str){ pq.getvalue(answer->result, 0, column),
                                    (size_t)pq.getlength(answer->result, 0, column) });
}

/* From and to: the columns that say when. */
static void note_wait(const struct pg_answer *answer, int from, int to, const char *lock) {
    if (answer->result && answer->rows == 1)
        metric_observe_us(METRIC_DB_LOCK_WAIT, integer_at(answer, to) - integer_at(answer, from),
                          lock);
}

void pg_note_waits(struct pg_worker *worker, struct pg_answer *begun) {
    static const char *const NAMES[PG_LOCKS] = { "lines", "audit" };
    if (worker->alone != DB_BESIDE)
        note_wait(begun, 3, worker->alone == DB_ALONE ? 5 : 6, "workspace");
    for (size_t i = 0; i < PG_LOCKS; i++) {
        note_wait(&worker->conn.waits[i], 0, 2, NAMES[i]);
        pg_answer_fini(&worker->conn.waits[i]);
    }
}

/* --- its end -------------------------------------------------------------------------------------------- */

bool pg_keeps_any(const struct db_queued *batch) {
    for (const struct db_queued *w = batch; w; w = w->next)
        if (w->result == OK)
            return true;
    return false;
}

void pg_fail_all(struct pg_conn *c, struct db_queued *batch) {
    for (struct db_queued *w = batch; w; w = w->next)
        if (w->result == OK)
            w->result = pg_say(w->ctx, &c->failure);
}

void pg_roll_back(struct pg_conn *c) {
    pg_collect(c);
    if (!c->failure.is_lost) {
        pg_sync(c);
        pg_collect(c);
        struct pg_failure kept = c->failure;
        pg_forgive(c);
        pg_send_text(c, "ROLLBACK", NULL);
        pg_sync(c);
        pg_collect(c);
        if (!c->failure.is_lost)
            c->failure = kept;
    }
}

enum fate { FATE_UNKNOWN, FATE_COMMITTED, FATE_UNDONE };

/* What the server says of a transaction, now; FATE_UNKNOWN while it goes on there. */
static enum fate ask_fate(struct pg_conn *c, const char *xid) {
    static const char FATE[] = "SELECT pg_xact_status(CAST(? AS xid8))";
    struct pg_stmt *q = pg_stmt_new(c->db, FATE);
    struct pg_answer answer = { 0 };
    enum fate fate = FATE_UNKNOWN;
    pg_bind_str(&q->base, str_of(xid));
    pg_send(c, q, &answer);
    pg_sync(c);
    pg_collect(c);
    pg_stmt_free(q);
    if (strcmp(answer.failure.state, STATE_NOT_YET_GIVEN) == 0) {
        fate = FATE_UNDONE; /* a crash took the number back: nothing of it was in the log */
        pg_forgive(c);
    } else if (answer.result && answer.rows == 1 && !pq.getisnull(answer.result, 0, 0)) {
        const char *said = pq.getvalue(answer.result, 0, 0);
        fate = strcmp(said, "committed") == 0 ? FATE_COMMITTED
               : strcmp(said, "aborted") == 0 ? FATE_UNDONE
                                              : FATE_UNKNOWN;
    }
    pg_answer_fini(&answer);
    return fate;
}

/* The connection was lost while it committed: its server knows what became of it. After a crash the number of a
 * transaction that was not in the log may be another's: then "committed" proves nothing. */
static enum fate find_out(struct pg_conn *c, const char *xid, int64_t until_ms) {
    char began[sizeof c->server_began];
    enum fate fate = FATE_UNKNOWN;
    str_copy(began, sizeof began, str_of(c->server_began));
    while (fate == FATE_UNKNOWN && xid[0] && ava_now_ms() < until_ms) {
        if (pg_connect(c))
            fate = ask_fate(c, xid);
        if (fate == FATE_UNKNOWN)
            fiber_sleep(UNSURE_REST_MS);
    }
    return fate == FATE_COMMITTED && strcmp(began, c->server_began) != 0 ? FATE_UNKNOWN : fate;
}

/* Nobody answered the commit of the batch: who waits for it is told what is true. */
static void settle_unsure(struct pg_conn *c, const char *xid, struct db_queued *batch) {
    static const char *const NAMES[] = { "unknown", "committed", "undone" };
    struct pg_failure lost = c->failure;
    int64_t now = ava_now_ms(), until = pg_last_deadline(batch);
    until = until < now + UNSURE_MIN_MS ? now + UNSURE_MIN_MS : at_most(until, now + UNSURE_MS);
    metric_add(METRIC_DB_UNSURE, 1);
    enum fate fate = find_out(c, xid, until);
    log_warn(NULL, "db", L("why", "a commit was not answered"), L("transaction", xid),
             L("it_was", NAMES[fate]));
    if (fate == FATE_COMMITTED)
        return;
    c->failure = lost;
    for (struct db_queued *w = batch; w; w = w->next) {
        if (w->result != OK)
            continue;
        w->result = pg_say(w->ctx, &lost);
        if (fate == FATE_UNKNOWN)
            w->result = ctx_fail(w->ctx, ERR_STORAGE_UNAVAILABLE, UNSURE);
    }
}

static void copy_xid(const struct pg_answer *begun, char out[24]) {
    if (begun->result && begun->rows == 1)
        str_copy(out, 24, str_of(pq.getvalue(begun->result, 0, 0)));
}

bool pg_try_commit(struct pg_conn *c, struct db_queued *batch, bool waits,
                   struct pg_answer *begun) {
    char xid[24] = "";
    if (waits) /* what it waits for is known by then */
        pg_collect(c);
    copy_xid(begun, xid);
    bool is_asked = !c->failure.is_set;
    pg_send_text(c, "COMMIT", NULL);
    pg_sync(c);
    pg_collect(c);
    copy_xid(begun, xid);
    if (!c->failure.is_set)
        return true;
    if (!c->failure.is_lost) {
        pg_roll_back(c);
        return false;
    }
    if (is_asked)
        settle_unsure(c, xid, batch);
    return is_asked;
}

void pg_commit(struct pg_conn *c, struct db_queued *batch, bool waits, struct pg_answer *begun) {
    if (!pg_keeps_any(batch))
        pg_roll_back(c);
    else if (!pg_try_commit(c, batch, waits, begun))
        pg_fail_all(c, batch);
}
