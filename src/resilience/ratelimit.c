#include "resilience/ratelimit.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "obs/metrics.h"
#include "resilience/keyhash.h"
#include "resilience/limit_table.h"

enum { RING_MIN = 4, NS_PER_MS = 1000000 };

struct ratelimit {
    struct limit_table *arrivals; /* GCRA: theoretical arrival time */
    struct limit_table *logs;
};

struct arrival {
    int64_t tat_ns; /* 0: never came */
};

/* The stamps of admitted calls, oldest first from head on. 32 bits of milliseconds wrap after 49
 * days, so they are only ever compared by signed difference. */
struct log {
    uint32_t *ring;
    uint32_t size, head, count;
};

static void log_drop(void *value) {
    free(((struct log *)value)->ring);
}

static int64_t seconds_up(int64_t ns) {
    return ns <= 0 ? 0 : (ns + 999999999) / 1000000000;
}

static struct ratelimit_result take_gcra(struct arrival *a, const struct ratelimit_rule *rule,
                                         int64_t now_ms) {
    int64_t burst = rule->burst ? rule->burst : rule->count;
    int64_t step_ns = rule->period_ms * NS_PER_MS / rule->count;
    int64_t now_ns = now_ms * NS_PER_MS;
    int64_t early_ns = a->tat_ns - (burst - 1) * step_ns - now_ns;

    struct ratelimit_result r = { .limit = burst, .is_allowed = early_ns <= 0 };
    if (r.is_allowed)
        a->tat_ns = (a->tat_ns > now_ns ? a->tat_ns : now_ns) + step_ns;
    else
        r.retry_after_s = seconds_up(early_ns);
    int64_t room = (now_ns + burst * step_ns - a->tat_ns) / step_ns;
    r.remaining = !r.is_allowed || room < 0 ? 0 : room;
    r.reset_s = seconds_up(a->tat_ns - now_ns);
    return r;
}

/* Returns the bytes it grew by. */
static size_t log_grow(struct log *l, int64_t most) {
    uint32_t size = l->size ? l->size * 2 : RING_MIN;
    if (size > most)
        size = (uint32_t)most;
    uint32_t *ring = memory_zeroed(size, sizeof *ring);
    for (uint32_t i = 0; i < l->count; i++)
        ring[i] = l->ring[(l->head + i) % l->size];
    size_t more = (size - l->size) * sizeof *ring;
    free(l->ring);
    l->ring = ring;
    l->size = size;
    l->head = 0;
    return more;
}

static void log_forget(struct log *l, uint32_t now, int64_t period_ms) {
    while (l->count && (int32_t)(now - l->ring[l->head]) > period_ms) {
        l->head = (l->head + 1) % l->size;
        l->count--;
    }
}

static struct ratelimit_result take_sliding(struct log *l, const struct ratelimit_rule *rule,
                                            int64_t now_ms, size_t *grown_bytes) {
    uint32_t now = (uint32_t)now_ms;
    log_forget(l, now, rule->period_ms);
    struct ratelimit_result r = { .limit = rule->count, .is_allowed = l->count < rule->count };
    if (r.is_allowed) {
        if (l->count == l->size)
            *grown_bytes = log_grow(l, rule->count);
        l->ring[(l->head + l->count++) % l->size] = now;
    }
    /* After a reload lowered the limit there may be more stamps than it allows. */
    uint32_t over = l->count > rule->count ? l->count - (uint32_t)rule->count : 0;
    uint32_t leaving = l->ring[(l->head + over) % l->size];
    int64_t left_ms = rule->period_ms + 1 - (int32_t)(now - leaving);
    r.remaining = over ? 0 : rule->count - l->count;
    r.reset_s = seconds_up(left_ms * NS_PER_MS);
    r.retry_after_s = r.is_allowed ? 0 : r.reset_s;
    return r;
}

struct ratelimit *ratelimit_new(void) {
    struct ratelimit *r = memory_zeroed(1, sizeof *r);
    r->arrivals = limit_table_new(sizeof(struct arrival), RATELIMIT_PERIOD_MAX_MS, NULL);
    r->logs = limit_table_new(sizeof(struct log), RATELIMIT_PERIOD_MAX_MS, log_drop);
    return r;
}

void ratelimit_free(struct ratelimit *r) {
    if (!r)
        return;
    limit_table_free(r->arrivals);
    limit_table_free(r->logs);
    free(r);
}

struct ratelimit_result ratelimit_take(struct ratelimit *r, const struct ratelimit_rule *rule,
                                       struct str key, int64_t now_ms) {
    uint64_t hash = keyhash_pair(str_of(rule->policy), key);
    struct ratelimit_result result;
    if (rule->kind == RATELIMIT_GCRA) {
        result = take_gcra(limit_table_lock(r->arrivals, hash, now_ms), rule, now_ms);
        limit_table_unlock(r->arrivals, hash);
    } else {
        size_t grown_bytes = 0;
        result = take_sliding(limit_table_lock(r->logs, hash, now_ms), rule, now_ms, &grown_bytes);
        limit_table_weigh(r->logs, hash, grown_bytes);
        limit_table_unlock(r->logs, hash);
    }
    metric_add(METRIC_RATE_LIMIT_HITS, result.is_allowed ? 0 : 1, rule->policy);
    return result;
}

static void look_at_arrival(const struct arrival *a, const struct ratelimit_rule *rule,
                            int64_t now_ms, struct ratelimit_use *u) {
    int64_t step_ns = rule->period_ms * NS_PER_MS / rule->count;
    int64_t ahead_ns = a->tat_ns - now_ms * NS_PER_MS;
    if (ahead_ns <= 0)
        return;
    u->used = (ahead_ns + step_ns - 1) / step_ns;
    u->reset_s = seconds_up(ahead_ns);
}

static void look_at_log(struct log *l, const struct ratelimit_rule *rule, int64_t now_ms,
                        struct ratelimit_use *u) {
    uint32_t now = (uint32_t)now_ms;
    log_forget(l, now, rule->period_ms);
    if (!l->count)
        return;
    u->used = l->count;
    u->reset_s = seconds_up((rule->period_ms + 1 - (int32_t)(now - l->ring[l->head])) * NS_PER_MS);
}

struct ratelimit_use ratelimit_look(struct ratelimit *r, const struct ratelimit_rule *rule,
                                    struct str key, int64_t now_ms) {
    uint64_t hash = keyhash_pair(str_of(rule->policy), key);
    bool is_gcra = rule->kind == RATELIMIT_GCRA;
    struct ratelimit_use use = { .limit = is_gcra && rule->burst ? rule->burst : rule->count };
    struct limit_table *table = is_gcra ? r->arrivals : r->logs;
    void *value = limit_table_lock_known(table, hash, now_ms);
    if (!value)
        return use;
    if (is_gcra)
        look_at_arrival(value, rule, now_ms, &use);
    else
        look_at_log(value, rule, now_ms, &use);
    limit_table_unlock(table, hash);
    if (use.used > use.limit) /* a reload lowered it */
        use.used = use.limit;
    return use;
}
