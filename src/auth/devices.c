#include "auth/devices.h"

#include "auth/identity.h"
#include "base/clock.h"
#include "store/devices.h"

enum { TOKEN_CHARS = 43 };
static const int64_t KEPT_MS = INT64_C(1) * DEVICE_DAYS * 24 * 3600 * 1000;

enum err auth_device_find(struct ctx *ctx, struct str cookie, const char *email, bool *found) {
    unsigned char hash[32];
    *found = false;
    if (cookie.len != TOKEN_CHARS)
        return OK;
    auth_token_hash(cookie, hash);
    return device_row_find(ctx, db_reader(ctx), hash, email, ava_steady_ms() - KEPT_MS, found);
}

struct keeping {
    struct str cookie;
    const char *user_id, *out;
};

static enum err keep_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct keeping *k = arg;
    unsigned char hash[32];
    bool found = false;
    if (k->cookie.len == TOKEN_CHARS) {
        auth_token_hash(k->cookie, hash);
        TRY(device_row_touch(ctx, tx, hash, k->user_id, ava_steady_ms(), &found));
    }
    if (found) {
        k->out = str_dup(ctx->arena, k->cookie);
        return OK;
    }
    /* Never one that the browser brought along: somebody else may know it. */
    k->out = auth_token_new(ctx, "");
    auth_token_hash(str_of(k->out), hash);
    return device_row_put(ctx, tx, hash, k->user_id, ava_steady_ms());
}

enum err auth_device_keep(struct ctx *ctx, struct str cookie, const char *user_id,
                          const char **out) {
    struct keeping k = { cookie, user_id, NULL };
    TRY(db_write(ctx, keep_write, &k));
    *out = k.out;
    return OK;
}
