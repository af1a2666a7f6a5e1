#include "http/crowd.h"

#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "obs/metrics.h"

enum { AT_ONCE = 32 };

/* --- counting -------------------------------------------------------------------------------- */

/* A place for each address; two may share one, which then count together. */
static size_t place_of(const struct http_server *s, const struct sockaddr_storage *peer) {
    uint64_t key = 0;
    if (peer->ss_family == AF_INET6) {
        const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
        memcpy(&key, IN6_IS_ADDR_V4MAPPED(a) ? a->s6_addr + 8 : a->s6_addr, sizeof key);
    } else if (peer->ss_family == AF_INET) {
        uint32_t v4 = ((const struct sockaddr_in *)(const void *)peer)->sin_addr.s_addr;
        memcpy((char *)&key + 4, &v4, sizeof v4);
        ((char *)&key)[2] = ((char *)&key)[3] = (char)0xFF; /* as mapped into IPv6 */
    }
    key = (key ^ s->crowd_seed) * 0x9E3779B97F4A7C15u;
    return (key ^ key >> 29) * 0xBF58476D1CE4E5B9u >> 52;
}

void crowd_join(struct http_server *s, struct conn *c) {
    struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
    int len = sizeof peer;
    if (!s->crowd_seed)
        ava_rand(&s->crowd_seed, sizeof s->crowd_seed);
    uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&peer, &len);
    c->crowd = place_of(s, &peer);
    s->crowds[c->crowd]++;
    s->open_count++;
}

/* --- making room ----------------------------------------------------------------------------- */

/* True when something came that was not read yet. */
static bool has_bytes(const struct conn *c) {
    char one;
    int fd;
    return uv_fileno((const uv_handle_t *)&c->tcp, &fd) == 0 &&
           recv(fd, &one, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static bool can_go(const struct conn *c, const struct conn *newcomer) {
    return c != newcomer && !c->closing && !c->writing && !c->close_after_write &&
           (c->phase == IDLE || c->phase == HEAD) && c->out.len == 0 &&
           (c->phase == HEAD || !has_bytes(c));
}

/* How many to close in one search, which looks at all of them: a few more than one. */
static size_t at_once(const struct http_server *s) {
    size_t part = s->limits->connections_max / 32;
    return part < 1 ? 1 : part < AT_ONCE ? part : AT_ONCE;
}

/* Closes some of those that can go, the oldest first, the silent before those that have asked: of that
 * crowd, or of any (SIZE_MAX). */
static size_t close_some(struct http_server *s, const struct conn *newcomer, size_t crowd,
                         const char *reason) {
    size_t closed = 0, most = at_once(s);
    for (int has_asked = 0; has_asked < 2 && !closed; has_asked++) {
        for (struct conn *c = s->oldest, *next; c && closed < most; c = next) {
            next = c->prev;
            if ((crowd != SIZE_MAX && c->crowd != crowd) || c->has_asked != has_asked ||
                !can_go(c, newcomer))
                continue;
            conn_close(c);
            closed++;
        }
    }
    metric_add(METRIC_HTTP_DROPPED, (int64_t)closed, reason);
    return closed;
}

/* The address that holds the most. */
static size_t largest(const struct http_server *s) {
    size_t at = 0;
    for (size_t i = 1; i < CROWDS; i++)
        if (s->crowds[i] > s->crowds[at])
            at = i;
    return at;
}

static void close_resting(struct http_server *s, const struct conn *newcomer, const char *reason) {
    size_t most = largest(s);
    if (s->crowds[most] <= s->open_count / 2 || !close_some(s, newcomer, most, reason))
        close_some(s, newcomer, SIZE_MAX, reason);
}

bool crowd_make_room(struct http_server *s, const struct conn *newcomer) {
    size_t max = s->limits->connections_max, share = max / 2 + 1;
    if (s->crowds[newcomer->crowd] > share &&
        !close_some(s, newcomer, newcomer->crowd, "address") && s->open_count > max)
        return false; /* nobody else pays for an address that is all busy */
    if (s->open_count > max)
        close_resting(s, newcomer, "room");
    return s->open_count <= max;
}

void crowd_thin_out(struct http_server *s) {
    close_resting(s, NULL, "descriptors");
}
