#include "resilience/limit_table.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    SHARDS = 64,
    SLOTS_MIN = 16,
    VALUES_MAX = 1024, /* per generation of a shard */
    WEIGHT_MAX = 512 * 1024,
};

/* Open addressing, at most half full. A slot is its hash (0: empty), then the value. */
struct generation {
    char *slots;
    size_t slot_count, count, weight;
    int64_t begun_ms;
};

struct shard {
    pthread_mutex_t lock;
    struct generation young, old;
};

struct limit_table {
    size_t value_bytes, stride;
    int64_t retention_ms;
    void (*drop)(void *value);
    struct shard shards[SHARDS];
};

static struct shard *shard_of(struct limit_table *t, uint64_t hash) {
    return &t->shards[hash >> 58];
}

static uint64_t tag_at(const struct limit_table *t, const struct generation *g, size_t i) {
    uint64_t tag;
    memcpy(&tag, g->slots + i * t->stride, sizeof tag);
    return tag;
}

static void *value_at(const struct limit_table *t, const struct generation *g, size_t i) {
    return g->slots + i * t->stride + sizeof(uint64_t);
}

/* The slot of tag, or the empty one where it would go. */
static size_t seek(const struct limit_table *t, const struct generation *g, uint64_t tag) {
    size_t i = tag & (g->slot_count - 1);
    for (uint64_t here; (here = tag_at(t, g, i)) != 0 && here != tag;)
        i = (i + 1) & (g->slot_count - 1);
    return i;
}

static void *put(const struct limit_table *t, struct generation *g, uint64_t tag) {
    size_t i = seek(t, g, tag);
    memcpy(g->slots + i * t->stride, &tag, sizeof tag);
    g->count++;
    return value_at(t, g, i);
}

static void *find(const struct limit_table *t, const struct generation *g, uint64_t tag) {
    if (!g->slots)
        return NULL;
    size_t i = seek(t, g, tag);
    return tag_at(t, g, i) ? value_at(t, g, i) : NULL;
}

static void grow(const struct limit_table *t, struct generation *g) {
    struct generation old = *g;
    g->slot_count = old.slot_count ? old.slot_count * 2 : SLOTS_MIN;
    g->slots = memory_zeroed(g->slot_count, t->stride);
    g->count = 0;
    for (size_t i = 0; i < old.slot_count; i++) {
        uint64_t tag = tag_at(t, &old, i);
        if (tag)
            memcpy(put(t, g, tag), value_at(t, &old, i), t->value_bytes);
    }
    free(old.slots);
}

static void forget(const struct limit_table *t, struct generation *g) {
    for (size_t i = 0; t->drop && i < g->slot_count; i++)
        if (tag_at(t, g, i))
            t->drop(value_at(t, g, i));
    free(g->slots);
    *g = (struct generation){ 0 };
}

static void rotate(const struct limit_table *t, struct shard *s, int64_t now_ms) {
    forget(t, &s->old);
    s->old = s->young;
    s->young = (struct generation){ .begun_ms = now_ms };
}

static void rotate_by_time(const struct limit_table *t, struct shard *s, int64_t now_ms) {
    int64_t age_ms = now_ms - s->young.begun_ms;
    if (age_ms >= 2 * t->retention_ms)
        rotate(t, s, now_ms);
    if (age_ms >= t->retention_ms)
        rotate(t, s, now_ms);
}

/* A moved value leaves zeros behind, which own nothing. */
static void move_in(const struct limit_table *t, void *to, void *from) {
    memcpy(to, from, t->value_bytes);
    memset(from, 0, t->value_bytes);
}

struct limit_table *limit_table_new(size_t value_bytes, int64_t retention_ms,
                                    void (*drop)(void *value)) {
    struct limit_table *t = memory_zeroed(1, sizeof *t);
    t->value_bytes = value_bytes;
    t->stride = sizeof(uint64_t) + (value_bytes + 7) / 8 * 8;
    t->retention_ms = retention_ms;
    t->drop = drop;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&t->shards[i].lock, NULL);
    return t;
}

void limit_table_free(struct limit_table *t) {
    for (size_t i = 0; t && i < SHARDS; i++) {
        forget(t, &t->shards[i].young);
        forget(t, &t->shards[i].old);
        pthread_mutex_destroy(&t->shards[i].lock);
    }
    free(t);
}

void *limit_table_lock(struct limit_table *t, uint64_t hash, int64_t now_ms) {
    struct shard *s = shard_of(t, hash);
    uint64_t tag = hash ? hash : 1;
    pthread_mutex_lock(&s->lock);
    rotate_by_time(t, s, now_ms);
    void *value = find(t, &s->young, tag);
    if (value)
        return value;
    if (s->young.count >= VALUES_MAX || s->young.weight >= WEIGHT_MAX)
        rotate(t, s, now_ms);
    if ((s->young.count + 1) * 2 > s->young.slot_count)
        grow(t, &s->young);
    value = put(t, &s->young, tag);
    void *before = find(t, &s->old, tag);
    if (before)
        move_in(t, value, before);
    return value;
}

void *limit_table_lock_known(struct limit_table *t, uint64_t hash, int64_t now_ms) {
    struct shard *s = shard_of(t, hash);
    uint64_t tag = hash ? hash : 1;
    pthread_mutex_lock(&s->lock);
    rotate_by_time(t, s, now_ms);
    void *found = find(t, &s->young, tag);
    if (!found)
        found = find(t, &s->old, tag);
    if (!found)
        pthread_mutex_unlock(&s->lock);
    return found;
}

bool limit_table_read(struct limit_table *t, uint64_t hash, int64_t now_ms, void *value) {
    const void *found = limit_table_lock_known(t, hash, now_ms);
    if (!found)
        return false;
    memcpy(value, found, t->value_bytes);
    limit_table_unlock(t, hash);
    return true;
}

void limit_table_unlock(struct limit_table *t, uint64_t hash) {
    pthread_mutex_unlock(&shard_of(t, hash)->lock);
}

void limit_table_weigh(struct limit_table *t, uint64_t hash, size_t more_bytes) {
    shard_of(t, hash)->young.weight += more_bytes;
}

size_t limit_table_count(struct limit_table *t) {
    size_t count = 0;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &t->shards[i];
        pthread_mutex_lock(&s->lock);
        count += s->young.count + s->old.count;
        pthread_mutex_unlock(&s->lock);
    }
    return count;
}
