#include "resilience/known.h"

#include "resilience/keyhash.h"

static uint64_t hash_of(struct str who) {
    return keyhash_of(who) | 1; /* 0: nobody */
}

static size_t place_of(uint64_t hash) {
    return hash >> 32 & (KNOWN_MAX - 1);
}

void known_add(struct known *k, struct str who) {
    uint64_t hash = hash_of(who);
    if (!known_has(k, who))
        atomic_store_explicit(&k->hashes[place_of(hash)], hash, memory_order_relaxed);
}

bool known_has(const struct known *k, struct str who) {
    uint64_t hash = hash_of(who);
    return atomic_load_explicit(&k->hashes[place_of(hash)], memory_order_relaxed) == hash;
}
