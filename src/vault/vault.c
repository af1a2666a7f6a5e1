#include "vault/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "crypto/aead.h"
#include "crypto/guarded.h"
#include "crypto/hash.h"
#include "crypto/hmac.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "vault/inner.h"

enum { CACHE_SLOTS = 1024, KEKS_CHECKED = 64 };

struct dek_slot {
    char workspace_id[40];
    int64_t dek_id;
    unsigned char key[DEK_BYTES];
};

static const char CANARY[] = "this is the right key";

/* --- associated data ------------------------------------------------------------------------- */

/* Appends a part with its length in front (4 bytes, big endian), so that no two lists of parts are
 * alike. */
static void aad_part(struct buf *b, struct str part) {
    unsigned char len[4] = { (unsigned char)(part.len >> 24), (unsigned char)(part.len >> 16),
                             (unsigned char)(part.len >> 8), (unsigned char)part.len };
    buf_put(b, len, sizeof len);
    buf_str(b, part);
}

static void aad_number(struct buf *b, int64_t n) {
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)n);
    aad_part(b, (struct str){ text, (size_t)len });
}

/* What a sealed field is authenticated with: its place, its DEK and the algorithm. */
static void field_aad(struct buf *b, const struct sealed_place *place, int64_t dek_id) {
    aad_part(b, STR("ava/field/v1"));
    aad_part(b, str_of(place->table));
    aad_part(b, str_of(place->column));
    aad_part(b, str_of(place->workspace_id));
    aad_part(b, str_of(place->row_id));
    aad_number(b, dek_id);
    aad_number(b, FIELD_ALG_XCHACHA20POLY1305);
}

/* What a wrapped DEK is authenticated with. */
static void wrap_aad(struct buf *b, const struct workspace_key *row) {
    aad_part(b, STR("ava/kek/v1"));
    aad_part(b, str_of(row->workspace_id));
    aad_number(b, row->dek_id);
    aad_part(b, str_of(row->kek_id));
}

/* Counts and logs why something did not open; the caller of the vault learns only that. */
static enum err failed(struct ctx *ctx, const char *reason) {
    metric_add(METRIC_CRYPTO_FAILURES, 1, reason);
    log_error(ctx, "crypto", L("reason", reason));
    return ctx_fail(ctx, ERR_INTERNAL, "A stored secret could not be opened; nothing was changed.");
}

/* --- data keys ------------------------------------------------------------------------------- */

/* The key check value stored beside a DEK: a keyed hash of a constant. */
static void check_value(const unsigned char dek[DEK_BYTES], unsigned char kcv[KCV_BYTES]) {
    hash_blake2b_keyed(kcv, KCV_BYTES, (struct str){ (const char *)dek, DEK_BYTES },
                       STR("ava-kcv"));
}

void dek_wrap(struct ctx *ctx, struct vault *v, const unsigned char dek[DEK_BYTES],
              struct workspace_key *row) {
    const struct kek *kek = &v->keys.keks[0];
    struct buf aad = { 0 };
    unsigned char *wrapped = arena_alloc(ctx->arena, DEK_BYTES + AEAD_MORE_BYTES);
    row->kek_id = arena_strdup(ctx->arena, kek->id);
    wrap_aad(&aad, row);
    aead_seal(wrapped, kek->key, (struct str){ (const char *)dek, DEK_BYTES }, buf_view(&aad));
    row->wrapped = (struct str){ (char *)wrapped, DEK_BYTES + AEAD_MORE_BYTES };
    buf_fini(&aad);
}

void dek_make(struct ctx *ctx, struct vault *v, const char *workspace_id, int64_t dek_id,
              struct workspace_key *out) {
    unsigned char dek[DEK_BYTES];
    unsigned char *kcv = arena_alloc(ctx->arena, KCV_BYTES);
    ava_rand(dek, sizeof dek);
    *out = (struct workspace_key){ .workspace_id = workspace_id, .dek_id = dek_id };
    dek_wrap(ctx, v, dek, out);
    check_value(dek, kcv);
    out->kcv = (struct str){ (char *)kcv, KCV_BYTES };
    explicit_bzero(dek, sizeof dek);
}

/* True for a KEK that a rotation has retired. */
static bool is_retired(struct vault *v, const char *kek_id) {
    char wanted[KEK_ID_BYTES + 3];
    snprintf(wanted, sizeof wanted, " %s ", kek_id);
    pthread_mutex_lock(&v->lock);
    bool found = strstr(v->retired, wanted) != NULL;
    pthread_mutex_unlock(&v->lock);
    return found;
}

enum err dek_unwrap(struct ctx *ctx, struct vault *v, const struct workspace_key *row,
                    unsigned char dek[DEK_BYTES]) {
    const struct kek *kek = keyring_find(&v->keys, row->kek_id);
    if (!kek)
        return failed(ctx, "unknown_kek");
    if (is_retired(v, row->kek_id))
        return failed(ctx, "retired_kek");
    struct buf aad = { 0 };
    unsigned char kcv[KCV_BYTES];
    wrap_aad(&aad, row);
    bool good = row->wrapped.len == DEK_BYTES + AEAD_MORE_BYTES &&
                aead_open(dek, kek->key, row->wrapped, buf_view(&aad));
    buf_fini(&aad);
    if (!good)
        return failed(ctx, "unwrap");
    check_value(dek, kcv);
    if (!hmac_equal((struct str){ (char *)kcv, KCV_BYTES }, row->kcv)) {
        explicit_bzero(dek, DEK_BYTES);
        return failed(ctx, "kcv");
    }
    return OK;
}

/* The one slot of the cache where this DEK may be. Under the lock. */
static struct dek_slot *slot_of(struct vault *v, const char *workspace_id, int64_t dek_id) {
    uint64_t h = 1469598103934665603u ^ (uint64_t)dek_id;
    for (const char *p = workspace_id; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211u;
    return &v->cache[(h ^ h >> 29) % CACHE_SLOTS];
}

/* Copies the DEK out of the cache; false when it is not there. */
static bool cached(struct vault *v, const char *workspace_id, int64_t dek_id,
                   unsigned char dek[DEK_BYTES]) {
    pthread_mutex_lock(&v->lock);
    struct dek_slot *s = slot_of(v, workspace_id, dek_id);
    bool hit = s->dek_id == dek_id && strcmp(s->workspace_id, workspace_id) == 0;
    if (hit)
        memcpy(dek, s->key, DEK_BYTES);
    pthread_mutex_unlock(&v->lock);
    return hit;
}

/* Puts the DEK into the cache, in the place of what was there. */
static void remember(struct vault *v, const char *workspace_id, int64_t dek_id,
                     const unsigned char dek[DEK_BYTES]) {
    pthread_mutex_lock(&v->lock);
    struct dek_slot *s = slot_of(v, workspace_id, dek_id);
    str_copy(s->workspace_id, sizeof s->workspace_id, str_of(workspace_id));
    s->dek_id = dek_id;
    memcpy(s->key, dek, DEK_BYTES);
    pthread_mutex_unlock(&v->lock);
}

/* The DEK new fields are sealed with: always looked up, as another process may have made a newer
 * one; made when the workspace has none yet. Not from the cache and not into it: until the commit
 * it may still be taken back, and another one made under the same number. */
static enum err dek_newest(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                           int64_t *dek_id, unsigned char dek[DEK_BYTES]) {
    struct workspace_key row;
    TRY(workspace_key_find(ctx, tx, workspace_id, 0, &row));
    if (!row.kek_id) {
        dek_make(ctx, ctx->parts->vault, workspace_id, 1, &row);
        TRY(workspace_key_insert(ctx, tx, &row));
    }
    *dek_id = row.dek_id;
    return dek_unwrap(ctx, ctx->parts->vault, &row, dek);
}

/* The DEK from the store, which is then cached. */
static enum err dek_fetch(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                          int64_t dek_id, unsigned char dek[DEK_BYTES]) {
    struct workspace_key row;
    TRY(workspace_key_find(ctx, c, workspace_id, dek_id, &row));
    if (!row.kek_id)
        return failed(ctx, "no_dek");
    TRY(dek_unwrap(ctx, ctx->parts->vault, &row, dek));
    remember(ctx->parts->vault, workspace_id, dek_id, dek);
    return OK;
}

void vault_token_hash(struct str token, unsigned char out[32]) {
    hash_blake2b(out, token);
}

void vault_forget(struct vault *v, const char *workspace_id) {
    pthread_mutex_lock(&v->lock);
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        if (strcmp(v->cache[i].workspace_id, workspace_id) == 0)
            explicit_bzero(&v->cache[i], sizeof v->cache[i]);
    pthread_mutex_unlock(&v->lock);
}

/* --- fields ---------------------------------------------------------------------------------- */

enum err vault_seal_with(struct ctx *ctx, const struct sealed_place *place,
                         const unsigned char dek[DEK_BYTES], int64_t dek_id, struct str plain,
                         struct str *sealed) {
    struct buf aad = { 0 };
    size_t len = FIELD_HEAD_BYTES + plain.len + AEAD_MORE_BYTES;
    unsigned char *blob = arena_alloc(ctx->arena, len);
    blob[0] = FIELD_MARK;
    blob[1] = FIELD_ALG_XCHACHA20POLY1305;
    for (int i = 0; i < 4; i++)
        blob[2 + i] = (unsigned char)(dek_id >> (24 - 8 * i));
    field_aad(&aad, place, dek_id);
    aead_seal(blob + FIELD_HEAD_BYTES, dek, plain, buf_view(&aad));
    buf_fini(&aad);
    *sealed = (struct str){ (char *)blob, len };
    return OK;
}

enum err vault_seal(struct ctx *ctx, struct db_conn *tx, const struct sealed_place *place,
                    struct str plain, struct str *sealed) {
    unsigned char dek[DEK_BYTES];
    int64_t dek_id;
    TRY(dek_newest(ctx, tx, place->workspace_id, &dek_id, dek));
    enum err e = vault_seal_with(ctx, place, dek, dek_id, plain, sealed);
    explicit_bzero(dek, sizeof dek);
    return e;
}

/* Opens into out, which has room for sealed.len bytes. */
static enum err open_into(struct ctx *ctx, struct db_conn *c, const struct sealed_place *place,
                          struct str sealed, unsigned char *out, size_t *len) {
    const unsigned char *p = (const unsigned char *)sealed.ptr;
    if (sealed.len < FIELD_HEAD_BYTES + AEAD_MORE_BYTES || p[0] != FIELD_MARK ||
        p[1] != FIELD_ALG_XCHACHA20POLY1305)
        return failed(ctx, "format");
    int64_t dek_id = (int64_t)p[2] << 24 | (int64_t)p[3] << 16 | (int64_t)p[4] << 8 | p[5];
    unsigned char dek[DEK_BYTES];
    if (dek_id == 0)
        return failed(ctx, "format");
    struct buf aad = { 0 };
    field_aad(&aad, place, dek_id);
    struct str body = { sealed.ptr + FIELD_HEAD_BYTES, sealed.len - FIELD_HEAD_BYTES };
    enum err e = OK;
    bool good = cached(ctx->parts->vault, place->workspace_id, dek_id, dek) &&
                aead_open(out, dek, body, buf_view(&aad));
    if (!good) { /* not known, or known from a transaction that was taken back */
        e = dek_fetch(ctx, c, place->workspace_id, dek_id, dek);
        good = e == OK && aead_open(out, dek, body, buf_view(&aad));
    }
    explicit_bzero(dek, sizeof dek);
    buf_fini(&aad);
    if (!good)
        return e != OK ? e : failed(ctx, "field");
    *len = body.len - AEAD_MORE_BYTES;
    return OK;
}

enum err vault_reveal(struct ctx *ctx, struct db_conn *c, const struct sealed_place *place,
                      struct str sealed, struct secret *out) {
    if (sealed.len > SECRET_MAX_BYTES)
        return failed(ctx, "size");
    secret_wipe(out);
    return open_into(ctx, c, place, sealed, out->hidden, &out->hidden_len);
}

enum err vault_unseal(struct ctx *ctx, struct db_conn *c, const struct sealed_place *place,
                      struct str sealed, struct str *out) {
    unsigned char *plain = arena_alloc(ctx->arena, sealed.len + 1);
    size_t len = 0;
    TRY(open_into(ctx, c, place, sealed, plain, &len));
    *out = (struct str){ (char *)plain, len };
    return OK;
}

/* --- opening the vault ----------------------------------------------------------------------- */

static const char *canary_name(struct ctx *ctx, const char *kek_id) {
    return arena_printf(ctx->arena, "canary:%s", kek_id);
}

static void canary_aad(struct buf *b, const char *kek_id) {
    aad_part(b, STR("ava/canary/v1"));
    aad_part(b, str_of(kek_id));
}

/* False when the stored canary of this id was sealed with other bytes. *known: it has one. */
static bool canary_opens(struct ctx *ctx, const struct kek *kek, bool *known) {
    struct str sealed;
    struct buf aad = { 0 };
    unsigned char plain[sizeof CANARY];
    if (meta_get(ctx, db_reader(ctx->parts->db), canary_name(ctx, kek->id), &sealed) != OK)
        return false;
    *known = sealed.ptr != NULL;
    if (!*known)
        return true;
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
        aead_seal(sealed, keys->keks[i].key, STR("this is the right key"), buf_view(&aad));
        buf_fini(&aad);
        TRY(meta_put(ctx, tx, name, (struct str){ (char *)sealed, sizeof sealed }));
    }
    return OK;
}

/* *all_known: every loaded KEK has its canary. False and *why when one does not open, or a KEK in
 * use is not loaded. */
static bool check_keys(struct ctx *ctx, const struct keyring *keys, bool *all_known,
                       const char **why) {
    *all_known = true;
    for (size_t i = 0; i < keys->count; i++) {
        bool known = false;
        if (!canary_opens(ctx, &keys->keks[i], &known)) {
            *why = arena_printf(ctx->arena,
                                "the master key '%s' is not the one this data was sealed with; "
                                "put the right key back (nothing was changed)",
                                keys->keks[i].id);
            return false;
        }
        *all_known = *all_known && known;
    }
    const char *in_use[KEKS_CHECKED];
    size_t count;
    if (workspace_keks_in_use(ctx, db_reader(ctx->parts->db), in_use, KEKS_CHECKED, &count) != OK) {
        *why = "the keys of the workspaces cannot be read";
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (keyring_find(keys, in_use[i]))
            continue;
        *why =
            arena_printf(ctx->arena,
                         "the data is sealed under the master key '%s', which is not loaded; add "
                         "its line to the master keys (nothing was changed)",
                         in_use[i]);
        return false;
    }
    return true;
}

struct vault *vault_open(struct ctx *ctx, struct keyring *keys, const char **why) {
    bool all_known;
    if (!check_keys(ctx, keys, &all_known, why)) {
        keyring_fini(keys);
        return NULL;
    }
    struct str retired;
    if ((!all_known && db_write(ctx, put_canaries, keys) != OK) ||
        meta_get(ctx, db_reader(ctx->parts->db), "retired_keks", &retired) != OK) {
        *why = "the key check could not be stored";
        keyring_fini(keys);
        return NULL;
    }
    struct vault *v = memory_zeroed(1, sizeof *v);
    str_copy(v->retired, sizeof v->retired, retired);
    pthread_mutex_init(&v->lock, NULL);
    if (is_retired(v, keys->keks[0].id)) {
        *why = arena_printf(ctx->arena,
                            "the master key '%s' was retired by a rotation; put a newer one first "
                            "(nothing was changed)",
                            keys->keks[0].id);
        pthread_mutex_destroy(&v->lock);
        free(v);
        keyring_fini(keys);
        return NULL;
    }
    v->keys = *keys;
    *keys = (struct keyring){ 0 };
    v->cache = guarded_alloc(CACHE_SLOTS * sizeof *v->cache);
    return v;
}

void vault_close(struct vault *v) {
    if (!v)
        return;
    keyring_fini(&v->keys);
    guarded_free(v->cache);
    pthread_mutex_destroy(&v->lock);
    free(v);
}

bool vault_is_ready(const struct vault *v) {
    return v && v->keys.count > 0;
}

const char *vault_active_key_id(const struct vault *v) {
    return v->keys.keks[0].id;
}

size_t vault_key_count(const struct vault *v) {
    return v->keys.count;
}
