#include "tasks/soon.h"

#include "base/clock.h"

void *soon_new(const struct ctx *ctx, size_t size, size_t bytes, int64_t within_ms,
               void (*run)(struct soon *s)) {
    struct arena *a = arena_new(size + bytes);
    struct soon *s = arena_alloc(a, size);
    *s = (struct soon){ .arena = a, .run = run, .holders = 1 };
    ctx_init(&s->ctx, ctx->parts->whole ? ctx->parts->whole : ctx->parts, a, within_ms);
    ctx_follow(&s->ctx, ctx);
    s->ctx.who = ctx->who;
    return s;
}

static void release(struct soon *s) {
    if (--s->holders == 0)
        arena_free(s->arena); /* s lives in it */
}

void soon_tell(struct soon *s) {
    s->is_over = true;
    if (s->waiter)
        fiber_unpark(s->waiter);
    s->waiter = NULL;
}

static void run_alone(void *arg) {
    struct soon *s = arg;
    s->run(s);
    soon_tell(s);
    release(s);
}

static void begin(void *arg) {
    struct soon *s = arg;
    s->holders++;
    if (fiber_run(run_alone, s))
        return;
    s->holders--;
    s->is_over = true;
    s->is_left = true; /* so it never ran */
}

bool soon_begin(struct soon *s) {
    fiber_on_loop(begin, s);
    bool has_room = !s->is_left;
    s->is_left = false;
    return has_room;
}

bool soon_wait(struct soon *s, int64_t until_ms) {
    while (!s->is_over && ava_now_ms() < until_ms) {
        struct fiber_parking parking;
        fiber_parking_init(&parking);
        s->waiter = &parking;
        fiber_park(&parking, until_ms, NULL, NULL);
        s->waiter = NULL;
    }
    return s->is_over;
}

void soon_let_go(struct soon *s) {
    s->is_left = true;
    release(s);
}
