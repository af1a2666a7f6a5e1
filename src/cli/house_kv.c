/* Redis, where REDIS_URL says one: by whose keys this installation is known there. */
#include "base/clock.h"
#include "base/id.h"
#include "base/memory.h"
#include "cli/house.h"
#include "crypto/hash.h"
#include "db/kv.h"
#include "store/sealed.h"

#include <stdlib.h>

enum { SALT_BYTES = 32 };

struct house_kv {
    unsigned char salt[SALT_BYTES];
};

static void hash(void *arg, struct str of, unsigned char out[KV_HASH_BYTES]) {
    const struct house_kv *k = arg;
    hash_blake2b_keyed(out, KV_HASH_BYTES, (struct str){ (const char *)k->salt, SALT_BYTES }, of);
}

/* Makes what is not there yet; of hosts that start at once, the first one's stays. */
static enum err make_names(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct id installation = id_make("ins");
    unsigned char salt[SALT_BYTES];
    ava_rand(salt, sizeof salt);
    TRY(meta_keep(ctx, tx, "installation", str_of(installation.text)));
    return meta_keep(ctx, tx, "kv_salt", (struct str){ (const char *)salt, sizeof salt });
}

static enum err read_names(struct ctx *ctx, struct str *installation, struct str *salt) {
    struct db_conn *c = db_reader(ctx);
    TRY(db_write_beside(ctx, make_names, NULL));
    TRY(meta_get(ctx, c, "installation", installation));
    TRY(meta_get(ctx, c, "kv_salt", salt));
    if (!installation->len || salt->len != SALT_BYTES)
        return ctx_fail(ctx, ERR_INTERNAL, "meta: installation or kv_salt is damaged.");
    return OK;
}

int house_kv_open(struct house *h, struct arena *a) {
    struct kv_conf conf = { .hash = hash };
    struct str installation, salt;
    const char *why = "";
    struct ctx ctx;
    if (!secret_is_set(&h->config.redis_url))
        return EXIT_OK;
    house_ctx(h, &ctx, a);
    enum err e = read_names(&ctx, &installation, &salt);
    if (e != OK)
        return house_say(&ctx, e);
    h->kv = memory_zeroed(1, sizeof *h->kv);
    memcpy(h->kv->salt, salt.ptr, SALT_BYTES);
    conf.installation = str_dup(a, installation);
    conf.hash_arg = h->kv;
    bool good = redis_url_parse(secret_reveal(&h->config.redis_url), &conf.url, &why);
    secret_wipe(&h->config.redis_url);
    if (good)
        h->parts.kv = kv_open(&conf, &why);
    redis_url_wipe(&conf.url);
    return h->parts.kv ? EXIT_OK : cli_fail(EXIT_CONFIG, "REDIS_URL: %s", why);
}

void house_kv_close(struct house *h) {
    kv_close(h->parts.kv);
    h->parts.kv = NULL;
    free(h->kv);
    h->kv = NULL;
}
