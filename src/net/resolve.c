#include "net/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/memory.h"
#include "base/shares.h"

enum { STACK_BYTES = 256 << 10, WAITING_MAX = 256, WAITING_EACH_MAX = 32 };

/* Shared by who asks and who looks it up; whoever lets go last frees it. */
struct question {
    pthread_mutex_t lock;
    struct fiber_parking *waiter; /* NULL: gave up, or has been told */
    int holders;
    bool is_done, is_starved;
    struct shares_place place; /* held until it is answered, also when nobody waits any more */
    struct resolved answer;
    char host[256];
};

static struct shares questions =
    SHARES(RESOLVE_AT_ONCE_MAX, RESOLVE_EACH_MAX, WAITING_MAX, WAITING_EACH_MAX);

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
    int e = getaddrinfo(q->host, NULL, &hints, &list);
    bool is_starved = e == EAI_MEMORY ||
                      (e == EAI_SYSTEM && (errno == EMFILE || errno == ENFILE || errno == ENOMEM));
    if (e == 0) {
        read_answer(list, &answer);
        freeaddrinfo(list);
    }
    shares_leave(&questions, &q->place);
    pthread_mutex_lock(&q->lock);
    q->answer = answer;
    q->is_starved = is_starved;
    q->is_done = true;
    if (q->waiter)
        fiber_unpark(q->waiter);
    q->waiter = NULL;
    pthread_mutex_unlock(&q->lock);
    let_go(q);
    return NULL;
}

/* False when there is no thread for it. */
static bool start(struct question *q) {
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    bool is_started = pthread_create(&thread, &attr, look_up, q) == 0;
    pthread_attr_destroy(&attr);
    return is_started;
}

/* A question that is open, with two holders; NULL when it could not be asked by then. */
static struct question *ask(const char *whose, const char *host, int64_t until_ms,
                            struct fiber_parking *waiter) {
    struct question *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    if (!shares_enter(&questions, &q->place, whose, until_ms)) {
        free(q);
        return NULL;
    }
    pthread_mutex_init(&q->lock, NULL);
    str_copy(q->host, sizeof q->host, str_of(host));
    fiber_parking_init(waiter);
    q->waiter = waiter;
    q->holders = 2;
    if (start(q))
        return q;
    shares_leave(&questions, &q->place);
    q->holders = 1;
    let_go(q);
    return NULL;
}

static bool (*replacement)(const char *host, struct resolved *out);

void resolve_replace(bool (*with)(const char *host, struct resolved *out)) {
    replacement = with;
}

enum resolve_result resolve_host(const char *whose, const char *host, int64_t until_ms,
                                 struct resolved *out) {
    if (replacement)
        return replacement(host, out) ? RESOLVE_FOUND : RESOLVE_NONE;
    struct fiber_parking parking;
    int64_t now_ms = ava_now_ms(), left_ms = until_ms > now_ms ? until_ms - now_ms : 0;
    if (str_of(host).len >= sizeof((struct question *)NULL)->host)
        return RESOLVE_NONE;
    struct question *q = ask(whose, host, now_ms + left_ms / 2, &parking);
    if (!q)
        return RESOLVE_BUSY;
    fiber_park(&parking, until_ms, NULL, NULL);
    pthread_mutex_lock(&q->lock);
    q->waiter = NULL;
    enum resolve_result r = q->is_starved                       ? RESOLVE_BUSY
                            : q->is_done && q->answer.count > 0 ? RESOLVE_FOUND
                                                                : RESOLVE_NONE;
    *out = q->answer;
    pthread_mutex_unlock(&q->lock);
    let_go(q);
    return r;
}
