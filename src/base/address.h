/* address: IP addresses as numbers, which of them are public, and lists of ranges.
 *
 * Pure: resolves nothing and sends nothing. What is public follows the IANA registries of special
 * purpose addresses for IPv4 and IPv6 (RFC 6890 and its updates, read 2026-11-21); of IPv6 only
 * 2000::/3 is handed out, so all the rest is not public. Addresses that carry an IPv4 address (6to4,
 * NAT64) are as public as the one they carry; IPv4-mapped ones and Teredo never are. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct sockaddr;

struct address {
    int family; /* AF_INET: the first 4 bytes count; AF_INET6: all 16 */
    unsigned char bytes[16];
};

enum { ADDRESS_TEXT_MAX = 64 };

/* "192.0.2.1" with four decimal numbers, or "2001:db8::1"; no brackets, no zone, no port. */
bool address_parse(struct str text, struct address *out);
/* False when it is neither IPv4 nor IPv6. */
bool address_from(const struct sockaddr *from, struct address *out);
bool address_equal(const struct address *a, const struct address *b);
/* The IPv4 address that an IPv4-mapped one (::ffff:192.0.2.1) carries: a socket for both families
 * writes every IPv4 address so. Any other address comes back as it is. */
struct address address_unmapped(struct address a);
void address_write(const struct address *a, char out[ADDRESS_TEXT_MAX]);

bool address_is_public(const struct address *a);

enum { ADDRESS_RANGES_MAX = 64 };

struct address_ranges {
    size_t count;
    struct {
        struct address base;
        int bits;
    } list[ADDRESS_RANGES_MAX];
};

/* Addresses and CIDRs, comma separated; false when one is malformed or there are too many. A range of
 * mapped addresses is the range of IPv4 addresses that they carry, and a mapped address is looked for
 * as the one it carries. */
bool address_ranges_parse(struct str cidrs, struct address_ranges *out);
bool address_ranges_hold(const struct address_ranges *ranges, const struct address *a);
