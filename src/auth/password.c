#include "auth/password.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "crypto/password.h"

enum { AT_ONCE = 2, WAITING_MAX = 16 };

struct waiter {
    struct waiter *next;
    struct fiber_parking parking;
};

static struct {
    pthread_mutex_t lock;
    unsigned running, waiting;
    struct waiter *first;
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Takes w out of the queue. False when it is no longer in it, because leave() gave it a place. */
static bool drop(struct waiter *w) {
    for (struct waiter **at = &gate.first; *at; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            gate.waiting--;
            return true;
        }
    }
    return false;
}

/* Takes one of the AT_ONCE places, or waits for one; ERR_OVERLOADED when too many wait, or at the
 * deadline. */
static enum err enter(struct ctx *ctx) {
    struct waiter w = { .next = NULL };
    pthread_mutex_lock(&gate.lock);
    bool free_place = gate.running < AT_ONCE;
    bool may_wait = gate.waiting < WAITING_MAX;
    if (free_place) {
        gate.running++;
    } else if (may_wait) {
        struct waiter **end = &gate.first;
        while (*end)
            end = &(*end)->next;
        fiber_parking_init(&w.parking);
        *end = &w;
        gate.waiting++;
    }
    pthread_mutex_unlock(&gate.lock);
    if (free_place)
        return OK;
    /* Whoever leaves hands its place to the first who waits. */
    if (may_wait && fiber_park(&w.parking, ctx->deadline_ms, NULL, NULL))
        return OK;
    if (may_wait) {
        pthread_mutex_lock(&gate.lock);
        bool gave_up = drop(&w);
        pthread_mutex_unlock(&gate.lock);
        if (!gave_up)
            return OK; /* the place came in the same moment; giving it up would lose it */
    }
    ctx->problem.retry_after_s = 1;
    return ctx_fail(ctx, ERR_OVERLOADED, "Many people are signing in just now. Try again in 1 s.");
}

/* Hands the place to the first who waits, or gives it back. */
static void leave(void) {
    pthread_mutex_lock(&gate.lock);
    struct waiter *next = gate.first;
    if (next) {
        drop(next);
        fiber_unpark(&next->parking);
    } else {
        gate.running--;
    }
    pthread_mutex_unlock(&gate.lock);
}

struct job {
    const char *phc;
    struct str password;
    char made[PASSWORD_PHC_BYTES];
    bool verify, good;
};

static void work(void *arg) {
    struct job *job = arg;
    if (job->verify)
        job->good = password_verify(job->phc, job->password);
    else
        job->good = password_hash(job->made, job->password);
}

enum err auth_password_hash(struct ctx *ctx, struct str password, const char **phc) {
    struct job job = { .password = password };
    TRY(enter(ctx));
    fiber_offload(work, &job);
    leave();
    if (!job.good) {
        ctx->problem.retry_after_s = 1;
        return ctx_fail(ctx, ERR_OVERLOADED, "There is no memory to hash a password just now.");
    }
    *phc = arena_strdup(ctx->arena, job.made);
    return OK;
}

enum err auth_password_verify(struct ctx *ctx, const char *phc, struct str password, bool *good,
                              const char **rehashed) {
    struct job job = { .phc = phc, .password = password, .verify = true };
    *rehashed = NULL;
    TRY(enter(ctx));
    fiber_offload(work, &job);
    leave();
    *good = job.good;
    if (job.good && password_needs_rehash(phc))
        return auth_password_hash(ctx, password, rehashed);
    return OK;
}
