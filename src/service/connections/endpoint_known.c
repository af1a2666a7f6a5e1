#include "service/connections/endpoint_known.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"

enum { SLOTS = 1024, KNOWN_FOR_MS = 1000 };

struct known {
    unsigned char hash[32];
    int64_t until_ms; /* monotonic; 0: nothing is known here */
    uint64_t changes; /* of what is or could be here */
    char id[48], workspace_id[48], provider[24];
    struct endpoint_row row; /* its texts are the ones above */
};

static struct {
    pthread_mutex_t lock; /* guards all */
    uint64_t changes;     /* of all */
    struct known slots[SLOTS];
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct known *slot_of(const unsigned char hash[32]) {
    return &all.slots[((size_t)hash[0] << 8 | hash[1]) % SLOTS];
}

static bool is_of(const struct known *k, const unsigned char hash[32]) {
    /* not secret: how soon two hashes differ tells nothing of the token */
    return k->until_ms > ava_now_ms() && memcmp(k->hash, hash, sizeof k->hash) == 0;
}

bool endpoint_recall(struct ctx *ctx, const unsigned char hash[32], struct endpoint_row *out) {
    pthread_mutex_lock(&all.lock);
    const struct known *k = slot_of(hash);
    bool hit = is_of(k, hash);
    if (hit) {
        *out = k->row;
        out->id = arena_strdup(ctx->arena, k->id);
        out->workspace_id = arena_strdup(ctx->arena, k->workspace_id);
        out->provider = arena_strdup(ctx->arena, k->provider);
    }
    pthread_mutex_unlock(&all.lock);
    return hit;
}

static uint64_t changes_of(const struct known *k) {
    return all.changes + k->changes; /* neither goes back */
}

uint64_t endpoint_generation(const unsigned char hash[32]) {
    pthread_mutex_lock(&all.lock);
    uint64_t generation = changes_of(slot_of(hash));
    pthread_mutex_unlock(&all.lock);
    return generation;
}

void endpoint_remember(const struct endpoint_row *row, uint64_t generation) {
    pthread_mutex_lock(&all.lock);
    struct known *k = slot_of(row->token_hash);
    if (generation == changes_of(k)) {
        memcpy(k->hash, row->token_hash, sizeof k->hash);
        str_copy(k->id, sizeof k->id, str_of(row->id));
        str_copy(k->workspace_id, sizeof k->workspace_id, str_of(row->workspace_id));
        str_copy(k->provider, sizeof k->provider, str_of(row->provider));
        k->row = *row;
        k->row.sealed = (struct str){ NULL, 0 };
        k->until_ms = ava_now_ms() + KNOWN_FOR_MS;
    }
    pthread_mutex_unlock(&all.lock);
}

void endpoint_forget(const unsigned char hash[32]) {
    pthread_mutex_lock(&all.lock);
    struct known *k = slot_of(hash);
    k->until_ms = 0;
    k->changes++;
    pthread_mutex_unlock(&all.lock);
}

void endpoints_forget_all(void) {
    pthread_mutex_lock(&all.lock);
    for (size_t i = 0; i < SLOTS; i++)
        all.slots[i].until_ms = 0;
    all.changes++;
    pthread_mutex_unlock(&all.lock);
}
