#include "base/secret.h"

#include <string.h>

void secret_wipe(struct secret *s) {
    explicit_bzero(s, sizeof *s);
}

bool secret_set(struct secret *s, struct str bytes) {
    if (bytes.len > SECRET_MAX_BYTES)
        return false;
    secret_wipe(s);
    if (bytes.len)
        memcpy(s->hidden, bytes.ptr, bytes.len);
    s->hidden_len = bytes.len;
    return true;
}

static void put(struct secret *s, struct str part) {
    s->hidden[s->hidden_len++] = (unsigned char)(part.len >> 8);
    s->hidden[s->hidden_len++] = (unsigned char)part.len;
    if (part.len)
        memcpy(s->hidden + s->hidden_len, part.ptr, part.len);
    s->hidden_len += part.len;
}

bool secret_field_add(struct secret *s, struct str name, struct str value) {
    if (name.len > UINT16_MAX || value.len > UINT16_MAX ||
        s->hidden_len + 4 + name.len + value.len > SECRET_MAX_BYTES)
        return false;
    put(s, name);
    put(s, value);
    return true;
}

static bool take(const struct secret *s, size_t *at, struct str *out) {
    if (s->hidden_len - *at < 2)
        return false;
    size_t len = (size_t)s->hidden[*at] << 8 | s->hidden[*at + 1];
    *at += 2;
    if (s->hidden_len - *at < len)
        return false;
    *out = (struct str){ (const char *)s->hidden + *at, len };
    *at += len;
    return true;
}

struct str secret_field(const struct secret *s, const char *name) {
    struct str key, value;
    for (size_t at = 0; at < s->hidden_len;) {
        if (!take(s, &at, &key) || !take(s, &at, &value))
            break;
        if (str_is(key, name))
            return value;
    }
    return (struct str){ NULL, 0 };
}

bool secret_field_put(struct secret *s, const char *name, struct str value) {
    SCOPED(secret_wipe) struct secret made = { 0 };
    struct str key, one;
    bool is_good = true;
    for (size_t at = 0; at < s->hidden_len && is_good;) {
        if (!take(s, &at, &key) || !take(s, &at, &one))
            break;
        if (!str_is(key, name))
            is_good = secret_field_add(&made, key, one);
    }
    return is_good && secret_field_add(&made, str_of(name), value) &&
           secret_set(s, secret_reveal(&made));
}
