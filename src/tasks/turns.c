#include "tasks/turns.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "tasks/hosts.h"

enum { POLL_MS = 100, SPARE_MS = 5000, GIVE_MS = 2000 };

/* Holders and waiters of all things, in the order they came. Few at any time: each is a request. */
struct turns {
    pthread_mutex_t lock;
    struct turn *first;
};

struct turns *turns_new(void) {
    struct turns *line = memory_zeroed(1, sizeof *line);
    pthread_mutex_init(&line->lock, NULL);
    return line;
}

void turns_free(struct turns *line) {
    if (!line)
        return;
    pthread_mutex_destroy(&line->lock);
    free(line);
}

/* True when every turn on the same thing that stands before t shares, and t does too. */
static bool may_go(const struct turns *line, const struct turn *t) {
    for (const struct turn *before = line->first; before != t; before = before->next)
        if (strcmp(before->what, t->what) == 0 && !(t->is_shared && before->is_shared))
            return false;
    return true;
}

/* Takes t out of the queue, and gives their turn to those who may go now. Under the lock. */
static void leave(struct turn *t) {
    struct turns *line = t->line;
    struct turn **at = &line->first;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    for (struct turn *next = line->first; next; next = next->next) {
        if (next->is_mine || strcmp(next->what, t->what) != 0 || !may_go(line, next))
            continue;
        next->is_mine = true;
        fiber_unpark(&next->parking);
    }
}

/* Puts t at the end of the queue; its turn begins at once when nobody is in its way. */
static void stand_in(struct turns *line, struct turn *t) {
    struct turn **end = &line->first;
    while (*end)
        end = &(*end)->next;
    *end = t;
    t->is_mine = may_go(line, t);
}

/* --- between hosts --------------------------------------------------------------------------- */

static const char *lease_of(struct ctx *ctx, const char *what) {
    return arena_join(ctx->arena, "turn:", what);
}

/* *is_ours: no other host has the turn, until well after the deadline of ctx. */
static enum err ask_hosts(struct ctx *ctx, const char *what, bool *is_ours) {
    return hosts_may(ctx, lease_of(ctx, what), ctx_left_ms(ctx) + SPARE_MS, is_ours);
}

/* Waits until no other host has it. */
static enum err take_from_hosts(struct ctx *ctx, const char *what, bool *is_ours) {
    TRY(ask_hosts(ctx, what, is_ours));
    while (!*is_ours && ctx_left_ms(ctx) > 0) {
        fiber_sleep(POLL_MS + (int64_t)ava_rand_below(POLL_MS));
        TRY(ask_hosts(ctx, what, is_ours));
    }
    return OK;
}

/* Under the lock: nobody else of this host has it. Who comes from now on waits until t leaves, shared or not. */
static bool is_last(struct turn *t) {
    for (const struct turn *o = t->line->first; o; o = o->next)
        if (o != t && o->is_mine && strcmp(o->what, t->what) == 0)
            return false;
    t->is_shared = false;
    return true;
}

/* The lease goes before the turn does: the next of this host takes one of its own. */
static void give_to_hosts(struct turn *t) {
    pthread_mutex_lock(&t->line->lock);
    bool gives = t->ctx->parts->hosts && is_last(t);
    pthread_mutex_unlock(&t->line->lock);
    if (!gives)
        return;
    struct ctx late = *t->ctx;
    late.deadline_ms = ava_now_ms() + GIVE_MS;
    hosts_may_not(&late, lease_of(&late, t->what)); /* else it runs out */
}

/* --- taking and giving ----------------------------------------------------------------------- */

static void give(struct turn *t) {
    pthread_mutex_lock(&t->line->lock);
    leave(t);
    t->is_mine = false;
    pthread_mutex_unlock(&t->line->lock);
}

static enum err is_busy(struct ctx *ctx) {
    ctx->problem.retry_after_s = 1;
    return ctx_fail(ctx, ERR_PROVIDER_BUSY,
                    "Others are changing this all the time; try again in 1 s.");
}

/* Stands in the line of this host. False: not until the deadline. */
static bool take_here(struct ctx *ctx, const char *what, bool is_shared, struct turn *t) {
    struct turns *line = ctx->parts->turns;
    *t = (struct turn){ .line = line, .ctx = ctx, .what = what, .is_shared = is_shared };
    fiber_parking_init(&t->parking);
    pthread_mutex_lock(&line->lock);
    stand_in(line, t);
    bool must_wait = !t->is_mine;
    pthread_mutex_unlock(&line->lock);
    if (must_wait)
        fiber_park(&t->parking, ctx->deadline_ms, NULL, NULL);
    pthread_mutex_lock(&line->lock);
    bool is_mine = t->is_mine;
    if (!is_mine)
        leave(t);
    pthread_mutex_unlock(&line->lock);
    return is_mine;
}

enum err turn_take(struct ctx *ctx, const char *what, bool is_shared, struct turn *t) {
    bool is_ours;
    if (!take_here(ctx, what, is_shared, t))
        return is_busy(ctx);
    enum err e = take_from_hosts(ctx, what, &is_ours);
    if (e == OK && is_ours)
        return OK;
    give(t);
    return e == OK ? is_busy(ctx) : e;
}

bool turn_take_now(struct ctx *ctx, const char *what, struct turn *t) {
    struct turns *line = ctx->parts->turns;
    *t = (struct turn){ .line = line, .ctx = ctx, .what = what };
    fiber_parking_init(&t->parking);
    pthread_mutex_lock(&line->lock);
    stand_in(line, t);
    bool is_mine = t->is_mine, is_ours = false;
    if (!is_mine)
        leave(t);
    pthread_mutex_unlock(&line->lock);
    if (!is_mine)
        return false;
    if (ask_hosts(ctx, what, &is_ours) == OK && is_ours)
        return true;
    ctx_clear(ctx);
    give(t);
    return false;
}

bool turn_is_alone(struct turn *t) {
    bool is_alone = true;
    pthread_mutex_lock(&t->line->lock);
    for (const struct turn *o = t->line->first; o; o = o->next)
        is_alone &= o == t || !o->is_mine || strcmp(o->what, t->what) != 0;
    pthread_mutex_unlock(&t->line->lock);
    return is_alone;
}

void turn_give(struct turn *t) {
    if (!t->is_mine)
        return;
    give_to_hosts(t);
    give(t);
}
