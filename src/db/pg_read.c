#include "base/clock.h"
#include "db/pg.h"

enum {
    TOGETHER_MAX = 8, /* reads in one turn of a thread: a slow one keeps no more waiting */
    GRACE_MS = 1000,  /* for who has to say something though its time is over */
};

/* --- whose read it is ------------------------------------------------------------------------------- */

struct db_conn *pg_reader(struct ctx *ctx) {
    struct pg_side *side = arena_alloc(ctx->arena, sizeof *side);
    *side = (struct pg_side){ .base = { .db = ctx->parts->db }, .reader = ctx };
    return &side->base;
}

/* Queues a read, once its fiber can be woken. */
static void enqueue(void *arg) {
    struct pg_stmt *q = arg;
    struct postgres *db = q->db;
    pthread_mutex_lock(&db->lock);
    q->next = NULL;
    *db->last_read = q;
    db->last_read = &q->next;
    pthread_cond_signal(&db->more_reads);
    pthread_mutex_unlock(&db->lock);
}

/* Under the lock. */
static void leave(struct postgres *db, struct pg_stmt *q) {
    struct pg_stmt **at = &db->first_read;
    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    if (!q->next)
        db->last_read = at;
}

/* Its time is over: whoever reads for it goes on alone, and what it finds goes away with it. */
static void give_up(struct pg_stmt *q) {
    struct postgres *db = q->db;
    pthread_mutex_lock(&db->lock);
    bool is_late = !q->is_settled;
    if (is_late && !q->is_taken) {
        leave(db, q);
        atomic_fetch_sub(&q->holders, 1); /* the thread's, which never had it */
    }
    q->is_abandoned = is_late;
    pthread_mutex_unlock(&db->lock);
    if (is_late)
        pg_fail(&q->answer.failure, q->sql, "57014",
                "reading took longer than the request may take");
}

void pg_ask(struct pg_stmt *q) {
    q->deadline_ms = q->ctx->deadline_ms + GRACE_MS;
    if (!atomic_load(&q->db->is_up)) {
        pg_fail_away(&q->answer.failure, q->sql);
        return;
    }
    atomic_store(&q->holders, 2);
    fiber_parking_init(&q->parking);
    if (!fiber_park(&q->parking, q->deadline_ms, enqueue, q))
        give_up(q);
}

/* --- a thread that reads ---------------------------------------------------------------------------- */

struct turn {
    struct pg_stmt *reads[TOGETHER_MAX];
    struct pg_answer answers[TOGETHER_MAX];
    size_t count;
};

/* Under the lock: up to TOGETHER_MAX of the queue. */
static void take(struct postgres *db, struct turn *t) {
    for (t->count = 0; t->count < TOGETHER_MAX && db->first_read; t->count++) {
        struct pg_stmt *q = db->first_read;
        db->first_read = q->next;
        q->is_taken = true;
        t->reads[t->count] = q;
        t->answers[t->count] = (struct pg_answer){ 0 };
    }
    if (!db->first_read)
        db->last_read = &db->first_read;
}

/* Under the lock: hands over what was found, to whom it still is of use. */
static void settle(const struct turn *t) {
    for (size_t i = 0; i < t->count; i++) {
        struct pg_stmt *q = t->reads[i];
        q->is_settled = true;
        if (q->is_abandoned) {
            struct pg_answer unwanted = t->answers[i];
            pg_answer_fini(&unwanted);
        } else {
            q->answer = t->answers[i];
            fiber_unpark(&q->parking);
        }
        pg_let_go(q);
    }
}

static void read_some(struct pg_conn *c, struct turn *t, size_t from, size_t to) {
    pg_forgive(c);
    for (size_t i = from; i < to; i++) {
        pg_answer_fini(&t->answers[i]);
        t->answers[i] = (struct pg_answer){ 0 };
        pg_send(c, t->reads[i], &t->answers[i]);
    }
    pg_sync(c);
    pg_collect(c);
}

/* All at once; where one fails, so do those behind it, and each is read by itself. False: the connection is lost. */
static bool read_all(struct pg_conn *c, struct turn *t) {
    read_some(c, t, 0, t->count);
    if (c->failure.is_set && !c->failure.is_lost && t->count > 1)
        for (size_t i = 0; i < t->count && !c->failure.is_lost; i++)
            read_some(c, t, i, i + 1);
    return !c->failure.is_lost;
}

/* A connection may have ended while nobody used it: what reads may be done again, once. */
static void read_turn(struct pg_conn *c, struct turn *t) {
    int64_t last = 0;
    for (size_t i = 0; i < t->count; i++)
        if (t->reads[i]->deadline_ms > last)
            last = t->reads[i]->deadline_ms;
    for (int tries = 0; tries < 2; tries++) {
        if (!pg_ready(c)) {
            for (size_t i = 0; i < t->count; i++)
                t->answers[i].failure = c->failure;
            return;
        }
        pg_cut_in(c, last - ava_now_ms() + PG_CUT_AFTER_MS);
        bool good = read_all(c, t);
        pg_cut_in(c, 0);
        if (good)
            return;
        pg_disconnect(c);
        if (ava_now_ms() >= last)
            return;
    }
}

void *pg_read_on(void *arg) {
    struct pg_worker *w = arg;
    struct postgres *db = w->db;
    struct turn t;
    pthread_mutex_lock(&db->lock);
    for (;;) {
        while (!db->first_read && !db->ends)
            pthread_cond_wait(&db->more_reads, &db->lock);
        if (!db->first_read)
            break;
        take(db, &t);
        pthread_mutex_unlock(&db->lock);
        read_turn(&w->conn, &t);
        pthread_mutex_lock(&db->lock);
        settle(&t);
    }
    pthread_mutex_unlock(&db->lock);
    return NULL;
}
