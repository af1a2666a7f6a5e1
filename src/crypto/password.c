#include "crypto/password.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { TIME_COST = 3, MEMORY_BYTES = 64 * 1024 * 1024 };

/* Nobody's: made from random bytes that were thrown away, with today's parameters. */
static const char NOBODY[] = "$argon2id$v=19$m=65536,t=3,p=1$+2aQ1awMF5oAoRJaT6uR/"
                             "w$lnJz1I1QAtSJF46AG6AZ0OxNd4yh6xAbG0y5HxaDnN4";

struct phc {
    unsigned kib, time_cost;
    unsigned char salt[crypto_pwhash_SALTBYTES], hash[32];
};

_Static_assert((int)PASSWORD_PHC_BYTES >= (int)crypto_pwhash_STRBYTES, "room for the string");

bool password_hash(char out[PASSWORD_PHC_BYTES], struct str password) {
    return crypto_pwhash_str_alg(out, password.len ? password.ptr : "", password.len, TIME_COST,
                                 MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

/* What the string says: its costs, salt and hash. False for one that is not ours. */
static bool read_phc(const char *phc, struct phc *out) {
    char salt[23], hash[44];
    int end = 0;
    size_t salt_len = 0, hash_len = 0;
    return sscanf(phc, "$argon2id$v=19$m=%u,t=%u,p=1$%22[A-Za-z0-9+/]$%43[A-Za-z0-9+/]%n",
                  &out->kib, &out->time_cost, salt, hash, &end) == 4 &&
           phc[end] == '\0' &&
           sodium_base642bin(out->salt, sizeof out->salt, salt, strlen(salt), NULL, &salt_len, NULL,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
           salt_len == sizeof out->salt &&
           sodium_base642bin(out->hash, sizeof out->hash, hash, strlen(hash), NULL, &hash_len, NULL,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
           hash_len == sizeof out->hash;
}

/* crypto_pwhash_str_verify says of a password that it had no memory to check that it does not fit (1.0.18
 * makes EINVAL of both), so what it does is done here. */
bool password_verify(const char *phc, struct str password, bool *is_right) {
    struct phc p;
    unsigned char made[sizeof p.hash];
    *is_right = false;
    if (!read_phc(phc ? phc : NOBODY, &p))
        return true;
    errno = 0;
    if (crypto_pwhash(made, sizeof made, password.len ? password.ptr : "", password.len, p.salt,
                      p.time_cost, (size_t)p.kib * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return errno != ENOMEM;
    *is_right = phc && sodium_memcmp(made, p.hash, sizeof made) == 0;
    sodium_memzero(made, sizeof made);
    return true;
}

bool password_needs_rehash(const char *phc) {
    return crypto_pwhash_str_needs_rehash(phc, TIME_COST, MEMORY_BYTES) != 0;
}
