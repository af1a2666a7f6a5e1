#include "auth/password.h"

#include <pthread.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "crypto/password.h"

enum {
    AT_ONCE = 2,
    WAITING_MAX = 16,
    KNOWN_MORE = 8,    /* places kept for addresses that signed in before */
    EACH_MAX = 1,      /* places of one address */
    EACH_KNOWN_MAX = 4 /* of one that signed in before: an office has one address for all */
};
enum { KNOWN_BITS = 12, KNOWN_SLOTS = 1 << KNOWN_BITS };

struct waiter {
    struct waiter *next;
    struct fiber_parking parking;
    uint64_t from;
};

static struct {
    pthread_mutex_t lock;
    unsigned running, waiting;
    unsigned turns; /* places handed on */
    struct waiter *first;
    uint64_t known[KNOWN_SLOTS]; /* by hash; only who signs in displaces somebody */
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

/* Whom the request counts as: an IPv4 address, a /48 of IPv6; 0 when there is no peer. */
static uint64_t origin_of(const struct ctx *ctx) {
    struct address a;
    uint64_t from = 0;
    if (!ctx->peer_ip || !address_parse(str_of(ctx->peer_ip), &a))
        return 0;
    a = address_unmapped(a);
    for (size_t i = 0; i < (a.family == AF_INET ? 4 : 6); i++)
        from = from << 8 | a.bytes[i];
    return from | (uint64_t)(a.family == AF_INET ? 4 : 6) << 56;
}

static uint64_t *known_slot(uint64_t from) {
    return &gate.known[(from * 0x9E3779B97F4A7C15u) >> (64 - KNOWN_BITS)];
}

/* Did somebody sign in from there? The gate is locked. */
static bool is_known(uint64_t from) {
    return from && *known_slot(from) == from;
}

/* May one more of this origin wait? The gate is locked. */
static bool has_place(uint64_t from) {
    bool knows = is_known(from);
    unsigned same = 0;
    for (const struct waiter *w = gate.first; w; w = w->next)
        same += from && w->from == from;
    return same < (knows ? EACH_KNOWN_MAX : EACH_MAX) &&
           gate.waiting < WAITING_MAX + (knows ? KNOWN_MORE : 0);
}

void auth_password_known(const struct ctx *ctx) {
    uint64_t from = origin_of(ctx);
    pthread_mutex_lock(&gate.lock);
    if (from)
        *known_slot(from) = from;
    pthread_mutex_unlock(&gate.lock);
}

/* Takes one of the AT_ONCE places, or waits for one; ERR_OVERLOADED when too many wait, or at the
 * deadline. */
static enum err enter(struct ctx *ctx) {
    struct waiter w = { .from = origin_of(ctx) };
    pthread_mutex_lock(&gate.lock);
    bool free_place = gate.running < AT_ONCE;
    bool may_wait = has_place(w.from);
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
    /* Whoever leaves hands its place on. */
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

/* Whose turn it is: of three, two of those who signed in before where any waits, else the first. The gate is
 * locked. */
static struct waiter *next_waiter(void) {
    if (gate.turns++ % 3 == 2)
        return gate.first;
    for (struct waiter *w = gate.first; w; w = w->next)
        if (is_known(w->from))
            return w;
    return gate.first;
}

/* Hands the place on, or gives it back. */
static void leave(void) {
    pthread_mutex_lock(&gate.lock);
    struct waiter *next = next_waiter();
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
    bool verify, is_right;
    bool had_memory; /* else nothing came of it */
};

static void work(void *arg) {
    struct job *job = arg;
    if (job->verify)
        job->had_memory = password_verify(job->phc, job->password, &job->is_right);
    else
        job->had_memory = password_hash(job->made, job->password);
}

/* One after the other, in its turn. */
static enum err do_in_turn(struct ctx *ctx, struct job *job) {
    TRY(enter(ctx));
    fiber_offload(work, job);
    leave();
    if (job->had_memory)
        return OK;
    ctx->problem.retry_after_s = 1;
    return ctx_fail(ctx, ERR_OVERLOADED, "There is no memory to %s a password just now.",
                    job->verify ? "check" : "hash");
}

enum err auth_password_hash(struct ctx *ctx, struct str password, const char **phc) {
    struct job job = { .password = password };
    TRY(do_in_turn(ctx, &job));
    *phc = arena_strdup(ctx->arena, job.made);
    return OK;
}

enum err auth_password_verify(struct ctx *ctx, const char *phc, struct str password, bool *good,
                              const char **rehashed) {
    struct job job = { .phc = phc, .password = password, .verify = true };
    *rehashed = NULL;
    TRY(do_in_turn(ctx, &job));
    *good = job.is_right;
    if (*good && password_needs_rehash(phc) && auth_password_hash(ctx, password, rehashed) != OK)
        ctx_clear(ctx); /* another time: the password is right */
    return OK;
}
