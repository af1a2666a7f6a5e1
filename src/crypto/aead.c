#include "crypto/aead.h"

#include <sodium.h>

#include "base/clock.h"

void aead_seal(unsigned char *out, const unsigned char key[AEAD_KEY_BYTES], struct str plain,
               struct str aad) {
    ava_rand(out, AEAD_NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        out + AEAD_NONCE_BYTES, NULL, (const unsigned char *)plain.ptr, plain.len,
        (const unsigned char *)aad.ptr, aad.len, NULL, out, key);
}

bool aead_open(unsigned char *out, const unsigned char key[AEAD_KEY_BYTES], struct str sealed,
               struct str aad) {
    if (sealed.len < AEAD_MORE_BYTES)
        return false;
    const unsigned char *nonce = (const unsigned char *)sealed.ptr;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            out, NULL, NULL, nonce + AEAD_NONCE_BYTES, sealed.len - AEAD_NONCE_BYTES,
            (const unsigned char *)aad.ptr, aad.len, nonce, key) == 0)
        return true;
    sodium_memzero(out, sealed.len - AEAD_MORE_BYTES);
    return false;
}
