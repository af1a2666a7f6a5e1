#include "vault/links.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "base/secret.h"
#include "crypto/hmac.h"

enum { KEY_BYTES = 32, TOKEN_MAX = 300 };

struct links {
    struct secret key;
};

struct links *links_new(void) {
    struct links *l = memory_zeroed(1, sizeof *l);
    unsigned char key[KEY_BYTES];
    ava_rand(key, sizeof key);
    secret_set(&l->key, (struct str){ (const char *)key, sizeof key });
    explicit_bzero(key, sizeof key);
    return l;
}

void links_free(struct links *l) {
    if (!l)
        return;
    secret_wipe(&l->key);
    free(l);
}

static const char *proof_of(struct ctx *ctx, const char *kind, struct str what) {
    unsigned char mac[HMAC_SHA256_BYTES];
    const char *signed_text = arena_printf(ctx->arena, "%s.%.*s", kind, STR_FMT(what));
    char *hex = arena_alloc(ctx->arena, 2 * sizeof mac + 1);
    hmac_sha256(mac, secret_reveal(&ctx->parts->links->key), str_of(signed_text));
    hex_encode(hex, mac, sizeof mac);
    return hex;
}

const char *link_make(struct ctx *ctx, const char *kind, const char *thing, int64_t lasts_ms) {
    const char *what =
        arena_printf(ctx->arena, "%lld.%s.%s", (long long)(ava_steady_ms() + lasts_ms),
                     ctx->who.workspace_id, thing);
    return arena_join(ctx->arena, what, ".", proof_of(ctx, kind, str_of(what)));
}

enum err link_open(struct ctx *ctx, const char *kind, struct str token, const char **thing) {
    struct str rest, workspace, until;
    int64_t until_ms;
    size_t proof_len = 2 * HMAC_SHA256_BYTES;
    if (token.len > proof_len + 1 && token.len < TOKEN_MAX &&
        token.ptr[token.len - proof_len - 1] == '.') {
        struct str what = { token.ptr, token.len - proof_len - 1 };
        struct str proof = { what.ptr + what.len + 1, proof_len };
        until = str_cut(what, '.', &rest);
        workspace = str_cut(rest, '.', &rest);
        if (hmac_equal(proof, str_of(proof_of(ctx, kind, what))) &&
            str_to_i64(until, 0, INT64_MAX, &until_ms) && until_ms > ava_steady_ms()) {
            str_copy(ctx->who.workspace_id, sizeof ctx->who.workspace_id, workspace);
            *thing = str_dup(ctx->arena, rest);
            return OK;
        }
    }
    return ctx_fail(ctx, ERR_NOT_FOUND, "This address was good for a minute; ask for a new one.");
}
