/* secret: bytes that no printer accepts.
 *
 * There is no log field, no JSON writer and no printf helper that takes one; reading the bytes
 * needs the word "reveal" at the place where it happens. Wiped on every way out:
 *     SCOPED(secret_wipe) struct secret key = { 0 }; */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum { SECRET_MAX_BYTES = 4096 };

struct secret {
    size_t hidden_len;
    unsigned char hidden[SECRET_MAX_BYTES];
};

void secret_wipe(struct secret *s);
bool secret_set(struct secret *s, struct str bytes); /* false when over SECRET_MAX_BYTES */

static inline bool secret_is_set(const struct secret *s) {
    return s->hidden_len != 0;
}

/* The bytes themselves, lent until the secret is wiped. */
static inline struct str secret_reveal(const struct secret *s) {
    return (struct str){ (const char *)s->hidden, s->hidden_len };
}

/* Named fields inside one secret, as a credential has them: a run of (u16 length, name)
 * (u16 length, value), big endian. add returns false when full; find gives NULL ptr if absent. */
bool secret_field_add(struct secret *s, struct str name, struct str value);
bool secret_field_put(struct secret *s, const char *name,
                      struct str value); /* in place of the one that is there */
struct str secret_field(const struct secret *s, const char *name);
