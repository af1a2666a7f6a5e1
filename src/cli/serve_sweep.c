/* Sweeping: what is old enough is forgotten, every ten minutes, on a thread of its own: it waits for the database, and the
 * main thread must not. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/session.h"
#include "base/clock.h"
#include "base/memory.h"
#include "cli/browser.h"
#include "cli/serve.h"
#include "obs/log.h"
#include "service/forwarding/deliveries.h"
#include "service/inbox/events.h"
#include "service/inbox/inbox.h"
#include "service/notices/notices.h"
#include "service/upkeep/audit_heads.h"
#include "tasks/idempotency.h"

enum {
    EVERY_MS = 10 * 60 * 1000,
    AGAIN_MS = 1000,
    PIECE_MS = 300, /* of each kind of thing */
    WRITE_MS = 30 * 1000,
};

struct sweeper {
    struct serve *serve;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ends_now;
    bool ends;
};

/* Forgets what is old enough. Returns after how many ms it wants to be called again: soon, when there
 * was more than fits into the time that one sweep may take. */
static int64_t sweep(struct serve *s) {
    static enum err (*const FORGET[])(struct ctx *, int64_t,
                                      bool *) = { idempotency_forget_old, events_forget_old,
                                                  deliveries_forget_old, notices_forget_old,
                                                  audit_forget_old };
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    bool is_done, all_done = true;
    house_ctx(&s->house, &ctx, a);
    ctx.deadline_ms = ava_now_ms() + WRITE_MS;
    auth_sweep(&ctx);
    audit_heads_sign(&ctx, false);
    for (size_t i = 0; i < ARRAY_LEN(FORGET); i++)
        if (FORGET[i](&ctx, PIECE_MS, &is_done) == OK)
            all_done = all_done && is_done;
    inbox_recover(&ctx);
    browser_forget(s->house.config.data_dir);
    arena_free(a);
    return all_done ? EVERY_MS : AGAIN_MS;
}

/* Under the lock, which it gives up meanwhile: until that time, or until it shall end. */
static void rest_until(struct sweeper *w, int64_t until_ms) {
    while (!w->ends && ava_now_ms() < until_ms) {
        struct timespec until = clock_in_us(CLOCK_LOOK_MS * 1000);
        pthread_cond_timedwait(&w->ends_now, &w->lock, &until);
    }
}

static void *sweep_on(void *arg) {
    struct sweeper *w = arg;
    int64_t in_ms = EVERY_MS;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        rest_until(w, ava_now_ms() + in_ms);
        if (w->ends)
            break;
        pthread_mutex_unlock(&w->lock);
        in_ms = sweep(w->serve);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

void serve_sweep_start(struct serve *s) {
    struct sweeper *w = memory_zeroed(1, sizeof *w);
    w->serve = s;
    pthread_mutex_init(&w->lock, NULL);
    clock_cond_init(&w->ends_now);
    errno = pthread_create(&w->thread, NULL, sweep_on, w);
    if (errno != 0)
        abort(); /* at start */
    s->sweeper = w;
}

void serve_sweep_stop(struct serve *s) {
    struct sweeper *w = s->sweeper;
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->ends = true;
    pthread_cond_signal(&w->ends_now);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->ends_now);
    free(w);
    s->sweeper = NULL;
}
