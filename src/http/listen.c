#include "http/server.h"

#include <errno.h>
#include <netdb.h>
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
static int socket_on(const struct addrinfo *ai, bool is_probe) {
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
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

int http_listen(const char *address, bool is_first, struct arena *a, const char **why) {
    char *host, *port;
    struct addrinfo *found = NULL;
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    if (!split(address, a, &host, &port)) {
        *why = arena_printf(a, "'%s' is not host:port or [v6]:port", address);
        return -1;
    }
    int e = getaddrinfo(host[0] ? host : NULL, port, &hints, &found);
    if (e != 0) {
        *why = arena_printf(a, "'%s' is not an address of this machine (%s)", address,
                            gai_strerror(e));
        return -1;
    }
    /* SO_REUSEPORT would share the port with another process of ours without a word, so the first
     * socket is tried without it. It must not listen: whoever it let in would be reset when it is
     * closed, and behind a proxy that knocks until Ava is back there is always somebody. */
    int probe = is_first ? socket_on(found, true) : -1;
    int fd = -1;
    if (!is_first || probe >= 0) {
        if (probe >= 0)
            close(probe);
        fd = socket_on(found, false);
    }
    if (fd < 0)
        *why = arena_printf(a, "cannot listen on %s: %s", address, strerror(errno));
    freeaddrinfo(found);
    return fd;
}

char *http_listen_address(int fd, struct arena *a) {
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    char host[128], port[16];
    if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0 ||
        getnameinfo((struct sockaddr *)&addr, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return arena_strdup(a, "?");
    return arena_printf(a, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}
