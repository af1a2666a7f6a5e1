/* outbound: may Ava send to an address that a customer named? (RESILIENCE 13, "Outbound".)
 *
 * A URL is taken only in the one form that everybody reads alike: http or https, a host of letters,
 * digits, '-', '_' and dots or an address as it is usually written, a port; no user, no fragment, no
 * escapes in the host, none of the odd numbers that some take for addresses. Where its host leads is
 * asked once per attempt, and every address it leads to must be one that may be reached: a public one
 * by https, or one of AVA_OUTBOUND_ALLOW by either. The connection goes to one of them; nobody asks
 * again. What is said to people never holds an address that a name led to. */
#pragma once

#include "base/address.h"
#include "net/resolve.h"

enum { OUTBOUND_URL_MAX = 2048 };

struct outbound_url {
    bool is_https, is_address;
    int port;
    char host[256];         /* lower case, without brackets */
    struct address address; /* is_address: what host is */
};

/* NULL, or why it is refused, in a sentence. Pure. */
const char *outbound_parse(struct str url, struct outbound_url *out);
const char *outbound_judge(const struct outbound_url *url, const struct address *list, size_t count,
                           const struct address_ranges *allowed);

/* The same for a host without a URL, to which a connection with a protocol of its own is made (a mail
 * server): a name, or an address with or without brackets. Public or allowed, whatever is spoken. */
const char *outbound_host_parse(struct str host, struct outbound_url *out);
const char *outbound_host_check(struct str host, const struct address_ranges *allowed);
const char *outbound_host_find(const char *whose, struct str host,
                               const struct address_ranges *allowed, int64_t until_ms,
                               struct resolved *out, bool *is_busy);

/* AVA_OUTBOUND_ALLOW; NULL, or what is wrong with it. */
const char *outbound_allow_parse(const char *cidrs, struct address_ranges *out);

/* What can be said when a URL is saved, without asking where its host leads. */
const char *outbound_check(struct str url, const struct address_ranges *allowed);

/* NULL and the addresses to connect to, in the order they should be tried, or why not; all of them may
 * be reached. whose: who asks (resolve.h); *is_busy: it could not even be asked, which says nothing about
 * the host. Waits until until_ms (monotonic) at most. */
const char *outbound_find(const char *whose, struct str url, const struct address_ranges *allowed,
                          int64_t until_ms, struct resolved *out, bool *is_busy);
