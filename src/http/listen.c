#include "http/server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Cuts "host:port" or "[v6]:port"; both parts copied into the arena. */
static bool split(const char *address, struct arena *a, char **host, char **port) {
    const char *colon = strrchr(address, ':');
    if (!colon || !colon[1])
        return false;
    *port = arena_strdup(a, colon + 1);
    if (address[0] == '[') {
        if (colon < address + 2 || colon[-1] != ']')
            return false;
        *host = arena_strndup(a, address + 1, (size_t)(colon - address - 2));
    } else {
        *host = arena_strndup(a, address, (size_t)(colon - address));
        if (strchr(*host, ':'))
            return false;
    }
    return true;
}

/* A bound socket, or -1 with errno. A probe neither listens nor shares its port. */
static struct addrinfo *look_up(const char *address, struct arena *a, const char **why) {
    char *host, *port;
    struct addrinfo *found = NULL;
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    if (!split(address, a, &host, &port)) {
        *why = arena_printf(a, "'%s' is not host:port or [v6]:port", address);
        return NULL;
    }
    int e = getaddrinfo(host[0] ? host : NULL, port, &hints, &found);
    if (e != 0)
        *why = arena_printf(a, "'%s' is not an address of this machine (%s)", address,
                            gai_strerror(e));
    return e == 0 ? found : NULL;
}

/* --- which addresses a list names ------------------------------------------------------------ */

static char *text_of(const struct sockaddr *addr, socklen_t len, struct arena *a) {
    char host[128], port[16];
    if (getnameinfo(addr, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return arena_strdup(a, "?");
    return arena_printf(a, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

/* False for an address of a family that is switched off, or that no interface has. */
static bool is_ours(const struct addrinfo *ai) {
    struct sockaddr_storage any_port;
    memcpy(&any_port, ai->ai_addr, ai->ai_addrlen);
    if (ai->ai_family == AF_INET6)
        ((struct sockaddr_in6 *)&any_port)->sin6_port = 0;
    else
        ((struct sockaddr_in *)&any_port)->sin_port = 0;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_bound = fd >= 0 && bind(fd, (struct sockaddr *)&any_port, ai->ai_addrlen) == 0;
    if (fd >= 0)
        close(fd);
    return is_bound;
}

static bool is_listed(const struct http_address *list, int count, const char *text) {
    for (int i = 0; i < count; i++)
        if (strcmp(list[i].text, text) == 0 && !str_ends(str_of(text), STR(":0")))
            return true;
    return false;
}

/* Adds the addresses of one item. Of a name that leads to several, what this machine lacks is left
 * out: localhost has an IPv6 address wherever it is written down. */
static int add(const char *item, struct http_address *out, int count, int max, struct arena *a,
               const char **why) {
    struct addrinfo *found = look_up(item, a, why);
    int before = count;
    if (!found)
        return -1;
    for (struct addrinfo *ai = found; ai && count >= 0; ai = ai->ai_next) {
        const char *text = text_of(ai->ai_addr, ai->ai_addrlen, a);
        bool is_last_chance = !ai->ai_next && count == before;
        if (is_listed(out, count, text) || (!is_last_chance && !is_ours(ai)))
            continue;
        if (count == max) {
            *why = arena_printf(a, "more than %d addresses", max);
            count = -1;
            break;
        }
        out[count++] = (struct http_address){ .text = text };
    }
    freeaddrinfo(found);
    return count;
}

int http_addresses(const char *list, struct http_address *out, int max, struct arena *a,
                   const char **why) {
    int count = 0;
    for (struct str rest = str_of(list); rest.ptr && rest.len && count >= 0;)
        count = add(str_dup(a, str_trim(str_cut(rest, ',', &rest))), out, count, max, a, why);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < count; k++)
            if (out[i].text[0] == '[' && out[k].text[0] != '[' &&
                strcmp(strrchr(out[i].text, ':'), strrchr(out[k].text, ':')) == 0)
                out[i].how = HTTP_LISTEN_V6_ONLY;
    return count;
}

/* --- listening ------------------------------------------------------------------------------- */

static int socket_on(const struct addrinfo *ai, bool is_v6_only, bool is_probe) {
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (is_v6_only && ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (!is_probe)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || (!is_probe && listen(fd, 1024) != 0)) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* What went wrong, and for a port that is taken how to find out who has it. */
static const char *refusal(const char *address, int e, struct arena *a) {
    const char *port = strrchr(address, ':') + 1;
    if (e == EADDRINUSE)
        return arena_printf(
            a,
            "cannot listen on %s: %s: another Ava or another program listens there; "
            "ss -ltnp 'sport = :%s' shows which",
            address, strerror(e), port);
    return arena_printf(a, "cannot listen on %s: %s", address, strerror(e));
}

int http_listen(const char *address, unsigned how, struct arena *a, const char **why) {
    bool is_first = how & HTTP_LISTEN_FIRST, is_v6_only = how & HTTP_LISTEN_V6_ONLY;
    struct addrinfo *found = look_up(address, a, why);
    if (!found)
        return -1;
    /* SO_REUSEPORT would share the port with another process of ours without a word, so the first
     * socket is tried without it. It must not listen: whoever it let in would be reset when it is
     * closed, and behind a proxy that knocks until Ava is back there is always somebody. */
    int probe = is_first ? socket_on(found, is_v6_only, true) : -1;
    int fd = -1;
    if (!is_first || probe >= 0) {
        if (probe >= 0)
            close(probe);
        fd = socket_on(found, is_v6_only, false);
    }
    if (fd < 0)
        *why = refusal(address, errno, a);
    freeaddrinfo(found);
    return fd;
}

char *http_listen_address(int fd, struct arena *a) {
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
        return arena_strdup(a, "?");
    return text_of((struct sockaddr *)&addr, len, a);
}
