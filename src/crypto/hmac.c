#include "crypto/hmac.h"

#include <assert.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "base/memory.h"

static void hmac(const EVP_MD *md, unsigned char *out, struct str key, struct str bytes) {
    unsigned len = 0;
    assert(key.len <= INT_MAX);
    for (int tries = 0; !HMAC(md, key.len ? key.ptr : "", (int)key.len,
                              (const unsigned char *)bytes.ptr, bytes.len, out, &len);
         tries++) {
        ERR_clear_error();
        memory_make_room(tries); /* a library without the hash ends the process the same way */
    }
}

void hmac_sha1(unsigned char out[HMAC_SHA1_BYTES], struct str key, struct str bytes) {
    hmac(EVP_sha1(), out, key, bytes);
}

void hmac_sha256(unsigned char out[HMAC_SHA256_BYTES], struct str key, struct str bytes) {
    hmac(EVP_sha256(), out, key, bytes);
}

void hmac_sha512(unsigned char out[HMAC_SHA512_BYTES], struct str key, struct str bytes) {
    hmac(EVP_sha512(), out, key, bytes);
}

bool hmac_equal(struct str a, struct str b) {
    return a.len == b.len && (a.len == 0 || sodium_memcmp(a.ptr, b.ptr, a.len) == 0);
}
