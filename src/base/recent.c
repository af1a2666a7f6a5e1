#include "base/recent.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

enum { LOCKS = 16 };

struct place {
    unsigned char hash[RECENT_HASH_BYTES];
    int64_t until_ms;    /* monotonic */
    uint64_t changes;    /* of what is or could be here */
    uint64_t generation; /* as it was when this was read */
};

struct recent {
    size_t places, value_bytes;
    _Atomic uint64_t changes; /* of all */
    pthread_mutex_t locks[LOCKS];
    struct place *list;
    unsigned char *values;
};

struct recent *recent_new(size_t places, size_t value_bytes) {
    struct recent *r = memory_zeroed(1, sizeof *r);
    r->places = places;
    r->value_bytes = value_bytes;
    r->list = memory_zeroed(places, sizeof *r->list);
    r->values = memory_zeroed(places, value_bytes);
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_init(&r->locks[i], NULL);
    return r;
}

void recent_free(struct recent *r) {
    if (!r)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&r->locks[i]);
    free(r->list);
    free(r->values);
    free(r);
}

static size_t at(const struct recent *r, const unsigned char hash[RECENT_HASH_BYTES]) {
    return ((size_t)hash[0] << 8 | hash[1]) % r->places;
}

static uint64_t changes_of(const struct recent *r, size_t i) {
    return atomic_load(&r->changes) + r->list[i].changes; /* neither goes back */
}

bool recent_get(struct recent *r, const unsigned char hash[RECENT_HASH_BYTES], void *value) {
    size_t i = at(r, hash);
    pthread_mutex_lock(&r->locks[i % LOCKS]);
    const struct place *p = &r->list[i];
    /* not secret: how soon two hashes differ tells nothing of what was hashed */
    bool is_here = memcmp(p->hash, hash, sizeof p->hash) == 0;
    bool hit = is_here && p->until_ms > ava_now_ms() && p->generation == changes_of(r, i);
    if (hit)
        memcpy(value, r->values + i * r->value_bytes, r->value_bytes);
    pthread_mutex_unlock(&r->locks[i % LOCKS]);
    return hit;
}

uint64_t recent_generation(struct recent *r, const unsigned char hash[RECENT_HASH_BYTES]) {
    size_t i = at(r, hash);
    pthread_mutex_lock(&r->locks[i % LOCKS]);
    uint64_t generation = changes_of(r, i);
    pthread_mutex_unlock(&r->locks[i % LOCKS]);
    return generation;
}

void recent_put(struct recent *r, const unsigned char hash[RECENT_HASH_BYTES], uint64_t generation,
                int64_t for_ms, const void *value) {
    size_t i = at(r, hash);
    pthread_mutex_lock(&r->locks[i % LOCKS]);
    struct place *p = &r->list[i];
    memcpy(p->hash, hash, sizeof p->hash);
    p->generation = generation;
    p->until_ms = ava_now_ms() + for_ms;
    memcpy(r->values + i * r->value_bytes, value, r->value_bytes);
    pthread_mutex_unlock(&r->locks[i % LOCKS]);
}

void recent_forget(struct recent *r, const unsigned char hash[RECENT_HASH_BYTES]) {
    size_t i = at(r, hash);
    pthread_mutex_lock(&r->locks[i % LOCKS]);
    r->list[i].changes++;
    pthread_mutex_unlock(&r->locks[i % LOCKS]);
}

void recent_forget_all(struct recent *r) {
    atomic_fetch_add(&r->changes, 1);
}
