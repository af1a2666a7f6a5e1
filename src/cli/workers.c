#include "cli/workers.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/db.h"
#include "net/client.h"
#include "tasks/jobs.h"

enum {
    FIBERS_MAX = 32000, /* the kernel allows about 65,530 mappings, and a fiber is two */
    CORES_MAX = 4,
    BODIES_MAX_BYTES = 48 << 20,     /* of requests that are coming in, on all loops */
    BODIES_OWN_BYTES = 8 << 20,      /* of that: each server has its part */
    BODIES_RESERVE_BYTES = 16 << 20, /* of that: two reports of a call, as long as they may be */
};

/* For what takes long: two hash passwords (auth/password.c), two make sums (service/calls/analytics.c);
 * the rest pack and read long bodies. */
static const char POOL_THREADS[] = "8";

/* --- on a worker's thread -------------------------------------------------------------------- */

static void dismiss(void *arg) {
    struct worker *w = arg;
    for (size_t i = 0; i < w->server_count; i++)
        http_server_dismiss(w->servers[i]);
}

static void drain(void *arg) {
    struct worker *w = arg;
    for (size_t i = 0; i < w->server_count; i++)
        http_server_drain(w->servers[i]);
}

/* Runs between two fibers: none of them still reads what was replaced before. */
static void turn(void *arg) {
    struct worker *w = arg;
    loop_limit_fibers(w->loop, w->all->fibers_per_loop);
    atomic_fetch_add(&w->all->turned, 1);
}

/* A signal handler of somebody else's may interrupt the wait. */
static void wait_for(sem_t *s) {
    while (sem_wait(s) != 0 && errno == EINTR)
        ;
}

static void *work(void *arg) {
    struct worker *w = arg;
    struct workers *all = w->all;
    w->loop = loop_new(all->fibers_per_loop);
    struct client *client = client_new(w->loop);
    db_reader_open(all->db); /* now, while there are descriptors for it */
    for (size_t i = 0; i < w->server_count; i++) {
        w->servers[i] =
            http_server_open(w->loop, w->fds[i],
                             i < all->address_count ? &all->app : &all->metrics_app, &all->limits);
        if (all->is_shared[i])
            http_server_share(w->servers[i]);
    }
    w->dismiss = (struct loop_call){ .fn = dismiss, .arg = w };
    w->drain = (struct loop_call){ .fn = drain, .arg = w };
    w->turn = (struct loop_call){ .fn = turn, .arg = w };
    if (w == all->list)
        jobs_start(all->jobs);
    sem_post(&w->ready);
    loop_run(w->loop);
    atomic_fetch_add(&all->ended, 1);
    wait_for(&w->leave); /* the others, and who counts for them, may still look at this one */
    for (size_t i = 0; i < w->server_count; i++)
        http_server_free(w->servers[i]);
    client_free(client);
    loop_free(w->loop);
    return NULL;
}

/* --- on the main thread ---------------------------------------------------------------------- */

/* One for each loop, the main thread, the writer and the pool. glibc's own number (eight for each processor) is
 * never met, and as long as it is not, a thread whose arena cannot grow is told that there is no memory, though the
 * other arenas hold much that is free: it looks into another only when no new one may be made. */
static void plan_arenas(size_t loops) {
    mallopt(M_ARENA_MAX, (int)loops + 3);
}

void workers_plan(struct workers *w, const struct config *c, struct db *db) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    w->count = c->threads ? (size_t)c->threads : cores < CORES_MAX ? (size_t)cores : CORES_MAX;
    plan_arenas(w->count);
    w->db = db;
    setenv("UV_THREADPOOL_SIZE", POOL_THREADS, 1); /* libuv reads it with the first work it gets */
    w->limits = HTTP_LIMITS_DEFAULT;
    w->memory.max = BODIES_MAX_BYTES;
    w->memory.reserve = BODIES_RESERVE_BYTES;
    w->memory.own = BODIES_OWN_BYTES;
    w->limits.memory = &w->memory;
    workers_share_fibers(w, c);
}

void workers_start(struct workers *w) {
    atomic_store(&w->turned, w->count);
    w->memory.own_each = BODIES_OWN_BYTES / (w->count * w->list[0].server_count);
    for (size_t i = 0; i < w->count; i++) {
        struct worker *one = &w->list[i];
        one->all = w;
        sem_init(&one->ready, 0, 0);
        sem_init(&one->leave, 0, 0);
        errno = pthread_create(&one->thread, NULL, work, one);
        if (errno != 0)
            abort(); /* at start */
        wait_for(&one->ready);
    }
    atomic_store(&w->is_up, true);
}

/* A request that places an operation is two fibers; jobs and health come on top. */
void workers_share_fibers(struct workers *w, const struct config *c) {
    size_t fibers = (size_t)c->max_requests * 2 + 256 * w->count;
    w->fibers_per_loop = (fibers < FIBERS_MAX ? fibers : FIBERS_MAX) / w->count;
}

void workers_turn(struct workers *w) {
    atomic_store(&w->turned, 0);
    for (size_t i = 0; i < w->count; i++)
        loop_post(w->list[i].loop, &w->list[i].turn);
}

bool workers_have_turned(struct workers *w, int64_t ms) {
    const struct timespec moment = { .tv_nsec = 1000 * 1000 };
    int64_t until = ava_now_ms() + ms;
    while (atomic_load(&w->turned) < w->count && ava_now_ms() < until)
        nanosleep(&moment, NULL);
    return atomic_load(&w->turned) == w->count;
}

static size_t sum(const struct workers *w, size_t (*of)(const struct http_server *)) {
    size_t total = 0;
    for (size_t i = 0; i < w->count; i++)
        for (size_t k = 0; k < w->list[i].server_count; k++)
            total += of(w->list[i].servers[k]);
    return total;
}

size_t workers_connections(const struct workers *w) {
    return sum(w, http_server_connections);
}

size_t workers_busy(const struct workers *w) {
    return sum(w, http_server_busy);
}

int64_t workers_lag_ms(const struct workers *w) {
    int64_t lag = 0;
    for (size_t i = 0; i < w->count; i++)
        if (loop_lag_ms(w->list[i].loop) > lag)
            lag = loop_lag_ms(w->list[i].loop);
    return lag;
}

int64_t workers_longest_turn_us(const struct workers *w) {
    int64_t longest = 0;
    for (size_t i = 0; i < w->count; i++)
        if (loop_longest_turn_us(w->list[i].loop) > longest)
            longest = loop_longest_turn_us(w->list[i].loop);
    return longest;
}

int64_t workers_last_turn_ms(const struct workers *w) {
    int64_t oldest = ava_now_ms();
    for (size_t i = 0; i < w->count && atomic_load(&w->is_up); i++)
        if (loop_last_turn_ms(w->list[i].loop) < oldest)
            oldest = loop_last_turn_ms(w->list[i].loop);
    return oldest;
}

void workers_dismiss(struct workers *w) {
    for (size_t i = 0; i < w->count; i++)
        loop_post(w->list[i].loop, &w->list[i].dismiss);
}

void workers_drain(struct workers *w) {
    for (size_t i = 0; i < w->count; i++)
        loop_post(w->list[i].loop, &w->list[i].drain);
}

bool workers_are_quiet(const struct workers *w) {
    for (size_t i = 0; i < w->count; i++)
        for (size_t k = 0; k < w->list[i].server_count; k++)
            if (!http_server_is_over(w->list[i].servers[k]))
                return false;
    return true;
}

void workers_stop(struct workers *w) {
    for (size_t i = 0; i < w->count; i++)
        loop_stop(w->list[i].loop);
}

bool workers_have_ended(const struct workers *w) {
    return atomic_load(&w->ended) == w->count;
}

void workers_join(struct workers *w) {
    for (size_t i = 0; i < w->count; i++)
        sem_post(&w->list[i].leave);
    for (size_t i = 0; i < w->count; i++)
        pthread_join(w->list[i].thread, NULL);
}
