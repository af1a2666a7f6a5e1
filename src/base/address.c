#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/defs.h"

bool address_parse(struct str text, struct address *out) {
    char copy[ADDRESS_TEXT_MAX];
    if (!text.len || memchr(text.ptr, 0, text.len) || !str_copy(copy, sizeof copy, text))
        return false;
    *out = (struct address){ .family = strchr(copy, ':') ? AF_INET6 : AF_INET };
    return inet_pton(out->family, copy, out->bytes) == 1;
}

bool address_from(const struct sockaddr *from, struct address *out) {
    const char *bytes = (const char *)from;
    *out = (struct address){ .family = from->sa_family };
    if (from->sa_family == AF_INET)
        memcpy(out->bytes, bytes + offsetof(struct sockaddr_in, sin_addr), 4);
    else if (from->sa_family == AF_INET6)
        memcpy(out->bytes, bytes + offsetof(struct sockaddr_in6, sin6_addr), 16);
    else
        return false;
    return true;
}

bool address_equal(const struct address *a, const struct address *b) {
    return a->family == b->family && memcmp(a->bytes, b->bytes, a->family == AF_INET ? 4 : 16) == 0;
}

static const unsigned char MAPPED[12] = { [10] = 0xFF, [11] = 0xFF };
enum { MAPPED_BITS = 96 };

struct address address_unmapped(struct address a) {
    if (a.family != AF_INET6 || memcmp(a.bytes, MAPPED, sizeof MAPPED) != 0)
        return a;
    struct address plain = { .family = AF_INET };
    memcpy(plain.bytes, a.bytes + sizeof MAPPED, 4);
    return plain;
}

void address_write(const struct address *a, char out[ADDRESS_TEXT_MAX]) {
    if (!inet_ntop(a->family, a->bytes, out, ADDRESS_TEXT_MAX))
        out[0] = 0;
}

/* --- what is public -------------------------------------------------------------------------- */

struct block {
    unsigned char bytes[8];
    int bits;
};

static bool is_in(const unsigned char *bytes, const unsigned char *base, int bits) {
    int whole = bits / 8, rest = bits % 8;
    int mask = rest ? 0xFF << (8 - rest) & 0xFF : 0;
    return memcmp(bytes, base, (size_t)whole) == 0 &&
           (!rest || (bytes[whole] & mask) == (base[whole] & mask));
}

static bool is_in_any(const unsigned char *bytes, const struct block *blocks, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (is_in(bytes, blocks[i].bytes, blocks[i].bits))
            return true;
    return false;
}

static const struct block PRIVATE_4[] = {
    { { 0 }, 8 },             /* this network */
    { { 10 }, 8 },            /* private */
    { { 100, 64 }, 10 },      /* shared, carriers' NAT */
    { { 127 }, 8 },           /* loopback */
    { { 169, 254 }, 16 },     /* link local, and clouds' metadata */
    { { 172, 16 }, 12 },      /* private */
    { { 192, 0, 0 }, 24 },    /* protocol assignments */
    { { 192, 0, 2 }, 24 },    /* documentation */
    { { 192, 88, 99 }, 24 },  /* former 6to4 relays */
    { { 192, 168 }, 16 },     /* private */
    { { 198, 18 }, 15 },      /* benchmarks */
    { { 198, 51, 100 }, 24 }, /* documentation */
    { { 203, 0, 113 }, 24 },  /* documentation */
    { { 224 }, 4 },           /* multicast */
    { { 240 }, 4 },           /* reserved, broadcast */
};

/* Of 2000::/3. */
static const struct block PRIVATE_6[] = {
    { { 0x20, 0x01 }, 23 },             /* protocol assignments; Teredo, benchmarks, ORCHID */
    { { 0x20, 0x01, 0x0D, 0xB8 }, 32 }, /* documentation */
    { { 0x3F, 0xFF }, 20 },             /* documentation */
};

static const unsigned char NAT64[12] = { 0x00, 0x64, 0xFF, 0x9B };

bool address_is_public(const struct address *a) {
    static const unsigned char GIVEN_OUT[] = { 0x20 }, SIX_TO_FOUR[] = { 0x20, 0x02 };
    const unsigned char *b = a->bytes;
    if (a->family == AF_INET)
        return !is_in_any(b, PRIVATE_4, ARRAY_LEN(PRIVATE_4));
    if (a->family != AF_INET6)
        return false;
    if (is_in(b, NAT64, 96))
        return !is_in_any(b + 12, PRIVATE_4, ARRAY_LEN(PRIVATE_4));
    if (is_in(b, SIX_TO_FOUR, 16))
        return !is_in_any(b + 2, PRIVATE_4, ARRAY_LEN(PRIVATE_4));
    return is_in(b, GIVEN_OUT, 3) && !is_in_any(b, PRIVATE_6, ARRAY_LEN(PRIVATE_6));
}

/* --- ranges ---------------------------------------------------------------------------------- */

bool address_ranges_parse(struct str cidrs, struct address_ranges *out) {
    out->count = 0;
    for (struct str rest = cidrs, item; rest.ptr && rest.len;) {
        struct str bits_text;
        item = str_trim(str_cut(rest, ',', &rest));
        if (item.len == 0)
            continue;
        struct str text = str_cut(item, '/', &bits_text);
        struct address base;
        if (out->count == ADDRESS_RANGES_MAX || !address_parse(text, &base))
            return false;
        int64_t most = base.family == AF_INET ? 32 : 128, bits = most;
        if (bits_text.ptr && !str_to_i64(bits_text, 0, most, &bits))
            return false;
        struct address plain = address_unmapped(base);
        bool is_mapped = plain.family != base.family;
        if (is_mapped && bits < MAPPED_BITS)
            return false; /* half of it would be one family, half the other */
        out->list[out->count].base = plain;
        out->list[out->count++].bits = (int)(is_mapped ? bits - MAPPED_BITS : bits);
    }
    return true;
}

bool address_ranges_hold(const struct address_ranges *ranges, const struct address *a) {
    struct address plain = address_unmapped(*a);
    for (size_t i = 0; i < ranges->count; i++)
        if (ranges->list[i].base.family == plain.family &&
            is_in(plain.bytes, ranges->list[i].base.bytes, ranges->list[i].bits))
            return true;
    return false;
}
