#include "crypto/hash.h"

#include <assert.h>
#include <sodium.h>

_Static_assert(sizeof(struct hash) >= sizeof(crypto_generichash_state), "room for libsodium's");

static const unsigned char *bytes_of(struct str s) {
    return (const unsigned char *)s.ptr;
}

static crypto_generichash_state *state_of(struct hash *h) {
    return (crypto_generichash_state *)(void *)h->state;
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
