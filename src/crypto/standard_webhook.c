#include "crypto/standard_webhook.h"

#include <string.h>

#include "base/encode.h"
#include "crypto/hmac.h"

static const struct str PREFIX = { "whsec_", 6 }, VERSION = { "v1,", 3 };

/* The key's bytes; the caller wipes them. */
static bool key_of(struct arena *a, struct str secret, struct str *key) {
    if (str_starts(secret, PREFIX))
        secret = (struct str){ secret.ptr + PREFIX.len, secret.len - PREFIX.len };
    return base64_decode(a, secret, key) && key->len;
}

bool standard_webhook_is_secret(struct arena *a, struct str secret) {
    struct str key;
    if (!key_of(a, secret, &key))
        return false;
    explicit_bzero((char *)key.ptr, key.len);
    return true;
}

/* The base64 of the one right signature; NULL when the secret is none. */
static const char *mac_of(struct arena *a, struct str secret, struct str content) {
    unsigned char mac[HMAC_SHA256_BYTES];
    struct str key;
    if (!key_of(a, secret, &key))
        return NULL;
    hmac_sha256(mac, key, content);
    explicit_bzero((char *)key.ptr, key.len);
    return base64_encode(a, mac, sizeof mac);
}

static const char *mac_of_parts(struct arena *a, struct str secret, struct str id, struct str at,
                                struct str body) {
    struct buf content = { 0 };
    buf_printf(&content, "%.*s.%.*s.", STR_FMT(id), STR_FMT(at));
    buf_str(&content, body);
    const char *mac = mac_of(a, secret, buf_view(&content));
    buf_fini(&content);
    return mac;
}

bool standard_webhook_sign(struct arena *a, struct str secret, const char *id, int64_t at_s,
                           struct str body, struct buf *out) {
    const char *at = arena_printf(a, "%lld", (long long)at_s);
    const char *mac = mac_of_parts(a, secret, str_of(id), str_of(at), body);
    if (mac)
        buf_printf(out, "%s%s%s", out->len ? " " : "", VERSION.ptr, mac);
    return mac != NULL;
}

bool standard_webhook_is_valid(struct arena *a, const struct standard_webhook *w,
                               struct str secret) {
    int64_t at_s, oldest = w->now_s - STANDARD_WEBHOOK_TOLERANCE_S,
                  newest = w->now_s + STANDARD_WEBHOOK_TOLERANCE_S;
    bool is_valid = false;
    if (!w->id.len || !w->signature.len || !str_to_i64(w->timestamp, oldest, newest, &at_s))
        return false;
    const char *mac = mac_of_parts(a, secret, w->id, w->timestamp, w->body);
    if (!mac)
        return false;
    struct str rest = w->signature;
    while (rest.ptr && rest.len) {
        struct str one = str_cut(rest, ' ', &rest);
        if (str_starts(one, VERSION))
            is_valid |= hmac_equal((struct str){ one.ptr + VERSION.len, one.len - VERSION.len },
                                   str_of(mac));
    }
    return is_valid;
}
