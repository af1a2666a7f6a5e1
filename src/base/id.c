#include "base/id.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/encode.h"

enum { COUNT_BITS = 12, NEAR_MS = 10 };

/* Milliseconds, and a count of the ids made within one: events of one call that come in the same
 * millisecond stay in their order (RFC 9562, 6.2, method 1). A clock that is set back further than
 * NEAR_MS is believed. */
static _Atomic uint64_t last_stamp;

static uint64_t next_stamp(uint64_t ms) {
    uint64_t was = atomic_load(&last_stamp), next;
    do {
        uint64_t last_ms = was >> COUNT_BITS;
        bool is_near = ms <= last_ms && last_ms - ms < NEAR_MS;
        next = is_near ? was + 1 : ms << COUNT_BITS;
    } while (!atomic_compare_exchange_weak(&last_stamp, &was, next));
    return next;
}

void id_uuid7(unsigned char out[16]) {
    uint64_t stamp = next_stamp((uint64_t)ava_steady_ms()), ms = stamp >> COUNT_BITS;
    ava_rand(out + 8, 8);
    for (int i = 0; i < 6; i++)
        out[i] = (unsigned char)(ms >> (40 - 8 * i));
    out[6] = (unsigned char)(0x70 | (stamp >> 8 & 0x0F));
    out[7] = (unsigned char)stamp;
    out[8] = (unsigned char)(0x80 | (out[8] & 0x3F));
}

struct id id_make(const char *prefix) {
    unsigned char uuid[16];
    struct id id;
    size_t at = strlen(prefix);
    assert(at >= 1 && at <= 6);
    id_uuid7(uuid);
    memcpy(id.text, prefix, at);
    id.text[at++] = '_';
    hex_encode(id.text + at, uuid, sizeof uuid);
    return id;
}

struct id id_floor(const char *prefix, int64_t wall_ms) {
    struct id id;
    snprintf(id.text, sizeof id.text, "%.6s_%012llx", prefix, (unsigned long long)wall_ms);
    return id;
}

bool id_is(struct str text, const char *prefix) {
    size_t at = strlen(prefix);
    if (text.len != at + 33 || !str_starts(text, str_of(prefix)) || text.ptr[at] != '_')
        return false;
    for (size_t i = at + 1; i < text.len; i++)
        if (!hex_is_lower_digit(text.ptr[i]))
            return false;
    return true;
}
