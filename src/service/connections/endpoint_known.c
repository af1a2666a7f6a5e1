#include "service/connections/endpoint_known.h"

#include <pthread.h>

#include "base/recent.h"

enum { PLACES = 1024, KNOWN_FOR_MS = 1000 };

struct known {
    char id[48], workspace_id[48], provider[24];
    struct endpoint_row row; /* its texts are the ones above */
};

static struct recent *all;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make(void) {
    all = recent_new(PLACES, sizeof(struct known));
}

static struct recent *known(void) {
    pthread_once(&once, make);
    return all;
}

bool endpoint_recall(struct ctx *ctx, const unsigned char token_hash[32],
                     struct endpoint_row *out) {
    struct known k;
    if (!recent_get(known(), token_hash, &k))
        return false;
    *out = k.row;
    out->id = arena_strdup(ctx->arena, k.id);
    out->workspace_id = arena_strdup(ctx->arena, k.workspace_id);
    out->provider = arena_strdup(ctx->arena, k.provider);
    return true;
}

uint64_t endpoint_generation(const unsigned char token_hash[32]) {
    return recent_generation(known(), token_hash);
}

void endpoint_remember(const struct endpoint_row *row, uint64_t generation) {
    struct known k = { .row = *row };
    str_copy(k.id, sizeof k.id, str_of(row->id));
    str_copy(k.workspace_id, sizeof k.workspace_id, str_of(row->workspace_id));
    str_copy(k.provider, sizeof k.provider, str_of(row->provider));
    k.row.sealed = (struct str){ NULL, 0 };
    recent_put(known(), row->token_hash, generation, KNOWN_FOR_MS, &k);
}

void endpoint_forget(const unsigned char token_hash[32]) {
    recent_forget(known(), token_hash);
}

void endpoints_forget_all(void) {
    recent_forget_all(known());
}
