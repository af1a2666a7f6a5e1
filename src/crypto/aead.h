/* aead: XChaCha20-Poly1305. Sealing draws its own nonce, so that none is used twice. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum {
    AEAD_KEY_BYTES = 32,
    AEAD_NONCE_BYTES = 24,
    AEAD_TAG_BYTES = 16,
    AEAD_MORE_BYTES = AEAD_NONCE_BYTES + AEAD_TAG_BYTES, /* sealed minus plain */
};

/* Writes nonce, ciphertext and tag: plain.len + AEAD_MORE_BYTES bytes. */
void aead_seal(unsigned char *out, const unsigned char key[AEAD_KEY_BYTES], struct str plain,
               struct str aad);

/* Writes sealed.len - AEAD_MORE_BYTES bytes. False, and out is zeroed, when it is not authentic. */
bool aead_open(unsigned char *out, const unsigned char key[AEAD_KEY_BYTES], struct str sealed,
               struct str aad);
