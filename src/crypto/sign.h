/* sign: Ed25519 (RFC 8032). */
#pragma once

#include <stdbool.h>

#include "base/str.h"

enum { SIGN_SEED_BYTES = 32, SIGN_PUBLIC_BYTES = 32, SIGNATURE_BYTES = 64 };

/* The pair that belongs to this seed signs the text; the public key comes with it. */
void sign_text(const unsigned char seed[SIGN_SEED_BYTES], struct str text,
               unsigned char signature[SIGNATURE_BYTES], unsigned char public[SIGN_PUBLIC_BYTES]);
bool sign_is_good(const unsigned char public[SIGN_PUBLIC_BYTES], struct str text,
                  const unsigned char signature[SIGNATURE_BYTES]);
