#include "resilience/cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/fiber.h"
#include "base/memory.h"
#include "obs/metrics.h"
#include "resilience/cache_shelf.h"
#include "resilience/keyhash.h"

enum { REFRESH_PERCENT = 80 };

struct follower { /* on the waiting caller's stack */
    struct fiber_parking parking;
    struct follower *next, *before;
    bool is_done;
    enum cache_answer answer;
    const struct cache_value *value;
};

struct cache_flight {
    struct table_node node;
    bool is_listed; /* new callers find it */
    size_t resource;
    uint64_t generation;
    struct follower *first, *last;
    size_t key_len;
    char key[];
};

struct cache {
    struct cache_conf conf;
    _Atomic int64_t ttl_ms; /* conf's may be old */
    pthread_mutex_t lock;
    struct cache_shelf shelf;
    struct table flights;
};

static void count(const char *result, int64_t n) {
    metric_add(METRIC_CACHE_REQUESTS, n, result);
}

void cache_release(const struct cache_value *v) {
    if (!v)
        return;
    struct cache_item *i =
        CONTAINER_OF((struct cache_value *)(uintptr_t)v, struct cache_item, value);
    if (atomic_fetch_sub_explicit(&i->references, 1, memory_order_acq_rel) == 1)
        free(i);
}

static bool flight_is(const struct table_node *n, const void *key) {
    const struct cache_flight *f = CONTAINER_OF(n, struct cache_flight, node);
    return str_eq((struct str){ f->key, f->key_len }, *(const struct str *)key);
}

/* A flight for a key that is missing: its first asker leads. */
static struct cache_flight *flight_new(struct cache *c, struct str key, uint64_t hash,
                                       size_t resource) {
    struct cache_flight *f = memory_zeroed(1, sizeof *f + key.len);
    memcpy(f->key, key.ptr, key.len);
    f->key_len = key.len;
    f->resource = resource;
    f->generation = c->shelf.generations[resource];
    f->is_listed = true;
    table_add(&c->flights, &f->node, hash);
    return f;
}

static void flight_unlist(struct cache *c, struct cache_flight *f) {
    if (f->is_listed)
        table_remove(&c->flights, &f->node);
    f->is_listed = false;
}

/* The flight of a key, or NULL. One that began before a write is taken off: who asks after the
 * write must not be served by it. */
static struct cache_flight *flight_find(struct cache *c, struct str key, uint64_t hash) {
    struct table_node *n = table_find(&c->flights, hash, flight_is, &key);
    struct cache_flight *f = n ? CONTAINER_OF(n, struct cache_flight, node) : NULL;
    if (f && f->generation != c->shelf.generations[f->resource]) {
        flight_unlist(c, f);
        return NULL;
    }
    return f;
}

/* Puts a follower at the end of those who wait for the leader. */
static void follow(struct cache_flight *f, struct follower *me) {
    me->before = f->last;
    if (f->last)
        f->last->next = me;
    else
        f->first = me;
    f->last = me;
}

static void unfollow(struct cache_flight *f, struct follower *me) {
    if (me->before)
        me->before->next = me->next;
    else
        f->first = me->next;
    if (me->next)
        me->next->before = me->before;
    else
        f->last = me->before;
}

/* Ends the waiting of one follower with this answer. */
static void tell(struct cache_flight *f, struct follower *w, enum cache_answer answer,
                 const struct cache_value *value) {
    unfollow(f, w);
    w->is_done = true;
    w->answer = answer;
    w->value = value;
    fiber_unpark(&w->parking);
}

static void tell_all(struct cache_flight *f, enum cache_answer answer, struct cache_item *v) {
    while (f->first)
        tell(f, f->first, answer, cache_item_lend(v));
}

/* The longest waiting follower leads from now on: a fresh start, so also for the generation.
 * False when nobody waits; the flight is then over and the caller frees it. */
static bool hand_over(struct cache *c, struct cache_flight *f) {
    struct str key = { f->key, f->key_len };
    if (!f->first) {
        flight_unlist(c, f);
        return false;
    }
    f->generation = c->shelf.generations[f->resource];
    if (!f->is_listed && !table_find(&c->flights, f->node.hash, flight_is, &key)) {
        table_add(&c->flights, &f->node, f->node.hash);
        f->is_listed = true;
    }
    tell(f, f->first, CACHE_LEAD, NULL);
    return true;
}

struct cache *cache_new(const struct cache_conf *conf) {
    struct cache *c = memory_zeroed(1, sizeof *c);
    c->conf = *conf;
    atomic_init(&c->ttl_ms, conf->ttl_ms);
    cache_shelf_init(&c->shelf, conf->bytes_max);
    pthread_mutex_init(&c->lock, NULL);
    static const char *const RESULTS[] = { "hit", "miss", "stale", "coalesced", "bypass" };
    for (size_t i = 0; i < ARRAY_LEN(RESULTS); i++)
        count(RESULTS[i], 0);
    return c;
}

void cache_free(struct cache *c) {
    if (!c)
        return;
    cache_shelf_fini(&c->shelf);
    table_fini(&c->flights);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void cache_retune(struct cache *c, int64_t ttl_ms) {
    atomic_store(&c->ttl_ms, ttl_ms);
}

/* Waits for the leader; the lock is held before, and not after. */
static struct cache_reply wait_for_leader(struct cache *c, struct cache_flight *f,
                                          int64_t until_ms) {
    struct follower me = { .is_done = false };
    fiber_parking_init(&me.parking);
    follow(f, &me);
    pthread_mutex_unlock(&c->lock);
    count("coalesced", 1);
    bool in_time = fiber_park(&me.parking, until_ms, NULL, NULL);

    struct cache_flight *over = NULL;
    pthread_mutex_lock(&c->lock);
    if (!me.is_done) {
        unfollow(f, &me);
        me.answer = CACHE_TIMEOUT;
    } else if (me.answer == CACHE_LEAD && !in_time) { /* made leader too late: pass it on */
        me.answer = CACHE_TIMEOUT;
        over = hand_over(c, f) ? NULL : f;
    }
    pthread_mutex_unlock(&c->lock);
    free(over);
    return (struct cache_reply){ .answer = me.answer,
                                 .is_coalesced =
                                     me.answer == CACHE_HIT || me.answer == CACHE_FAILED,
                                 .value = me.value,
                                 .lead = me.answer == CACHE_LEAD ? f : NULL };
}

static bool is_fresh(const struct cache *c, const struct cache_entry *e, int64_t now_ms) {
    int64_t age_ms = now_ms - e->item->value.stored_at_ms;
    return age_ms < (e->item->value.is_absent ? c->conf.negative_ms : c->ttl_ms);
}

static bool wants_refresh(const struct cache *c, const struct cache_entry *e, int64_t now_ms) {
    return !e->item->value.is_absent &&
           (now_ms - e->item->value.stored_at_ms) * 100 >= c->ttl_ms * REFRESH_PERCENT;
}

struct cache_reply cache_lookup(struct cache *c, struct str key, struct str resource,
                                int64_t until_ms) {
    if (c->ttl_ms <= 0) {
        count("bypass", 1);
        return (struct cache_reply){ .answer = CACHE_OFF };
    }
    uint64_t hash = keyhash_of(key);
    size_t at = cache_shelf_resource(resource);
    int64_t now_ms = ava_now_ms();
    struct table_node *gone = NULL;
    struct cache_reply r = { .answer = CACHE_LEAD };

    pthread_mutex_lock(&c->lock);
    struct cache_entry *e = cache_shelf_find(&c->shelf, key, hash, &gone);
    struct cache_flight *f = flight_find(c, key, hash);
    if (e && is_fresh(c, e, now_ms)) {
        table_touch(&c->shelf.entries, &e->node);
        r.answer = CACHE_HIT;
        r.value = cache_item_lend(e->item);
        r.age_ms = now_ms - r.value->stored_at_ms;
        if (!f && wants_refresh(c, e, now_ms))
            r.lead = flight_new(c, key, hash, at);
    } else if (f) {
        r = wait_for_leader(c, f, until_ms);
        cache_entries_free(gone);
        if (r.answer == CACHE_HIT)
            r.age_ms = ava_now_ms() - r.value->stored_at_ms;
        return r;
    } else {
        r.lead = flight_new(c, key, hash, at);
    }
    pthread_mutex_unlock(&c->lock);
    cache_entries_free(gone);
    count(r.answer == CACHE_HIT ? "hit" : "miss", 1);
    return r;
}

void cache_fill(struct cache *c, struct cache_flight *lead, enum cache_kind kind, int status,
                struct str body) {
    struct str key = { lead->key, lead->key_len };
    struct cache_item *v = cache_item_new(status, kind == CACHE_ABSENT, body);
    struct cache_entry *e = cache_entry_new(key, v, lead->resource);
    struct table_node *gone = NULL;
    bool is_kept = false;

    pthread_mutex_lock(&c->lock);
    flight_unlist(c, lead);
    if (lead->generation == c->shelf.generations[lead->resource] &&
        body.len <= c->conf.entry_bytes_max) {
        cache_shelf_keep(&c->shelf, e, lead->node.hash, &gone);
        is_kept = true;
    }
    tell_all(lead, CACHE_HIT, v);
    pthread_mutex_unlock(&c->lock);

    if (!is_kept)
        cache_entries_free(&e->node);
    cache_entries_free(gone);
    cache_release(&v->value);
    free(lead);
}

void cache_fail(struct cache *c, struct cache_flight *lead, int status, struct str error,
                bool may_stand_in) {
    struct cache_item *v = cache_item_new(status, false, error);
    struct table_node *gone = NULL;
    struct str key = { lead->key, lead->key_len };

    pthread_mutex_lock(&c->lock);
    flight_unlist(c, lead);
    struct cache_entry *e =
        may_stand_in ? NULL : cache_shelf_find(&c->shelf, key, lead->node.hash, &gone);
    if (e)
        cache_shelf_remove(&c->shelf, e, &gone);
    tell_all(lead, CACHE_FAILED, v);
    pthread_mutex_unlock(&c->lock);

    cache_entries_free(gone);
    cache_release(&v->value);
    free(lead);
}

void cache_give_up(struct cache *c, struct cache_flight *lead) {
    pthread_mutex_lock(&c->lock);
    bool goes_on = hand_over(c, lead);
    pthread_mutex_unlock(&c->lock);
    if (!goes_on)
        free(lead);
}

const struct cache_value *cache_stale(struct cache *c, struct str key, struct str resource) {
    struct table_node *gone = NULL;
    const struct cache_value *v = NULL;
    int64_t oldest_ms = ava_now_ms() - c->ttl_ms - c->conf.stale_ms;
    pthread_mutex_lock(&c->lock);
    struct cache_entry *e = cache_shelf_find(&c->shelf, key, keyhash_of(key), &gone);
    if (e && e->resource == cache_shelf_resource(resource) && !e->item->value.is_absent &&
        e->item->value.stored_at_ms > oldest_ms)
        v = cache_item_lend(e->item);
    pthread_mutex_unlock(&c->lock);
    cache_entries_free(gone);
    if (v)
        count("stale", 1);
    return v;
}

uint64_t cache_bump(struct cache *c, struct str resource) {
    size_t at = cache_shelf_resource(resource);
    pthread_mutex_lock(&c->lock);
    uint64_t generation = ++c->shelf.generations[at];
    pthread_mutex_unlock(&c->lock);
    return generation;
}

void cache_put(struct cache *c, struct str key, struct str resource, uint64_t bumped, int status,
               struct str body) {
    size_t at = cache_shelf_resource(resource);
    struct cache_item *v = cache_item_new(status, false, body);
    struct cache_entry *e = cache_entry_new(key, v, at);
    struct table_node *gone = NULL;
    bool is_kept = false;

    pthread_mutex_lock(&c->lock);
    bool is_alone = c->shelf.generations[at]++ == bumped;
    if (is_alone && c->ttl_ms > 0 && body.len <= c->conf.entry_bytes_max) {
        cache_shelf_keep(&c->shelf, e, keyhash_of(key), &gone);
        is_kept = true;
    }
    pthread_mutex_unlock(&c->lock);

    if (!is_kept)
        cache_entries_free(&e->node);
    cache_entries_free(gone);
    cache_release(&v->value);
}

size_t cache_bytes(struct cache *c) {
    pthread_mutex_lock(&c->lock);
    size_t bytes = c->shelf.bytes;
    pthread_mutex_unlock(&c->lock);
    return bytes;
}

void cache_collect(void *cache) {
    metric_set(METRIC_CACHE_BYTES, (double)cache_bytes(cache));
}
