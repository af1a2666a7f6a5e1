#include "service/turns.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* In the order they came; the first of each thing has it. Few at any time: each is a request. */
struct turns {
    pthread_mutex_t lock;
    struct turn *first;
};

struct turns *turns_new(void) {
    struct turns *line = calloc(1, sizeof *line);
    if (!line)
        abort();
    pthread_mutex_init(&line->lock, NULL);
    return line;
}

void turns_free(struct turns *line) {
    if (!line)
        return;
    pthread_mutex_destroy(&line->lock);
    free(line);
}

static struct turn *first_of(const struct turns *line, const char *what) {
    struct turn *t = line->first;
    while (t && strcmp(t->what, what) != 0)
        t = t->next;
    return t;
}

/* Out of the line; whoever is first for its thing now, gets it. */
static void leave(struct turn *t) {
    struct turn **at = &t->line->first;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    struct turn *first = first_of(t->line, t->what);
    if (first && !first->is_mine) {
        first->is_mine = true;
        fiber_unpark(&first->parking);
    }
}

enum err turn_take(struct ctx *ctx, const char *what, struct turn *t) {
    struct turns *line = ctx->parts->turns;
    struct turn **end = &line->first;
    *t = (struct turn){ .line = line, .what = what };
    fiber_parking_init(&t->parking);
    pthread_mutex_lock(&line->lock);
    t->is_mine = first_of(line, what) == NULL;
    bool must_wait = !t->is_mine;
    while (*end)
        end = &(*end)->next;
    *end = t;
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

void turn_give(struct turn *t) {
    if (!t->is_mine)
        return;
    pthread_mutex_lock(&t->line->lock);
    leave(t);
    t->is_mine = false;
    pthread_mutex_unlock(&t->line->lock);
}
