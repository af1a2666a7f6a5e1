#include "crypto/pkce.h"

#include <ctype.h>
#include <string.h>

#include "base/encode.h"
#include "crypto/hash.h"

enum { VERIFIER_MIN = 43, VERIFIER_MAX = 128 };

bool pkce_is_verifier(struct str text) {
    for (size_t i = 0; i < text.len; i++)
        if (!isascii((unsigned char)text.ptr[i]) ||
            (!isalnum((unsigned char)text.ptr[i]) && !memchr("-._~", text.ptr[i], 4)))
            return false;
    return text.len >= VERIFIER_MIN && text.len <= VERIFIER_MAX;
}

const char *pkce_challenge(struct arena *a, struct str verifier) {
    unsigned char hash[HASH_BYTES];
    hash_sha256(hash, verifier);
    return base64url_encode(a, hash, sizeof hash);
}
