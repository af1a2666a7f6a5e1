#include "tasks/turns.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

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

enum err turn_take(struct ctx *ctx, const char *what, bool is_shared, struct turn *t) {
    struct turns *line = ctx->parts->turns;
    *t = (struct turn){ .line = line, .what = what, .is_shared = is_shared };
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
    if (is_mine)
        return OK;
    ctx->problem.retry_after_s = 1;
    return ctx_fail(ctx, ERR_PROVIDER_BUSY,
                    "Others are changing this all the time; try again in 1 s.");
}

bool turn_take_now(struct ctx *ctx, const char *what, struct turn *t) {
    struct turns *line = ctx->parts->turns;
    *t = (struct turn){ .line = line, .what = what };
    fiber_parking_init(&t->parking);
    pthread_mutex_lock(&line->lock);
    stand_in(line, t);
    bool is_mine = t->is_mine;
    if (!is_mine)
        leave(t);
    pthread_mutex_unlock(&line->lock);
    return is_mine;
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
    pthread_mutex_lock(&t->line->lock);
    leave(t);
    t->is_mine = false;
    pthread_mutex_unlock(&t->line->lock);
}
