#include "cli/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "obs/log.h"

enum { FIRST_FD = 3, SAID_BYTES = 1024, SOCKETS_MAX = 64 };

/* By the system's own clock, which the sandbox does not move: the supervisor waits by it. */
static int64_t monotonic_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The variable's number; 0 when it is not set or is none. */
static int64_t number_of(const char *name) {
    int64_t n = 0;
    const char *text = getenv(name);
    return text && str_to_i64(str_of(text), 1, INT64_MAX, &n) ? n : 0;
}

/* A name in the file system, or with @ an abstract one. */
static int connect_to(const char *path) {
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t len = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof to.sun_path) {
        errno = EINVAL;
        return -1;
    }
    memcpy(to.sun_path, path, len);
    if (path[0] == '@')
        to.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, size) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static void open_notify(struct systemd *d) {
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || !path[0])
        return;
    d->notify = connect_to(path);
    if (d->notify < 0)
        log_warn(NULL, "systemd", L("socket", path), L("why", strerror(errno)),
                 L("then", "the supervisor is not told that Ava is ready"));
    int64_t whose = number_of("WATCHDOG_PID");
    if (d->notify >= 0 && (!whose || whose == getpid()))
        d->watchdog_ms = number_of("WATCHDOG_USEC") / 1000;
}

static void take_sockets(struct systemd *d) {
    int64_t count = number_of("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    if (number_of("LISTEN_PID") != getpid() || count > SOCKETS_MAX)
        return; /* meant for another process: a parent that forgot to unset them */
    d->count = (size_t)count;
    for (int i = 0; i < count; i++)
        fcntl(d->first + i, F_SETFD, FD_CLOEXEC);
    if (names)
        d->names = strdup(names);
}

void systemd_open(struct systemd *d) {
    static const char *const READ[] = { "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
                                        "LISTEN_PID",    "LISTEN_FDS",   "LISTEN_FDNAMES" };
    *d = (struct systemd){ .notify = -1, .first = FIRST_FD };
    open_notify(d);
    take_sockets(d);
    for (size_t i = 0; i < ARRAY_LEN(READ); i++)
        unsetenv(READ[i]);
}

void systemd_close(struct systemd *d) {
    for (size_t i = 0; i < d->count; i++)
        close(d->first + (int)i);
    if (d->notify >= 0)
        close(d->notify);
    free(d->names);
    *d = (struct systemd){ .notify = -1 };
}

/* --- sockets --------------------------------------------------------------------------------- */

size_t systemd_sockets(const struct systemd *d) {
    return d->count;
}

bool systemd_is_named(const struct systemd *d, size_t i, const char *name) {
    struct str rest = str_of(d->names ? d->names : ""), item = { 0 };
    for (size_t n = 0; n <= i; n++)
        item = rest.ptr ? str_cut(rest, ':', &rest) : (struct str){ 0 };
    return item.ptr && str_is(item, name);
}

static int option(int fd, int name) {
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

int systemd_socket(const struct systemd *d, size_t i, const char **why) {
    int fd = d->first + (int)i, domain = option(fd, SO_DOMAIN);
    if ((domain != AF_INET && domain != AF_INET6) || option(fd, SO_TYPE) != SOCK_STREAM ||
        option(fd, SO_ACCEPTCONN) != 1) {
        *why = "a socket that Ava was given is not a TCP socket that listens: ListenStream= with a "
               "port, and Accept=no";
        return -1;
    }
    int own = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
    if (own < 0)
        *why = "the system grants no descriptor for a socket that Ava was given";
    else
        fcntl(own, F_SETFL, fcntl(own, F_GETFL) | O_NONBLOCK);
    return own;
}

/* --- telling --------------------------------------------------------------------------------- */

void systemd_say(const struct systemd *d, const char *format, ...) {
    char said[SAID_BYTES];
    va_list args;
    if (d->notify < 0)
        return;
    va_start(args, format);
    int len = vsnprintf(said, sizeof said, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < sizeof said)
        send(d->notify, said, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void systemd_reloading(const struct systemd *d) {
    systemd_say(d, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)monotonic_us());
}

void systemd_alive(struct systemd *d, int64_t stood_ms) {
    int64_t now_ms = monotonic_us() / 1000, half_ms = d->watchdog_ms / 2;
    if (!d->watchdog_ms || stood_ms >= half_ms || now_ms - d->alive_ms < half_ms / 2)
        return;
    d->alive_ms = now_ms;
    systemd_say(d, "WATCHDOG=1");
}
