#include "providers/outbound.h"

#include <string.h>
#include <sys/socket.h>

#include "base/defs.h"

enum { NAME_MAX_CHARS = 253, LABEL_MAX_CHARS = 63 };

static const char NOT_HTTP[] = "The address must begin with https:// and a host.";
static const char NOT_HOST[] = "The host of the address is not one that Ava can read; write a name "
                               "like hooks.example.com, or a usual IP address.";
static const char NOT_ASCII[] = "The host of the address must be in ASCII, as in the DNS: not "
                                "k\xc3\xa4"
                                "se.example but xn--kse-qla.example.";
static const char ENDS_WITH_DOT[] = "Leave out the dot at the end of the host.";
static const char NOT_HTTPS[] = "The address must begin with https://; plain http goes only to "
                                "addresses that the operator allowed (AVA_OUTBOUND_ALLOW).";
/* Of a name the same sentence as when there is none: nobody learns so which names an inside DNS has. */
static const char NOT_PUBLIC[] =
    "The host cannot be found, or leads to an address that is not public; Ava does not send there "
    "unless the operator allowed it (AVA_OUTBOUND_ALLOW).";
static const char BUSY[] = "Too many hosts are being looked up for this workspace.";

/* --- reading --------------------------------------------------------------------------------- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

/* Printable ASCII without what URLs have only in escapes. */
static bool is_plain(struct str url) {
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] >= 0x7f || strchr("\"<>\\^`{|}", url.ptr[i]))
            return false;
    return true;
}

/* The scheme with its "://", in whatever case; *out: whether it is https. Returns its length, 0: it is
 * another one, or none. */
static size_t scheme_len(struct str url, bool *is_https) {
    static const struct str HTTPS = { "https://", 8 }, HTTP = { "http://", 7 };
    *is_https = url.len >= HTTPS.len && str_eq_nocase((struct str){ url.ptr, HTTPS.len }, HTTPS);
    if (*is_https)
        return HTTPS.len;
    return url.len >= HTTP.len && str_eq_nocase((struct str){ url.ptr, HTTP.len }, HTTP) ? HTTP.len
                                                                                         : 0;
}

static bool is_ascii(struct str text) {
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    return true;
}

/* Labels of a name; the last one is no number, or somebody could take it all for an address. */
static bool is_name(struct str host) {
    struct str label = { NULL, 0 };
    if (host.len == 0 || host.len > NAME_MAX_CHARS || host.ptr[host.len - 1] == '.')
        return false;
    for (struct str rest = host; rest.ptr;) {
        label = str_cut(rest, '.', &rest);
        if (label.len == 0 || label.len > LABEL_MAX_CHARS || label.ptr[0] == '-')
            return false;
        for (size_t i = 0; i < label.len; i++)
            if (!is_name_char(label.ptr[i]))
                return false;
    }
    return !is_digit(label.ptr[0]);
}

static void lower(char *text) {
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text | 0x20);
}

static const char *read_host(struct str host, struct outbound_url *out) {
    bool in_brackets = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (in_brackets)
        host = (struct str){ host.ptr + 1, host.len - 2 };
    if (host.len && host.ptr[host.len - 1] == '.')
        return ENDS_WITH_DOT;
    if (!str_copy(out->host, sizeof out->host, host))
        return NOT_HOST;
    lower(out->host);
    out->is_address = address_parse(str_of(out->host), &out->address);
    if (out->is_address && (out->address.family == AF_INET6) == in_brackets)
        return NULL;
    return !in_brackets && !out->is_address && is_name(str_of(out->host)) ? NULL : NOT_HOST;
}

/* "host", "host:443", "[v6]:443" */
static const char *read_authority(struct str authority, struct outbound_url *out) {
    struct str port = { NULL, 0 }, host = authority;
    int64_t number = out->is_https ? 443 : 80;
    size_t i = 0;
    if (authority.len && authority.ptr[0] == '[')
        while (i < authority.len && authority.ptr[i] != ']')
            i++;
    while (i < authority.len && authority.ptr[i] != ':')
        i++;
    if (i < authority.len) {
        host = (struct str){ authority.ptr, i };
        port = (struct str){ authority.ptr + i + 1, authority.len - i - 1 };
    }
    if (port.ptr && (!port.len || !is_digit(port.ptr[0]) || !str_to_i64(port, 1, 65535, &number)))
        return "The port of the address must be 1 to 65535.";
    out->port = (int)number;
    return read_host(host, out);
}

const char *outbound_parse(struct str url, struct outbound_url *out) {
    *out = (struct outbound_url){ .port = 0 };
    size_t from = scheme_len(url, &out->is_https), to = from;
    if (!str_fits(url, 0, OUTBOUND_URL_MAX))
        return "The address may have at most 2048 characters.";
    if (!from)
        return NOT_HTTP;
    while (to < url.len && !strchr("/?#", url.ptr[to]))
        to++;
    struct str authority = { url.ptr + from, to - from };
    if (!is_ascii(authority))
        return NOT_ASCII;
    if (!is_plain(authority)) /* no escape would help in a host */
        return NOT_HOST;
    if (!is_plain(url))
        return "The address holds a character that must be written as an escape, like %20.";
    if (memchr(url.ptr, '#', url.len))
        return "The address must not have a part behind '#'; nobody would send it.";
    if (authority.len && memchr(authority.ptr, '@', authority.len))
        return "The address must not hold a user or password; the signature says who sends.";
    return read_authority(authority, out);
}

/* --- judging --------------------------------------------------------------------------------- */

const char *outbound_judge(const struct outbound_url *url, const struct address *list, size_t count,
                           const struct address_ranges *allowed) {
    for (size_t i = 0; i < count; i++) {
        if (address_ranges_hold(allowed, &list[i]))
            continue;
        if (!address_is_public(&list[i]))
            return NOT_PUBLIC;
        if (!url->is_https)
            return NOT_HTTPS;
    }
    return count ? NULL : NOT_PUBLIC;
}

const char *outbound_allow_parse(const char *cidrs, struct address_ranges *out) {
    if (address_ranges_parse(str_of(cidrs), out))
        return NULL;
    out->count = 0;
    return "AVA_OUTBOUND_ALLOW: not a list of addresses or CIDRs such as 10.0.0.0/8, ::1";
}

const char *outbound_check(struct str url, const struct address_ranges *allowed) {
    struct outbound_url parts;
    const char *why = outbound_parse(url, &parts);
    if (!why && parts.is_address)
        why = outbound_judge(&parts, &parts.address, 1, allowed);
    if (!why && !parts.is_https && allowed->count == 0)
        why = NOT_HTTPS;
    return why;
}

/* Where the host leads, and whether that may be reached. */
static const char *find(const char *whose, const struct outbound_url *parts,
                        const struct address_ranges *allowed, int64_t until_ms,
                        struct resolved *out, bool *is_busy) {
    enum resolve_result how = RESOLVE_FOUND;
    struct resolved found = { .count = 0 };
    if (parts->is_address) {
        found.list[0] = parts->address;
        found.count = 1;
    } else {
        how = resolve_host(whose, parts->host, until_ms, &found);
    }
    *is_busy = how == RESOLVE_BUSY;
    if (how != RESOLVE_FOUND)
        return *is_busy ? BUSY : NOT_PUBLIC;
    if (found.has_more)
        return "The host leads to more addresses than Ava looks at.";
    const char *why = outbound_judge(parts, found.list, found.count, allowed);
    if (!why)
        *out = found;
    return why;
}

const char *outbound_find(const char *whose, struct str url, const struct address_ranges *allowed,
                          int64_t until_ms, struct resolved *out, bool *is_busy) {
    struct outbound_url parts;
    const char *why = outbound_parse(url, &parts);
    *is_busy = false;
    return why ? why : find(whose, &parts, allowed, until_ms, out, is_busy);
}

/* --- hosts without a URL --------------------------------------------------------------------- */

const char *outbound_host_parse(struct str host, struct outbound_url *out) {
    *out = (struct outbound_url){ .is_https = true }; /* its protocol has its own rules for TLS */
    if (!is_ascii(host))
        return NOT_ASCII;
    if (address_parse(host, &out->address) && str_copy(out->host, sizeof out->host, host)) {
        out->is_address = true;
        return NULL;
    }
    return read_host(host, out);
}

const char *outbound_host_check(struct str host, const struct address_ranges *allowed) {
    struct outbound_url parts;
    const char *why = outbound_host_parse(host, &parts);
    return !why && parts.is_address ? outbound_judge(&parts, &parts.address, 1, allowed) : why;
}

const char *outbound_host_find(const char *whose, struct str host,
                               const struct address_ranges *allowed, int64_t until_ms,
                               struct resolved *out, bool *is_busy) {
    struct outbound_url parts;
    const char *why = outbound_host_parse(host, &parts);
    *is_busy = false;
    return why ? why : find(whose, &parts, allowed, until_ms, out, is_busy);
}
