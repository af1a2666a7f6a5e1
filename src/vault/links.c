#include "vault/links.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "crypto/hash.h"
#include "crypto/hmac.h"
#include "vault/inner.h"

enum { PROOF_BYTES = 32, TOKEN_MAX = 320 };

static const char PURPOSE[] = "ava/links/v1";

/* What proves the text, by that master key; hexadecimal, the arena's. */
static const char *proof_by(struct ctx *ctx, const struct kek *kek, const char *kind,
                            struct str what) {
    unsigned char key[PROOF_BYTES], proof[PROOF_BYTES];
    char *hex = arena_alloc(ctx->arena, 2 * sizeof proof + 1);
    struct buf text = { 0 };
    hash_blake2b_keyed(key, sizeof key, (struct str){ (const char *)kek->key, KEK_BYTES },
                       STR(PURPOSE));
    vault_aad_part(&text, str_of(kind));
    vault_aad_part(&text, what);
    hash_blake2b_keyed(proof, sizeof proof, (struct str){ (const char *)key, sizeof key },
                       buf_view(&text));
    hex_encode(hex, proof, sizeof proof);
    explicit_bzero(key, sizeof key);
    buf_fini(&text);
    return hex;
}

/* "UNTIL.WORKSPACE.THING.KEY.PROOF" */
const char *link_make(struct ctx *ctx, const char *kind, const char *thing, int64_t lasts_ms) {
    struct kek kek;
    masters_active(ctx->parts->vault, &kek);
    const char *what =
        arena_printf(ctx->arena, "%lld.%s.%s.%s", (long long)(ava_steady_ms() + lasts_ms),
                     ctx->who.workspace_id, thing, kek.id);
    const char *proof = proof_by(ctx, &kek, kind, str_of(what));
    explicit_bzero(&kek, sizeof kek);
    return arena_join(ctx->arena, what, ".", proof);
}

/* The parts of what is proven. */
struct claim {
    struct str until, workspace, thing, kek_id;
};

static bool is_proven(struct ctx *ctx, const char *kind, struct str what, struct str kek_id,
                      struct str proof) {
    struct kek kek;
    bool is_retired;
    if (!masters_find(ctx->parts->vault, str_dup(ctx->arena, kek_id), &kek, &is_retired))
        return false;
    bool is_good = !is_retired && hmac_equal(proof, str_of(proof_by(ctx, &kek, kind, what)));
    explicit_bzero(&kek, sizeof kek);
    return is_good;
}

enum err link_open(struct ctx *ctx, const char *kind, struct str token, const char **thing) {
    size_t proof_len = (size_t)2 * PROOF_BYTES;
    int64_t until_ms;
    if (token.len > proof_len + 1 && token.len < TOKEN_MAX &&
        token.ptr[token.len - proof_len - 1] == '.') {
        struct str what = { token.ptr, token.len - proof_len - 1 }, rest;
        struct str proof = { what.ptr + what.len + 1, proof_len };
        struct claim c;
        c.until = str_cut(what, '.', &rest);
        c.workspace = str_cut(rest, '.', &rest);
        c.thing = str_cut(rest, '.', &c.kek_id);
        if (c.kek_id.ptr && is_proven(ctx, kind, what, c.kek_id, proof) &&
            str_to_i64(c.until, 0, INT64_MAX, &until_ms) && until_ms > ava_steady_ms()) {
            str_copy(ctx->who.workspace_id, sizeof ctx->who.workspace_id, c.workspace);
            *thing = str_dup(ctx->arena, c.thing);
            return OK;
        }
    }
    return ctx_fail(ctx, ERR_NOT_FOUND, "This address was good for a minute; ask for a new one.");
}
