#include "crypto/guarded.h"

#include <sodium.h>

void *guarded_alloc(size_t bytes) {
    void *p = sodium_malloc(bytes);
    if (p)
        sodium_memzero(p, bytes);
    return p;
}

void guarded_free(void *p) {
    sodium_free(p);
}
