#include "resilience/ratelimit.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "db/kv.h"
#include "obs/metrics.h"
#include "resilience/keyhash.h"
#include "resilience/limit_table.h"

enum { RING_MIN = 4, NS_PER_MS = 1000000 };

struct ratelimit {
    struct limit_table *arrivals; /* GCRA: theoretical arrival time */
    struct limit_table *logs;
    struct kv *kv; /* NULL: this host alone */
    size_t (*hosts)(const void *arg);
    const void *hosts_arg;
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

void ratelimit_share(struct ratelimit *r, struct kv *kv, size_t (*hosts)(const void *arg),
                     const void *arg) {
    r->kv = kv;
    r->hosts = hosts;
    r->hosts_arg = arg;
}

/* By this host's table. */
static struct ratelimit_result take_here(struct ratelimit *r, const struct ratelimit_rule *rule,
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
    return result;
}

/* What of the limit is this host's where nobody counts for all. */
static struct ratelimit_rule share_of(struct ratelimit *r, const struct ratelimit_rule *rule) {
    struct ratelimit_rule part = *rule;
    int64_t hosts = r->kv ? (int64_t)r->hosts(r->hosts_arg) : 1;
    int64_t burst = rule->burst ? rule->burst : rule->count;
    if (hosts < 2)
        return part;
    part.count = (rule->count + hosts - 1) / hosts;
    part.burst = rule->kind == RATELIMIT_GCRA ? (burst + hosts - 1) / hosts : 0;
    return part;
}

static size_t take_all_here(struct ratelimit *r, struct ratelimit_ask *asks, size_t count,
                            int64_t now_ms) {
    for (size_t i = 0; i < count; i++) {
        struct ratelimit_rule share = share_of(r, &asks[i].rule);
        asks[i].result = take_here(r, &share, asks[i].key, now_ms);
        if (!asks[i].result.is_allowed)
            return i;
    }
    return count;
}

/* --- counted for all hosts ------------------------------------------------------------------------------ */

static struct kv_rule kv_rule_of(const struct ratelimit_ask *ask) {
    const struct ratelimit_rule *rule = &ask->rule;
    return (
        struct kv_rule){ rule->policy, ask->key,        rule->kind == RATELIMIT_SLIDING,
                         rule->count,  rule->period_ms, rule->burst ? rule->burst : rule->count };
}

static struct ratelimit_result sliding_said(const struct ratelimit_rule *rule,
                                            const struct kv_found *f, bool is_taken) {
    int64_t used = f->before + (is_taken ? 1 : 0);
    struct ratelimit_result r = { .limit = rule->count, .is_allowed = f->before < rule->count };
    int64_t wait_us = f->before ? f->wait_us : rule->period_ms * 1000 + 1;
    r.remaining = used < rule->count ? rule->count - used : 0;
    r.reset_s = seconds_up(wait_us * 1000);
    r.retry_after_s = r.is_allowed ? 0 : r.reset_s;
    return r;
}

static struct ratelimit_result gcra_said(const struct ratelimit_rule *rule,
                                         const struct kv_found *f, int64_t now_us, bool is_taken) {
    int64_t burst = rule->burst ? rule->burst : rule->count;
    int64_t step_us =
        rule->period_ms * 1000 / rule->count > 0 ? rule->period_ms * 1000 / rule->count : 1;
    struct ratelimit_result r = { .limit = burst, .is_allowed = f->wait_us <= 0 };
    int64_t tat_us = f->before;
    if (is_taken)
        tat_us = (tat_us > now_us ? tat_us : now_us) + step_us;
    else if (!r.is_allowed)
        r.retry_after_s = seconds_up(f->wait_us * 1000);
    int64_t room = (now_us + burst * step_us - tat_us) / step_us;
    r.remaining = !r.is_allowed || room < 0 ? 0 : room < burst ? room : burst;
    r.reset_s = seconds_up((tat_us - now_us) * 1000);
    return r;
}

/* What Redis said; the first that refuses. */
static size_t take_said(struct ratelimit_ask *asks, size_t count, const struct kv_verdict *v) {
    for (size_t i = 0; i < count; i++) {
        const struct kv_found *f = &v->found[i];
        asks[i].result = asks[i].rule.kind == RATELIMIT_SLIDING
                             ? sliding_said(&asks[i].rule, f, v->is_allowed)
                             : gcra_said(&asks[i].rule, f, v->now_us, v->is_allowed);
        if (!asks[i].result.is_allowed)
            return i;
    }
    return count;
}

/* The first that is used up here already: what this host alone let through is too much for all. */
static size_t find_full(struct ratelimit *r, struct ratelimit_ask *asks, size_t count,
                        int64_t now_ms) {
    for (size_t i = 0; i < count; i++) {
        struct ratelimit_use use = ratelimit_look(r, &asks[i].rule, asks[i].key, now_ms);
        if (use.used < use.limit)
            continue;
        asks[i].result = (struct ratelimit_result){ .limit = use.limit,
                                                    .reset_s = use.reset_s,
                                                    .retry_after_s = use.reset_s };
        if (asks[i].rule.kind == RATELIMIT_GCRA) /* one is there long before all are */
            asks[i].result.retry_after_s =
                take_here(r, &asks[i].rule, asks[i].key, now_ms).retry_after_s;
        return i;
    }
    return count;
}

static size_t take_all_shared(struct ratelimit *r, struct ratelimit_ask *asks, size_t count,
                              int64_t now_ms) {
    struct kv_rule rules[RATELIMIT_ASKS_MAX];
    struct kv_verdict v;
    size_t full = find_full(r, asks, count, now_ms);
    if (full < count)
        return full;
    for (size_t i = 0; i < count; i++)
        rules[i] = kv_rule_of(&asks[i]);
    if (!kv_limit(r->kv, rules, count, 0, &v)) {
        metric_add(METRIC_KV_FALLBACKS, 1, "limit");
        return take_all_here(r, asks, count, now_ms);
    }
    if (v.is_allowed) /* noted, for when Redis does not answer */
        for (size_t i = 0; i < count; i++)
            take_here(r, &asks[i].rule, asks[i].key, now_ms);
    return take_said(asks, count, &v);
}

size_t ratelimit_take_all(struct ratelimit *r, struct ratelimit_ask *asks, size_t count,
                          int64_t now_ms) {
    size_t at =
        r->kv ? take_all_shared(r, asks, count, now_ms) : take_all_here(r, asks, count, now_ms);
    for (size_t i = 0; i < count; i++)
        metric_add(METRIC_RATE_LIMIT_HITS, i == at ? 1 : 0, asks[i].rule.policy);
    return at;
}

struct ratelimit_result ratelimit_take(struct ratelimit *r, const struct ratelimit_rule *rule,
                                       struct str key, int64_t now_ms) {
    struct ratelimit_ask ask = { .rule = *rule, .key = key };
    ratelimit_take_all(r, &ask, 1, now_ms);
    return ask.result;
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
