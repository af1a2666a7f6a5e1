#include "crypto/hash.h"

#include <assert.h>
#include <sodium.h>
#include <stdint.h>

enum { STATE_ALIGN = 64 };

_Static_assert(sizeof(struct hash) >= sizeof(crypto_generichash_state) + STATE_ALIGN,
               "room for libsodium's");

static const unsigned char *bytes_of(struct str s) {
    return (const unsigned char *)s.ptr;
}

/* Aligned by hand: under AddressSanitizer gcc 12 does not keep _Alignas(64) of a local variable
 * when it looks for uses after return (seen 2026-11-20). A struct hash is never copied. */
static crypto_generichash_state *state_of(struct hash *h) {
    uintptr_t at = ((uintptr_t)h->state + STATE_ALIGN - 1) & ~(uintptr_t)(STATE_ALIGN - 1);
    return (crypto_generichash_state *)at;
}

void hash_blake2b(unsigned char out[HASH_BYTES], struct str bytes) {
    crypto_generichash(out, HASH_BYTES, bytes_of(bytes), bytes.len, NULL, 0);
}

void hash_sha256(unsigned char out[HASH_BYTES], struct str bytes) {
    crypto_hash_sha256(out, bytes_of(bytes), bytes.len);
}

void hash_blake2b_keyed(unsigned char *out, size_t out_bytes, struct str key, struct str bytes) {
    int failed =
        crypto_generichash(out, out_bytes, bytes_of(bytes), bytes.len, bytes_of(key), key.len);
    assert(!failed);
    (void)failed;
}

void hash_begin(struct hash *h) {
    crypto_generichash_init(state_of(h), NULL, 0, HASH_BYTES);
}

void hash_add(struct hash *h, struct str bytes) {
    crypto_generichash_update(state_of(h), bytes_of(bytes), bytes.len);
}

void hash_add_field(struct hash *h, struct str bytes) {
    unsigned char len[8];
    for (int i = 0; i < 8; i++)
        len[i] = (unsigned char)((uint64_t)bytes.len >> (56 - 8 * i));
    hash_add(h, (struct str){ (const char *)len, sizeof len });
    hash_add(h, bytes);
}

void hash_end(struct hash *h, unsigned char out[HASH_BYTES]) {
    crypto_generichash_final(state_of(h), out, HASH_BYTES);
}
