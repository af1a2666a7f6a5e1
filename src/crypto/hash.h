/* hash: BLAKE2b-256 and SHA-256. */
#pragma once

#include <stddef.h>

#include "base/str.h"

enum { HASH_BYTES = 32 };

void hash_blake2b(unsigned char out[HASH_BYTES], struct str bytes);
void hash_sha256(unsigned char out[HASH_BYTES], struct str bytes);

/* Keyed BLAKE2b of 16..64 bytes; the key has 16..64 bytes. */
void hash_blake2b_keyed(unsigned char *out, size_t out_bytes, struct str key, struct str bytes);

/* BLAKE2b-256 piece by piece. Pieces simply follow each other; who hashes fields must say where
 * one ends (hash_add_field puts its length, 8 bytes big endian, in front). */
struct hash {
    unsigned char state[384 + 64]; /* libsodium's state in it, at a multiple of 64 */
};

void hash_begin(struct hash *h);
void hash_add(struct hash *h, struct str bytes);
void hash_add_field(struct hash *h, struct str bytes);
void hash_end(struct hash *h, unsigned char out[HASH_BYTES]);
