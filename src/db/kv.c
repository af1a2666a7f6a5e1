#include "db/kv.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "db/kv_parts.h"
#include "obs/log.h"
#include "obs/metrics.h"

enum {
    CONNECT_MS = 250,
    GREET_MS = 1000,
    PROBE_MS = 250,          /* for a probe to be answered */
    PROBE_EVERY_UP_MS = 1000 /* so that a silent end is seen though nobody asks */
};

/* --- who asks ------------------------------------------------------------------------------------------- */

static void wake(struct kv *kv) {
    uint64_t one = 1;
    ssize_t n = write(kv->wake_fd, &one, sizeof one);
    (void)n; /* full: it is awake */
}

/* Under the lock, or nobody else has it. */
static void ask_free(struct kv_ask *ask) {
    atomic_fetch_sub(&ask->kv->waiting, 1);
    buf_fini(&ask->command);
    free(ask);
}

static struct kv_ask *ask_new(struct kv *kv, struct buf *command) {
    struct kv_ask *ask = memory_zeroed(1, sizeof *ask);
    atomic_fetch_add(&kv->waiting, 1);
    ask->kv = kv;
    ask->command = *command;
    ask->since_ms = ava_now_ms();
    *command = (struct buf){ 0 };
    return ask;
}

/* Under the lock. */
static void queue(struct kv *kv, struct kv_ask *ask) {
    *kv->last_queued = ask;
    kv->last_queued = &ask->next;
}

/* Queues it, once its fiber can be woken. */
static void enqueue(void *arg) {
    struct kv_ask *ask = arg;
    struct kv *kv = ask->kv; /* it may be settled and gone before wake() */
    pthread_mutex_lock(&kv->lock);
    queue(kv, ask);
    pthread_mutex_unlock(&kv->lock);
    wake(kv);
}

/* Under the lock: takes it out of what is queued. */
static void leave(struct kv *kv, struct kv_ask *ask) {
    struct kv_ask **at = &kv->queued;
    while (*at != ask)
        at = &(*at)->next;
    *at = ask->next;
    if (!ask->next)
        kv->last_queued = at;
}

/* Its time is over. True: it was answered meanwhile after all. Else the ask is gone, or the thread's. */
static bool has_come(struct kv *kv, struct kv_ask *ask) {
    pthread_mutex_lock(&kv->lock);
    bool is_settled = ask->is_settled;
    if (!is_settled && !ask->is_sent) {
        leave(kv, ask);
        ask_free(ask);
    } else if (!is_settled) {
        ask->is_unwanted = true;
    }
    pthread_mutex_unlock(&kv->lock);
    if (!is_settled && atomic_fetch_add(&kv->late, 1) + 1 >= KV_LATE_MAX) {
        atomic_store(&kv->is_up, false); /* from now on nobody waits; the thread does the rest */
        wake(kv);
    }
    return is_settled;
}

bool kv_call(struct kv *kv, const char *use, struct buf *command, struct kv_answer *out) {
    int64_t began_us = ava_now_us();
    if (!command->len || !kv_is_up(kv) || atomic_load(&kv->waiting) >= KV_WAITING_MAX) {
        buf_fini(command);
        metric_observe_us(METRIC_KV_DURATION, 0, use, "refused");
        return false;
    }
    struct kv_ask *ask = ask_new(kv, command);
    fiber_parking_init(&ask->parking);
    if (!fiber_park(&ask->parking, ava_now_ms() + KV_BUDGET_MS, enqueue, ask) &&
        !has_come(kv, ask)) {
        metric_observe_us(METRIC_KV_DURATION, ava_now_us() - began_us, use, "late");
        return false;
    }
    bool is_good = ask->is_good;
    *out = ask->answer;
    ask_free(ask);
    metric_observe_us(METRIC_KV_DURATION, ava_now_us() - began_us, use, is_good ? "ok" : "failed");
    return is_good;
}

/* --- up and down ---------------------------------------------------------------------------------------- */

/* Under the lock: tells whoever waits, and it is theirs from then on. */
static void settle(struct kv_ask *ask) {
    ask->is_settled = true;
    if (ask->is_unwanted)
        ask_free(ask);
    else
        fiber_unpark(&ask->parking);
}

static void settle_all(struct kv_ask **first, struct kv_ask ***last) {
    for (struct kv_ask *ask = *first, *next; ask; ask = next) {
        next = ask->next;
        settle(ask);
    }
    *first = NULL;
    *last = first;
}

/* Says it once, until it was up: reasons take turns where a proxy answers in its place. */
static void go_down(struct kv *kv) {
    struct kv_wire *w = &kv->wire;
    atomic_store(&kv->is_up, false);
    kv_wire_close(w);
    kv->good = 0;
    pthread_mutex_lock(&kv->lock);
    str_copy(kv->state.why, sizeof kv->state.why, str_of(w->why));
    settle_all(&kv->sent, &kv->last_sent);
    settle_all(&kv->queued, &kv->last_queued);
    pthread_mutex_unlock(&kv->lock);
    metric_set(METRIC_KV_UP, 0, NULL);
    if (!kv->is_told && !atomic_load(&kv->ends))
        log_warn(NULL, "kv_down", L("why", w->why));
    kv->is_told = true;
}

static void go_up(struct kv *kv) {
    char version[sizeof kv->state.version];
    pthread_mutex_lock(&kv->lock);
    kv->state.why[0] = 0;
    memcpy(version, kv->state.version, sizeof version);
    pthread_mutex_unlock(&kv->lock);
    atomic_store(&kv->late, 0);
    atomic_store(&kv->is_up, true);
    kv->is_told = false;
    metric_set(METRIC_KV_UP, 1, NULL);
    log_info(NULL, "kv_up", L("version", version));
}

static bool connects(struct kv *kv) {
    if (!kv_wire_open(&kv->wire, &kv->url, CONNECT_MS) || !kv_greet(kv, ava_now_ms() + GREET_MS))
        return false;
    atomic_store(&kv->late, 0); /* of the connection before */
    kv->probe_at_ms = 0;
    return true;
}

/* --- the thread ----------------------------------------------------------------------------------------- */

static void append(struct kv *kv, struct kv_ask *ask) {
    ask->is_sent = true;
    ask->next = NULL;
    *kv->last_sent = ask;
    kv->last_sent = &ask->next;
    buf_str(&kv->wire.out, buf_view(&ask->command));
}

/* Under the lock. */
static void send_probe(struct kv *kv) {
    struct buf command = { 0 };
    buf_str(&command, buf_view(&kv->probe));
    struct kv_ask *ask = ask_new(kv, &command);
    ask->is_unwanted = ask->is_probe = true;
    append(kv, ask);
    kv->probe_at_ms = ask->since_ms + (atomic_load(&kv->is_up) ? PROBE_EVERY_UP_MS : KV_RETRY_MS);
}

static void send_queued(struct kv *kv) {
    pthread_mutex_lock(&kv->lock);
    for (struct kv_ask *ask = kv->queued, *next; ask; ask = next) {
        next = ask->next;
        append(kv, ask);
    }
    kv->queued = NULL;
    kv->last_queued = &kv->queued;
    if (ava_now_ms() >= kv->probe_at_ms)
        send_probe(kv);
    pthread_mutex_unlock(&kv->lock);
}

/* Under the lock: a server that was told to forget its scripts is told again, and asked once more. */
static void repeat(struct kv *kv, struct kv_ask *ask) {
    struct buf command = { 0 };
    kv_command(&command, 3, (struct str[]){ STR("SCRIPT"), STR("LOAD"), str_of(kv_limit_lua) });
    struct kv_ask *load = ask_new(kv, &command);
    load->is_unwanted = true;
    append(kv, load);
    ask->was_repeated = true;
    append(kv, ask);
}

/* Errors that tell that this server is of no use to anybody now. */
static bool is_fatal(const char *error) {
    static const char *const WORDS[] = { "READONLY",   "MOVED",     "ASK ",        "LOADING",
                                         "MASTERDOWN", "NOAUTH",    "WRONGPASS",   "NOPERM",
                                         "OOM",        "MISCONF",   "CLUSTERDOWN", "BUSY",
                                         "TRYAGAIN",   "NOREPLICAS" };
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        if (str_starts(str_of(error), str_of(WORDS[i])))
            return true;
    return false;
}

/* Under the lock. False and why: the server is of no use. */
static bool take(struct kv *kv, struct kv_ask *ask, const struct kv_reply *reply) {
    bool is_error = reply->kind == KV_ERROR;
    if (is_error && is_fatal(reply->text)) {
        ask->next = kv->sent; /* settled with the others */
        if (!kv->sent)
            kv->last_sent = &ask->next;
        kv->sent = ask;
        return kv_wire_fail(&kv->wire, "it refuses: %.100s", reply->text);
    }
    if (is_error && str_starts(str_of(reply->text), STR("NOSCRIPT")) && !ask->was_repeated) {
        repeat(kv, ask);
        return true;
    }
    ask->is_good = !is_error;
    ask->answer.kind = reply->kind;
    ask->answer.count = reply->count;
    memcpy(ask->answer.numbers, reply->numbers, sizeof ask->answer.numbers);
    if (ask->is_probe)
        kv->good = is_error ? 0 : kv->good + 1;
    else if (!ask->is_unwanted)
        atomic_store(&kv->late, 0);
    settle(ask);
    return true;
}

static bool take_all(struct kv *kv) {
    bool is_broken = false, is_good = true;
    const struct kv_reply *reply;
    pthread_mutex_lock(&kv->lock);
    while (is_good && (reply = kv_reader_next(kv->wire.reader, &is_broken))) {
        struct kv_ask *ask = kv->sent;
        if (!ask) {
            is_good = kv_wire_fail(&kv->wire, "it answers what nobody asked");
            break;
        }
        kv->sent = ask->next;
        if (!kv->sent)
            kv->last_sent = &kv->sent;
        is_good = take(kv, ask, reply);
    }
    pthread_mutex_unlock(&kv->lock);
    if (is_broken)
        kv_wire_fail(&kv->wire, "what it says is not the protocol of Redis");
    return is_good && !is_broken;
}

/* Is the oldest question too old? Answers come in order. */
static bool is_silent(struct kv *kv) {
    pthread_mutex_lock(&kv->lock);
    bool is_late = kv->sent && ava_now_ms() - kv->sent->since_ms > PROBE_MS;
    pthread_mutex_unlock(&kv->lock);
    bool too_often = atomic_load(&kv->late) >= KV_LATE_MAX;
    if (is_late || too_often)
        kv_wire_fail(&kv->wire, "it does not answer in time");
    return is_late || too_often;
}

static int wait_ms(struct kv *kv) {
    int64_t now_ms = ava_now_ms(), until_ms = kv->probe_at_ms;
    pthread_mutex_lock(&kv->lock);
    if (kv->sent && kv->sent->since_ms + PROBE_MS + 1 < until_ms)
        until_ms = kv->sent->since_ms + PROBE_MS + 1;
    pthread_mutex_unlock(&kv->lock);
    return until_ms <= now_ms ? 0 : (int)(until_ms - now_ms);
}

/* Writes what is to be said, and takes what is answered. False and why: the connection is over. */
static bool turn(struct kv *kv) {
    struct kv_wire *w = &kv->wire;
    uint64_t times;
    send_queued(kv);
    if (!kv_wire_write(w))
        return false;
    struct pollfd p[2] = { { .fd = w->fd, .events = (short)(POLLIN | (w->out.len ? POLLOUT : 0)) },
                           { .fd = kv->wake_fd, .events = POLLIN } };
    poll(p, 2, wait_ms(kv));
    if (p[1].revents && read(kv->wake_fd, &times, sizeof times) < 0)
        times = 0;
    if (p[0].revents & (POLLIN | POLLERR | POLLHUP) && (!kv_wire_read(w) || !take_all(kv)))
        return false;
    if (is_silent(kv))
        return false;
    if (!kv_is_up(kv) && kv->good >= KV_GOOD_TIMES)
        go_up(kv);
    return true;
}

static void rest(struct kv *kv) {
    struct pollfd p = { .fd = kv->wake_fd, .events = POLLIN };
    uint64_t times;
    if (poll(&p, 1, KV_RETRY_MS) > 0 && read(kv->wake_fd, &times, sizeof times) < 0)
        times = 0;
}

static void *run(void *arg) {
    struct kv *kv = arg;
    while (!atomic_load(&kv->ends)) {
        if (kv->wire.fd < 0 && !connects(kv)) {
            go_down(kv);
            rest(kv);
        } else if (!turn(kv)) {
            go_down(kv);
        }
    }
    go_down(kv);
    return NULL;
}

/* --- from outside --------------------------------------------------------------------------------------- */

bool kv_is_up(struct kv *kv) {
    return kv && atomic_load(&kv->is_up);
}

void kv_look(struct kv *kv, struct kv_state *out) {
    pthread_mutex_lock(&kv->lock);
    *out = kv->state;
    pthread_mutex_unlock(&kv->lock);
    out->is_up = kv_is_up(kv);
}

static void kv_free(struct kv *kv) {
    close(kv->wake_fd);
    pthread_mutex_destroy(&kv->lock);
    redis_url_wipe(&kv->url);
    buf_fini(&kv->probe);
    free(kv);
}

struct kv *kv_open(const struct kv_conf *conf, const char **why) {
    struct kv *kv = memory_zeroed(1, sizeof *kv);
    char key[96];
    kv->url = conf->url;
    kv->hash = conf->hash;
    kv->hash_arg = conf->hash_arg;
    kv->wire.fd = -1;
    kv->last_queued = &kv->queued;
    kv->last_sent = &kv->sent;
    pthread_mutex_init(&kv->lock, NULL);
    str_copy(kv->installation, sizeof kv->installation, str_of(conf->installation));
    snprintf(key, sizeof key, "ava:{%s}:probe", kv->installation);
    kv_command(&kv->probe, 5,
               (struct str[]){ STR("SET"), str_of(key), STR("1"), STR("PX"), STR("1000") });
    kv->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (kv->wake_fd >= 0 && pthread_create(&kv->thread, NULL, run, kv) == 0)
        return kv;
    *why = "no thread for Redis could be started";
    kv_free(kv);
    return NULL;
}

void kv_close(struct kv *kv) {
    if (!kv)
        return;
    atomic_store(&kv->ends, true);
    wake(kv);
    pthread_join(kv->thread, NULL);
    kv_free(kv);
}
