#include "db/queue.h"

#include "base/clock.h"
#include "obs/metrics.h"

enum { TURN_WAIT_MS = 30 * 1000 };

void db_queue_init(struct db_queue *q) {
    *q = (struct db_queue){ .last = &q->first };
    pthread_mutex_init(&q->lock, NULL);
    clock_cond_init(&q->more);
}

void db_queue_fini(struct db_queue *q) {
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->more);
}

enum err db_queue_refuse_late(struct ctx *ctx) {
    ctx->problem.retry_after_s = 1;
    return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE,
                    "Saving had to wait longer than this request may take.");
}

/* Queues a write, once its fiber can be woken. */
static void enqueue(void *arg) {
    struct db_queued *w = arg;
    struct db_queue *q = w->queue;
    w->queued_us = ava_now_us();
    pthread_mutex_lock(&q->lock);
    *q->last = w;
    q->last = &w->next;
    q->count++;
    pthread_cond_signal(&q->more);
    pthread_mutex_unlock(&q->lock);
}

struct db_queued *db_queue_take(struct db_queue *q, struct db_queued **at) {
    struct db_queued *w = *at;
    *at = w->next;
    if (!w->next)
        q->last = at;
    w->next = NULL;
    w->is_taken = true;
    metric_observe_us(METRIC_DB_QUEUE, ava_now_us() - w->queued_us, NULL);
    q->count--;
    return w;
}

/* Its time is over. True when its turn had not come, and never will; or it has been settled meanwhile. False: it is
 * under way, and its result has to be waited for. */
static bool has_given_up(struct db_queued *w) {
    struct db_queue *q = w->queue;
    pthread_mutex_lock(&q->lock);
    bool is_over = !w->is_taken || w->is_settled;
    if (!w->is_taken) {
        struct db_queued **at = &q->first;
        while (*at != w)
            at = &(*at)->next;
        db_queue_take(q, at);
        w->result = db_queue_refuse_late(w->ctx);
    }
    if (!is_over)
        fiber_parking_init(&w->parking);
    pthread_mutex_unlock(&q->lock);
    return is_over;
}

void db_queue_wait(struct db_queue *q, struct db_queued *w) {
    w->queue = q;
    fiber_parking_init(&w->parking);
    if (!fiber_park(&w->parking, w->ctx->deadline_ms, enqueue, w) && !has_given_up(w))
        fiber_park(&w->parking, FIBER_NO_DEADLINE, NULL, NULL);
}

void db_queue_settle(struct db_queue *q, struct db_queued *batch) {
    pthread_mutex_lock(&q->lock);
    for (struct db_queued *w = batch, *next; w; w = next) {
        next = w->next; /* gone as soon as its fiber runs */
        w->is_settled = true;
        fiber_unpark(&w->parking);
    }
    pthread_mutex_unlock(&q->lock);
}

enum err db_steps_go(struct ctx *ctx, struct db_steps *s, db_fn *turn,
                     int64_t (*wait)(struct db_queued *w), int64_t within_ms, bool is_gentle,
                     bool *is_done) {
    int64_t until_ms = ava_now_ms() + within_ms;
    do {
        struct db_queued w = { .ctx = ctx, .name = "steps", .fn = turn, .arg = s };
        ctx_grant(ctx, TURN_WAIT_MS);
        int64_t rest_ms = wait(&w);
        TRY(w.result);
        if (is_gentle && s->more)
            fiber_sleep(rest_ms);
    } while (s->more && ava_now_ms() < until_ms);
    *is_done = !s->more;
    return OK;
}
