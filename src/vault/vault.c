#include "vault/vault.h"

#include <string.h>

#include "base/clock.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/hmac.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "vault/inner.h"

enum { NEWEST_MS = 5000 }; /* for so long what was the newest data key is taken for it */

/* --- associated data ------------------------------------------------------------------------- */

/* A data key as it is used. */
struct dek {
    int64_t id;
    bool binds;
    unsigned char key[DEK_BYTES];
};

/* What a sealed field is authenticated with: its place, its DEK, the algorithm and, under a DEK that
 * binds it, which of the values that the row has had this is. */
static void field_aad(struct buf *b, const struct sealed_place *place, const struct dek *dek) {
    vault_aad_part(b, dek->binds ? STR("ava/field/v2") : STR("ava/field/v1"));
    vault_aad_part(b, str_of(place->table));
    vault_aad_part(b, str_of(place->column));
    vault_aad_part(b, str_of(place->workspace_id));
    vault_aad_part(b, str_of(place->row_id));
    vault_aad_number(b, dek->id);
    vault_aad_number(b, FIELD_ALG_XCHACHA20POLY1305);
    if (dek->binds)
        vault_aad_number(b, place->version);
}

/* What a wrapped DEK is authenticated with. */
static void wrap_aad(struct buf *b, const struct workspace_key *row) {
    vault_aad_part(b, STR("ava/kek/v1"));
    vault_aad_part(b, str_of(row->workspace_id));
    vault_aad_number(b, row->dek_id);
    vault_aad_part(b, str_of(row->kek_id));
}

enum err vault_failed(struct ctx *ctx, const char *reason) {
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
    struct kek kek;
    struct buf aad = { 0 };
    unsigned char *wrapped = arena_alloc(ctx->arena, DEK_BYTES + AEAD_MORE_BYTES);
    masters_active(v, &kek);
    row->kek_id = arena_strdup(ctx->arena, kek.id);
    wrap_aad(&aad, row);
    aead_seal(wrapped, kek.key, (struct str){ (const char *)dek, DEK_BYTES }, buf_view(&aad));
    row->wrapped = (struct str){ (char *)wrapped, DEK_BYTES + AEAD_MORE_BYTES };
    explicit_bzero(&kek, sizeof kek);
    buf_fini(&aad);
}

enum err dek_make(struct ctx *ctx, struct db_conn *tx, const char *workspace_id, int64_t dek_id,
                  struct workspace_key *out) {
    unsigned char dek[DEK_BYTES];
    unsigned char *kcv = arena_alloc(ctx->arena, KCV_BYTES);
    struct str retired;
    ava_rand(dek, sizeof dek);
    *out = (struct workspace_key){ .workspace_id = workspace_id, .dek_id = dek_id, .binds = true };
    dek_wrap(ctx, ctx->parts->vault, dek, out);
    check_value(dek, kcv);
    out->kcv = (struct str){ (char *)kcv, KCV_BYTES };
    explicit_bzero(dek, sizeof dek);
    TRY(masters_retired(ctx, tx, &retired)); /* another process may have done so a moment ago */
    return masters_has_id(retired, out->kek_id) ? vault_failed(ctx, "retired_kek") : OK;
}

/* Opens a wrapped DEK; one under a retired KEK only where that may be. */
static enum err unwrap(struct ctx *ctx, struct vault *v, const struct workspace_key *row,
                       bool may_be_retired, unsigned char dek[DEK_BYTES]) {
    struct kek kek;
    struct buf aad = { 0 };
    unsigned char kcv[KCV_BYTES];
    bool is_retired;
    if (!masters_find(v, row->kek_id, &kek, &is_retired))
        return vault_failed(ctx, "unknown_kek");
    wrap_aad(&aad, row);
    bool may = !is_retired || may_be_retired;
    bool good = may && row->wrapped.len == DEK_BYTES + AEAD_MORE_BYTES &&
                aead_open(dek, kek.key, row->wrapped, buf_view(&aad));
    buf_fini(&aad);
    explicit_bzero(&kek, sizeof kek);
    if (!good)
        return vault_failed(ctx, may ? "unwrap" : "retired_kek");
    check_value(dek, kcv);
    if (!hmac_equal((struct str){ (char *)kcv, KCV_BYTES }, row->kcv)) {
        explicit_bzero(dek, DEK_BYTES);
        return vault_failed(ctx, "kcv");
    }
    return OK;
}

enum err dek_unwrap(struct ctx *ctx, struct vault *v, const struct workspace_key *row,
                    unsigned char dek[DEK_BYTES]) {
    return unwrap(ctx, v, row, false, dek);
}

enum err dek_unwrap_retired(struct ctx *ctx, struct vault *v, const struct workspace_key *row,
                            unsigned char dek[DEK_BYTES]) {
    return unwrap(ctx, v, row, true, dek);
}

/* The one place in a cache where this DEK may be; dek_id 0: the newest. */
static size_t slot_at(const char *workspace_id, int64_t dek_id) {
    uint64_t h = 1469598103934665603u ^ (uint64_t)dek_id;
    for (const char *p = workspace_id; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211u;
    return (h ^ h >> 29) % CACHE_SLOTS;
}

/* Copies the DEK of that id out of the cache; false when it is not there. */
static bool cached(struct vault *v, const char *workspace_id, struct dek *dek) {
    pthread_mutex_lock(&v->lock);
    struct dek_slot *s = &v->cache[slot_at(workspace_id, dek->id)];
    bool hit = s->dek_id == dek->id && strcmp(s->workspace_id, workspace_id) == 0;
    if (hit) {
        dek->binds = s->binds;
        memcpy(dek->key, s->key, DEK_BYTES);
    }
    pthread_mutex_unlock(&v->lock);
    return hit;
}

/* Puts the DEK into the cache, in the place of what was there. */
static void remember(struct vault *v, const char *workspace_id, const struct dek *dek) {
    pthread_mutex_lock(&v->lock);
    struct dek_slot *s = &v->cache[slot_at(workspace_id, dek->id)];
    str_copy(s->workspace_id, sizeof s->workspace_id, str_of(workspace_id));
    s->dek_id = dek->id;
    s->binds = dek->binds;
    memcpy(s->key, dek->key, DEK_BYTES);
    pthread_mutex_unlock(&v->lock);
}

/* The DEK new fields are sealed with: always looked up, as another process may have made a newer
 * one; made when the workspace has none yet, or none that binds versions, as older Avas made them. Not
 * from the cache and not into it: until the commit it may still be taken back, and another one made
 * under the same number. */
static enum err dek_newest(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                           struct dek *dek) {
    struct workspace_key row;
    TRY(workspace_key_find(ctx, tx, workspace_id, 0, &row));
    if (!row.kek_id || !row.binds) {
        if (ctx->parts->whole)
            return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE,
                            "The key can only be made in the database.");
        TRY(dek_make(ctx, tx, workspace_id, row.dek_id + 1, &row));
        TRY(workspace_key_insert(ctx, tx, &row));
    }
    dek->id = row.dek_id;
    dek->binds = row.binds;
    return dek_unwrap(ctx, ctx->parts->vault, &row, dek->key);
}

/* The DEK of that id from the store, which is then cached. */
static enum err dek_fetch(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                          struct dek *dek) {
    struct workspace_key row;
    TRY(workspace_key_find(ctx, c, workspace_id, dek->id, &row));
    if (!row.kek_id)
        return vault_failed(ctx, "no_dek");
    TRY(dek_unwrap(ctx, ctx->parts->vault, &row, dek->key));
    dek->binds = row.binds;
    remember(ctx->parts->vault, workspace_id, dek);
    return OK;
}

/* --- the newest one, remembered ----------------------------------------------------------------- */

static bool knows_newest(struct vault *v, const char *workspace_id, struct dek *dek,
                         unsigned char kcv[KCV_BYTES]) {
    pthread_mutex_lock(&v->lock);
    const struct newest_slot *s = &v->newest[slot_at(workspace_id, 0)];
    bool hit = s->dek_id && ava_now_ms() - s->read_ms < NEWEST_MS &&
               strcmp(s->workspace_id, workspace_id) == 0;
    if (hit) {
        *dek = (struct dek){ .id = s->dek_id, .binds = true };
        memcpy(dek->key, s->key, DEK_BYTES);
        memcpy(kcv, s->kcv, KCV_BYTES);
    }
    pthread_mutex_unlock(&v->lock);
    return hit;
}

static void remember_newest(struct vault *v, const char *workspace_id, const struct dek *dek,
                            const unsigned char kcv[KCV_BYTES]) {
    pthread_mutex_lock(&v->lock);
    struct newest_slot *s = &v->newest[slot_at(workspace_id, 0)];
    str_copy(s->workspace_id, sizeof s->workspace_id, str_of(workspace_id));
    s->dek_id = dek->id;
    s->read_ms = ava_now_ms();
    memcpy(s->kcv, kcv, KCV_BYTES);
    memcpy(s->key, dek->key, DEK_BYTES);
    pthread_mutex_unlock(&v->lock);
}

/* From memory, or else from what is committed; *found is false where one would have to be made. */
static enum err dek_ahead(struct ctx *ctx, const char *workspace_id, struct dek *dek,
                          unsigned char kcv[KCV_BYTES], bool *found) {
    struct vault *v = ctx->parts->vault;
    struct workspace_key row;
    *found = knows_newest(v, workspace_id, dek, kcv);
    if (*found)
        return OK;
    TRY(workspace_key_find(ctx, db_reader(ctx), workspace_id, 0, &row));
    if (!row.kek_id || !row.binds)
        return OK;
    *dek = (struct dek){ .id = row.dek_id, .binds = true };
    TRY(dek_unwrap(ctx, v, &row, dek->key)); /* and so kcv is that of the key */
    memcpy(kcv, row.kcv.ptr, KCV_BYTES);
    remember_newest(v, workspace_id, dek, kcv);
    *found = true;
    return OK;
}

void vault_token_hash(struct str token, unsigned char out[32]) {
    hash_blake2b(out, token);
}

void vault_file_hash(unsigned char out[32], struct str bytes) {
    hash_sha256(out, bytes);
}

void vault_forget(struct vault *v, const char *workspace_id) {
    pthread_mutex_lock(&v->lock);
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        if (strcmp(v->cache[i].workspace_id, workspace_id) == 0)
            explicit_bzero(&v->cache[i], sizeof v->cache[i]);
    struct newest_slot *s = &v->newest[slot_at(workspace_id, 0)];
    if (strcmp(s->workspace_id, workspace_id) == 0)
        explicit_bzero(s, sizeof *s);
    pthread_mutex_unlock(&v->lock);
}

/* --- fields ---------------------------------------------------------------------------------- */

/* Seals with this DEK, into the arena. */
static struct str seal_with(struct ctx *ctx, const struct sealed_place *place,
                            const struct dek *dek, struct str plain) {
    struct buf aad = { 0 };
    size_t len = FIELD_HEAD_BYTES + plain.len + AEAD_MORE_BYTES;
    unsigned char *blob = arena_alloc(ctx->arena, len);
    blob[0] = FIELD_MARK;
    blob[1] = FIELD_ALG_XCHACHA20POLY1305;
    for (int i = 0; i < 4; i++)
        blob[2 + i] = (unsigned char)(dek->id >> (24 - 8 * i));
    field_aad(&aad, place, dek);
    aead_seal(blob + FIELD_HEAD_BYTES, dek->key, plain, buf_view(&aad));
    buf_fini(&aad);
    return (struct str){ (char *)blob, len };
}

enum err vault_seal(struct ctx *ctx, struct db_conn *tx, const struct sealed_place *place,
                    struct str plain, struct str *sealed) {
    struct dek dek;
    TRY(dek_newest(ctx, tx, place->workspace_id, &dek));
    *sealed = seal_with(ctx, place, &dek, plain);
    explicit_bzero(&dek, sizeof dek);
    return OK;
}

enum err vault_seal_ahead(struct ctx *ctx, const struct sealed_place *place, struct str plain,
                          struct vault_ahead *out) {
    struct dek dek;
    bool found;
    *out = (struct vault_ahead){ 0 };
    TRY(dek_ahead(ctx, place->workspace_id, &dek, out->kcv, &found));
    if (!found)
        return OK;
    out->sealed = seal_with(ctx, place, &dek, plain);
    explicit_bzero(&dek, sizeof dek);
    return OK;
}

static bool opens(const struct sealed_place *place, const struct dek *dek, struct str body,
                  unsigned char *out) {
    struct buf aad = { 0 };
    field_aad(&aad, place, dek);
    bool good = aead_open(out, dek->key, body, buf_view(&aad));
    buf_fini(&aad);
    return good;
}

int64_t vault_key_of(struct str sealed) {
    const unsigned char *p = (const unsigned char *)sealed.ptr;
    if (sealed.len < FIELD_HEAD_BYTES + AEAD_MORE_BYTES || p[0] != FIELD_MARK ||
        p[1] != FIELD_ALG_XCHACHA20POLY1305)
        return 0;
    return (int64_t)p[2] << 24 | (int64_t)p[3] << 16 | (int64_t)p[4] << 8 | p[5];
}

/* Opens into out, which has room for sealed.len bytes. */
static enum err open_into(struct ctx *ctx, struct db_conn *c, const struct sealed_place *place,
                          struct str sealed, unsigned char *out, size_t *len) {
    struct dek dek = { .id = vault_key_of(sealed) };
    if (dek.id == 0)
        return vault_failed(ctx, "format");
    struct str body = { sealed.ptr + FIELD_HEAD_BYTES, sealed.len - FIELD_HEAD_BYTES };
    enum err e = OK;
    bool good =
        cached(ctx->parts->vault, place->workspace_id, &dek) && opens(place, &dek, body, out);
    if (!good) { /* not known, or known from a transaction that was taken back */
        e = dek_fetch(ctx, c, place->workspace_id, &dek);
        good = e == OK && opens(place, &dek, body, out);
    }
    explicit_bzero(&dek, sizeof dek);
    if (!good)
        return e != OK ? e : vault_failed(ctx, "field");
    *len = body.len - AEAD_MORE_BYTES;
    return OK;
}

enum err vault_reveal(struct ctx *ctx, struct db_conn *c, const struct sealed_place *place,
                      struct str sealed, struct secret *out) {
    if (sealed.len > SECRET_MAX_BYTES)
        return vault_failed(ctx, "size");
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
