#include "crypto/crypto.h"

#include <openssl/crypto.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/memory.h"

static void *take(size_t bytes, const char *file, int line) {
    return memory_asked(bytes);
}

static void *resize(void *old, size_t bytes, const char *file, int line) {
    return memory_asked_again(old, bytes);
}

static void give_back(void *p, const char *file, int line) {
    free(p);
}

bool crypto_init(void) {
    /* Refused once OpenSSL has taken memory: whoever calls this first is first. */
    CRYPTO_set_mem_functions(take, resize, give_back);
    return sodium_init() >= 0;
}
