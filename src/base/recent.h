/* recent: values of one size, remembered for a moment under the hash of what they belong to, so that one of many who ask
 * for the same asks the store. Any thread. A place may be taken by another value at any time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RECENT_HASH_BYTES = 32
}; /* of something that nobody chooses: its first bytes are the place */

struct recent;

struct recent *recent_new(size_t places, size_t value_bytes);
void recent_free(struct recent *r); /* NULL is fine */

/* Copies the value; false when none is remembered, or it was for too short. */
bool recent_get(struct recent *r, const unsigned char hash[RECENT_HASH_BYTES], void *value);

/* As it is before the value is read: a change in between wins over what is remembered then. */
uint64_t recent_generation(struct recent *r, const unsigned char hash[RECENT_HASH_BYTES]);
void recent_put(struct recent *r, const unsigned char hash[RECENT_HASH_BYTES], uint64_t generation,
                int64_t for_ms, const void *value);

void recent_forget(struct recent *r, const unsigned char hash[RECENT_HASH_BYTES]); /* it changed */
void recent_forget_all(struct recent *r); /* some did: which is not known */
