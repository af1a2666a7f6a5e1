#include "crypto/sign.h"

#include <sodium.h>

void sign_text(const unsigned char seed[SIGN_SEED_BYTES], struct str text,
               unsigned char signature[SIGNATURE_BYTES], unsigned char public[SIGN_PUBLIC_BYTES]) {
    unsigned char secret[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(public, secret, seed);
    crypto_sign_detached(signature, NULL, (const unsigned char *)text.ptr, text.len, secret);
    sodium_memzero(secret, sizeof secret);
}

bool sign_is_good(const unsigned char public[SIGN_PUBLIC_BYTES], struct str text,
                  const unsigned char signature[SIGNATURE_BYTES]) {
    return crypto_sign_verify_detached(signature, (const unsigned char *)text.ptr, text.len,
                                       public) == 0;
}
