/* queue: writes that wait for a thread of the database, and their callers for what they come to. A caller that sleeps
 * leaves the queue when its time is over; one whose write has begun waits for its end. */
#pragma once

#include <pthread.h>

#include "base/fiber.h"
#include "db/db.h"

struct db_queued {
    struct db_queued *next;
    struct ctx *ctx;
    db_fn *fn;
    void *arg;
    const char *name; /* in traces */
    enum db_alone alone;
    enum err result;
    size_t together; /* how many its commit was for; 0: it was in none */
    int cost;        /* of its commit, in pages of the log */
    int64_t queued_us;
    bool is_taken; /* out of the queue */
    bool
        goes_apart; /* PostgreSQL: it was not kept with the others, and is to be run again by itself */
    bool is_settled;
    struct fiber_parking parking;
    struct db_queue *queue;
};

struct db_queue {
    pthread_mutex_t lock;
    pthread_cond_t more; /* by the system's monotonic clock */
    struct db_queued *first, **last;
    size_t count;
};

void db_queue_init(struct db_queue *q);
void db_queue_fini(struct db_queue *q);

/* Queues it, and returns when it has its result. Anywhere, on a fiber or a thread. */
void db_queue_wait(struct db_queue *q, struct db_queued *w);

/* Work that is done turn by turn (db_write_steps): fn until it leaves more false. */
struct db_steps {
    db_step_fn *fn;
    void *arg;
    bool more;
};
/* Has turn (a db_fn on the steps) done by wait, which queues it and says for how many ms one rests after it that leaves
 * room to others, until there is no more or within_ms have passed; *is_done: which of the two. */
enum err db_steps_go(struct ctx *ctx, struct db_steps *s, db_fn *turn,
                     int64_t (*wait)(struct db_queued *w), int64_t within_ms, bool is_gentle,
                     bool *is_done);

/* Under the lock: takes the one that *at points at out of the queue. */
struct db_queued *db_queue_take(struct db_queue *q, struct db_queued **at);
/* Wakes who wanted these, whose results are set. They are gone from then on. */
void db_queue_settle(struct db_queue *q, struct db_queued *batch);

enum err db_queue_refuse_late(struct ctx *ctx); /* of what its turn came for too late */
