#include "net/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/fiber.h"
#include "base/memory.h"

enum { STACK_BYTES = 256 << 10 };

/* Shared by who asks and who looks it up; whoever lets go last frees it. */
struct question {
    pthread_mutex_t lock;
    struct fiber_parking *waiter; /* NULL: gave up, or has been told */
    int holders;
    bool is_done;
    struct resolved answer;
    char host[256];
};

static atomic_size_t open_questions;

static void let_go(struct question *q) {
    pthread_mutex_lock(&q->lock);
    bool is_last = --q->holders == 0;
    pthread_mutex_unlock(&q->lock);
    if (!is_last)
        return;
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static void read_answer(const struct addrinfo *list, struct resolved *out) {
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        struct address address;
        if (!address_from(a->ai_addr, &address))
            continue;
        if (out->count == RESOLVE_ADDRESSES_MAX) {
            out->has_more = true;
            return;
        }
        out->list[out->count++] = address;
    }
}

static void *look_up(void *arg) {
    struct question *q = arg;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *list = NULL;
    struct resolved answer = { .count = 0 };
    if (getaddrinfo(q->host, NULL, &hints, &list) == 0) {
        read_answer(list, &answer);
        freeaddrinfo(list);
    }
    atomic_fetch_sub(&open_questions, 1);
    pthread_mutex_lock(&q->lock);
    q->answer = answer;
    q->is_done = true;
    if (q->waiter)
        fiber_unpark(q->waiter);
    q->waiter = NULL;
    pthread_mutex_unlock(&q->lock);
    let_go(q);
    return NULL;
}

static bool start(struct question *q) {
    pthread_t thread;
    pthread_attr_t attr;
    if (atomic_fetch_add(&open_questions, 1) >= RESOLVE_AT_ONCE_MAX) {
        atomic_fetch_sub(&open_questions, 1);
        return false;
    }
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    bool is_started = pthread_create(&thread, &attr, look_up, q) == 0;
    pthread_attr_destroy(&attr);
    if (!is_started)
        atomic_fetch_sub(&open_questions, 1);
    return is_started;
}

static bool (*replacement)(const char *host, struct resolved *out);

void resolve_replace(bool (*with)(const char *host, struct resolved *out)) {
    replacement = with;
}

bool resolve_host(const char *host, int64_t until_ms, struct resolved *out) {
    if (replacement)
        return replacement(host, out);
    struct fiber_parking parking;
    struct question *q = memory_zeroed(1, sizeof *q);
    pthread_mutex_init(&q->lock, NULL);
    fiber_parking_init(&parking);
    q->waiter = &parking;
    q->holders = 2;
    if (!str_copy(q->host, sizeof q->host, str_of(host)) || !start(q)) {
        q->holders = 1;
        let_go(q);
        return false;
    }
    fiber_park(&parking, until_ms, NULL, NULL);
    pthread_mutex_lock(&q->lock);
    q->waiter = NULL;
    bool is_answered = q->is_done && q->answer.count > 0;
    *out = q->answer;
    pthread_mutex_unlock(&q->lock);
    let_go(q);
    return is_answered;
}
