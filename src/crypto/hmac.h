/* hmac: message authentication with a shared key, and the one way to compare secrets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum { HMAC_SHA1_BYTES = 20, HMAC_SHA256_BYTES = 32, HMAC_SHA512_BYTES = 64 };

void hmac_sha1(unsigned char out[HMAC_SHA1_BYTES], struct str key, struct str bytes);
void hmac_sha256(unsigned char out[HMAC_SHA256_BYTES], struct str key, struct str bytes);
void hmac_sha512(unsigned char out[HMAC_SHA512_BYTES], struct str key, struct str bytes);

/* In time that depends on the lengths only. */
bool hmac_equal(struct str a, struct str b);
