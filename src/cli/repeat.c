#include "cli/repeat.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

struct repeat {
    int64_t (*work)(void *arg);
    void *arg;
    int64_t first_ms;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ends_now;
    bool ends;
};

/* Under the lock, which it gives up meanwhile: until that time, or until it shall end. */
static void rest_until(struct repeat *r, int64_t until_ms) {
    while (!r->ends && ava_now_ms() < until_ms) {
        struct timespec until = clock_in_us(CLOCK_LOOK_MS * 1000);
        pthread_cond_timedwait(&r->ends_now, &r->lock, &until);
    }
}

static void *repeat_on(void *arg) {
    struct repeat *r = arg;
    int64_t in_ms = r->first_ms;
    pthread_mutex_lock(&r->lock);
    for (;;) {
        rest_until(r, ava_now_ms() + in_ms);
        if (r->ends)
            break;
        pthread_mutex_unlock(&r->lock);
        in_ms = r->work(r->arg);
        pthread_mutex_lock(&r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

struct repeat *repeat_start(int64_t (*work)(void *arg), void *arg, int64_t first_ms) {
    struct repeat *r = memory_zeroed(1, sizeof *r);
    *r = (struct repeat){ .work = work, .arg = arg, .first_ms = first_ms };
    pthread_mutex_init(&r->lock, NULL);
    clock_cond_init(&r->ends_now);
    errno = pthread_create(&r->thread, NULL, repeat_on, r);
    if (errno != 0)
        abort(); /* at start */
    return r;
}

void repeat_stop(struct repeat *r) {
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->ends = true;
    pthread_cond_signal(&r->ends_now);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->ends_now);
    free(r);
}
