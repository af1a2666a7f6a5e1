#include "resilience/keyhash.h"

#include <pthread.h>

#include "base/clock.h"

static uint64_t process_key[2];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void draw(void) {
    ava_rand(process_key, sizeof process_key);
}

static uint64_t rotl(uint64_t x, int by) {
    return x << by | x >> (64 - by);
}

static void rounds(uint64_t v[4], int n) {
    while (n--) {
        v[0] += v[1];
        v[1] = rotl(v[1], 13) ^ v[0];
        v[0] = rotl(v[0], 32);
        v[2] += v[3];
        v[3] = rotl(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotl(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotl(v[1], 17) ^ v[2];
        v[2] = rotl(v[2], 32);
    }
}

static void eat(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    rounds(v, 2);
    v[0] ^= word;
}

static uint64_t siphash(struct str s, uint64_t tweak) {
    pthread_once(&once, draw);
    uint64_t k0 = process_key[0] ^ tweak, k1 = process_key[1];
    uint64_t v[4] = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                      k1 ^ 0x7465646279746573u };
    size_t at = 0;
    for (; at + 8 <= s.len; at += 8) {
        uint64_t word;
        memcpy(&word, s.ptr + at, 8);
        eat(v, word);
    }
    uint64_t last = (uint64_t)s.len << 56;
    for (int shift = 0; at < s.len; at++, shift += 8)
        last |= (uint64_t)(unsigned char)s.ptr[at] << shift;
    eat(v, last);
    v[2] ^= 0xff;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t keyhash_of(struct str key) {
    return siphash(key, 0);
}

uint64_t keyhash_pair(struct str first, struct str second) {
    return siphash(second, siphash(first, 0));
}
