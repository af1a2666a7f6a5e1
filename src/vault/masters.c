/* The master keys (KEKs): which are loaded, which is active, which are refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "crypto/aead.h"
#include "crypto/guarded.h"
#include "crypto/hmac.h"
#include "vault/inner.h"

enum { KEKS_CHECKED = 64 };

static const char CANARY[] = "this is the right key";

void vault_aad_part(struct buf *b, struct str part) {
    unsigned char len[4] = { (unsigned char)(part.len >> 24), (unsigned char)(part.len >> 16),
                             (unsigned char)(part.len >> 8), (unsigned char)part.len };
    buf_put(b, len, sizeof len);
    buf_str(b, part);
}

void vault_aad_number(struct buf *b, int64_t n) {
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)n);
    vault_aad_part(b, (struct str){ text, (size_t)len });
}

/* --- what is loaded -------------------------------------------------------------------------- */

bool masters_has_id(struct str list, const char *id) {
    char wanted[KEK_ID_BYTES + 3];
    snprintf(wanted, sizeof wanted, " %s ", id);
    return list.ptr && str_find(list, str_of(wanted)) >= 0;
}

void masters_active(struct vault *v, struct kek *out) {
    pthread_mutex_lock(&v->lock);
    *out = v->keys.keks[0];
    pthread_mutex_unlock(&v->lock);
}

bool masters_find(struct vault *v, const char *id, struct kek *out, bool *is_retired) {
    pthread_mutex_lock(&v->lock);
    const struct kek *found = keyring_find(&v->keys, id);
    if (found)
        *out = *found;
    *is_retired = v->retired && masters_has_id(str_of(v->retired), id);
    pthread_mutex_unlock(&v->lock);
    return found != NULL;
}

bool vault_key_id(struct vault *v, size_t i, char id[KEK_ID_BYTES]) {
    pthread_mutex_lock(&v->lock);
    bool there = i < v->keys.count;
    if (there)
        memcpy(id, v->keys.keks[i].id, KEK_ID_BYTES);
    pthread_mutex_unlock(&v->lock);
    return there;
}

void vault_active_key_id(struct vault *v, char id[KEK_ID_BYTES]) {
    vault_key_id(v, 0, id);
}

bool vault_has_keys(struct vault *v, const struct keyring *keys) {
    pthread_mutex_lock(&v->lock);
    bool same = v->keys.count == keys->count;
    for (size_t i = 0; same && i < keys->count; i++) {
        const struct kek *ours = &v->keys.keks[i], *theirs = &keys->keks[i];
        same = strcmp(ours->id, theirs->id) == 0 &&
               hmac_equal((struct str){ (const char *)ours->key, KEK_BYTES },
                          (struct str){ (const char *)theirs->key, KEK_BYTES });
    }
    pthread_mutex_unlock(&v->lock);
    return same;
}

bool vault_is_ready(const struct vault *v) {
    return v != NULL; /* there is never one without keys */
}

enum err vault_state(struct ctx *ctx, struct vault_state *out) {
    struct vault *v = ctx->parts->vault;
    struct workspace_keks in_use[KEKS_CHECKED];
    size_t count;
    *out = (struct vault_state){ 0 };
    vault_active_key_id(v, out->active_id);
    TRY(workspace_keks_in_use(ctx, db_reader(ctx), in_use, KEKS_CHECKED, &count));
    for (size_t i = 0; i < count; i++) {
        out->workspaces += in_use[i].workspaces;
        if (strcmp(in_use[i].kek_id, out->active_id) != 0)
            out->behind += in_use[i].workspaces;
        pthread_mutex_lock(&v->lock);
        if (v->retired && masters_has_id(str_of(v->retired), in_use[i].kek_id))
            out->refused += in_use[i].workspaces;
        pthread_mutex_unlock(&v->lock);
    }
    return OK;
}

/* --- retiring -------------------------------------------------------------------------------- */

enum err masters_retired(struct ctx *ctx, struct db_conn *c, struct str *list) {
    return meta_get(ctx, c, "retired_keks", list);
}

enum err masters_retire(struct ctx *ctx, struct db_conn *tx, struct vault *v, struct str *list) {
    struct buf ids = { 0 };
    struct str there;
    TRY(masters_retired(ctx, tx, &there));
    buf_text(&ids, " ");
    if (there.len > 1)
        buf_str(&ids, (struct str){ there.ptr + 1, there.len - 1 });
    pthread_mutex_lock(&v->lock);
    for (size_t i = 1; i < v->keys.count; i++)
        if (!masters_has_id(buf_view(&ids), v->keys.keks[i].id))
            buf_printf(&ids, "%s ", v->keys.keks[i].id);
    pthread_mutex_unlock(&v->lock);
    *list = (struct str){ arena_strndup(ctx->arena, ids.ptr, ids.len), ids.len };
    buf_fini(&ids);
    return meta_put(ctx, tx, "retired_keks", *list);
}

void masters_refuse(struct vault *v, struct str list) {
    char *copy = list.len ? memory_zeroed(1, list.len + 1) : NULL;
    if (copy)
        memcpy(copy, list.ptr, list.len);
    pthread_mutex_lock(&v->lock);
    char *before = v->retired;
    v->retired = copy;
    pthread_mutex_unlock(&v->lock);
    free(before);
}

/* --- canaries: a wrong key is found before it does harm --------------------------------------- */

static const char *canary_name(struct ctx *ctx, const char *kek_id) {
    return arena_printf(ctx->arena, "canary:%s", kek_id);
}

static void canary_aad(struct buf *b, const char *kek_id) {
    vault_aad_part(b, STR("ava/canary/v1"));
    vault_aad_part(b, str_of(kek_id));
}

/* False when the stored canary of this id was sealed with other bytes. */
static bool canary_opens(const struct kek *kek, struct str sealed) {
    struct buf aad = { 0 };
    unsigned char plain[sizeof CANARY];
    canary_aad(&aad, kek->id);
    bool good = sealed.len == sizeof CANARY - 1 + AEAD_MORE_BYTES &&
                aead_open(plain, kek->key, sealed, buf_view(&aad)) &&
                memcmp(plain, CANARY, sizeof CANARY - 1) == 0;
    buf_fini(&aad);
    return good;
}

/* Seals a canary under each KEK that has none yet. */
static enum err put_canaries(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct keyring *keys = arg;
    for (size_t i = 0; i < keys->count; i++) {
        struct str there;
        struct buf aad = { 0 };
        unsigned char sealed[sizeof CANARY - 1 + AEAD_MORE_BYTES];
        const char *name = canary_name(ctx, keys->keks[i].id);
        TRY(meta_get(ctx, tx, name, &there));
        if (there.ptr)
            continue;
        canary_aad(&aad, keys->keks[i].id);
        aead_seal(sealed, keys->keks[i].key, str_of(CANARY), buf_view(&aad));
        buf_fini(&aad);
        TRY(meta_put(ctx, tx, name, (struct str){ (char *)sealed, sizeof sealed }));
    }
    return OK;
}

/* --- loading --------------------------------------------------------------------------------- */

static const char CANNOT_READ[] = "the keys of the workspaces cannot be read";

static bool check_canaries(struct ctx *ctx, struct db_conn *c, const struct keyring *keys,
                           bool *all_known, const char **why) {
    *all_known = true;
    for (size_t i = 0; i < keys->count; i++) {
        struct str sealed;
        if (meta_get(ctx, c, canary_name(ctx, keys->keks[i].id), &sealed) != OK) {
            *why = CANNOT_READ;
            return false;
        }
        if (sealed.ptr && !canary_opens(&keys->keks[i], sealed)) {
            *why = arena_printf(ctx->arena,
                                "the master key '%s' is not the one this data was sealed with; "
                                "put the right key back (nothing was changed)",
                                keys->keks[i].id);
            return false;
        }
        *all_known = *all_known && sealed.ptr;
    }
    return true;
}

/* Is every KEK that a row needs among them, and is the active one not retired? */
static bool check_use(struct ctx *ctx, struct db_conn *c, const struct keyring *keys,
                      struct str *retired, const char **why) {
    struct workspace_keks in_use[KEKS_CHECKED];
    size_t count;
    if (workspace_keks_in_use(ctx, c, in_use, KEKS_CHECKED, &count) != OK ||
        masters_retired(ctx, c, retired) != OK) {
        *why = CANNOT_READ;
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (keyring_find(keys, in_use[i].kek_id))
            continue;
        *why =
            arena_printf(ctx->arena,
                         "the data is sealed under the master key '%s', which is not loaded; add "
                         "its line to the master keys (nothing was changed)",
                         in_use[i].kek_id);
        return false;
    }
    if (masters_has_id(*retired, keys->keks[0].id)) {
        *why = arena_printf(ctx->arena,
                            "the master key '%s' was retired by a rotation; put a newer one first "
                            "(nothing was changed)",
                            keys->keks[0].id);
        return false;
    }
    return true;
}

bool vault_judge_keys(struct ctx *ctx, struct keyring *keys, const char **why) {
    bool all_known;
    struct str retired;
    struct db_conn *c = db_reader(ctx);
    if (!check_canaries(ctx, c, keys, &all_known, why) || !check_use(ctx, c, keys, &retired, why))
        return false;
    if (all_known || db_write(ctx, put_canaries, keys) == OK)
        return true;
    *why = "the key check could not be stored";
    return false;
}

bool vault_take_keys(struct ctx *ctx, struct db_conn *tx, struct keyring *keys, const char **why) {
    struct vault *v = ctx->parts->vault;
    struct str retired;
    if (!check_use(ctx, tx, keys, &retired, why))
        return false;
    masters_refuse(v, retired);
    pthread_mutex_lock(&v->lock);
    struct keyring before = v->keys;
    v->keys = *keys;
    pthread_mutex_unlock(&v->lock);
    keyring_fini(&before);
    *keys = (struct keyring){ 0 };
    return true;
}

enum err vault_look(struct ctx *ctx) {
    struct str retired;
    TRY(masters_retired(ctx, db_reader(ctx), &retired));
    masters_refuse(ctx->parts->vault, retired);
    return OK;
}

struct vault *vault_open(struct ctx *ctx, struct keyring *keys, const char **why) {
    struct str retired;
    if (!vault_judge_keys(ctx, keys, why)) {
        keyring_fini(keys);
        return NULL;
    }
    if (masters_retired(ctx, db_reader(ctx), &retired) != OK) {
        *why = "the keys of the workspaces cannot be read";
        keyring_fini(keys);
        return NULL;
    }
    struct dek_slot *cache = guarded_alloc(CACHE_SLOTS * sizeof *cache);
    struct newest_slot *newest = guarded_alloc(CACHE_SLOTS * sizeof *newest);
    if (!cache || !newest) {
        guarded_free(cache);
        guarded_free(newest);
        *why = "there is no memory for the keys of the workspaces";
        keyring_fini(keys);
        return NULL;
    }
    struct vault *v = memory_zeroed(1, sizeof *v);
    pthread_mutex_init(&v->lock, NULL);
    masters_refuse(v, retired);
    v->keys = *keys;
    *keys = (struct keyring){ 0 };
    v->cache = cache;
    v->newest = newest;
    return v;
}

void vault_close(struct vault *v) {
    if (!v)
        return;
    keyring_fini(&v->keys);
    guarded_free(v->cache);
    guarded_free(v->newest);
    free(v->retired);
    pthread_mutex_destroy(&v->lock);
    free(v);
}
