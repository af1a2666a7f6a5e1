#include "crypto/password.h"

#include <sodium.h>
#include <string.h>

enum { TIME_COST = 3, MEMORY_BYTES = 64 * 1024 * 1024 };

/* Nobody's: made from random bytes that were thrown away, with today's parameters. */
static const char NOBODY[] = "$argon2id$v=19$m=65536,t=3,p=1$+2aQ1awMF5oAoRJaT6uR/"
                             "w$lnJz1I1QAtSJF46AG6AZ0OxNd4yh6xAbG0y5HxaDnN4";

_Static_assert((int)PASSWORD_PHC_BYTES >= (int)crypto_pwhash_STRBYTES, "room for the string");

bool password_hash(char out[PASSWORD_PHC_BYTES], struct str password) {
    return crypto_pwhash_str_alg(out, password.len ? password.ptr : "", password.len, TIME_COST,
                                 MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

bool password_verify(const char *phc, struct str password) {
    bool is_right = crypto_pwhash_str_verify(phc ? phc : NOBODY, password.len ? password.ptr : "",
                                             password.len) == 0;
    return phc && is_right;
}

bool password_needs_rehash(const char *phc) {
    return crypto_pwhash_str_needs_rehash(phc, TIME_COST, MEMORY_BYTES) != 0;
}
