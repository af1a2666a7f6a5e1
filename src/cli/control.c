#include "cli/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_MS = 1000, ANSWER_MS = 10 * 1000, LINE_MAX_BYTES = 256 };

static bool address_of(const char *data_dir, struct sockaddr_un *out) {
    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    int n = snprintf(out->sun_path, sizeof out->sun_path, "%s/ava.sock", data_dir);
    if (n < 0 || (size_t)n >= sizeof out->sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    return true;
}

static int connect_to(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

int control_listen(const char *data_dir) {
    struct sockaddr_un address;
    if (!address_of(data_dir, &address))
        return -1;
    int other = connect_to(&address);
    if (other >= 0) {
        close(other);
        errno = EADDRINUSE;
        return -1;
    }
    unlink(address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t before = umask(0177);
    bool good =
        fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 8) == 0;
    umask(before);
    if (!good && fd >= 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

void control_close(int fd, const char *data_dir) {
    struct sockaddr_un address;
    if (fd < 0)
        return;
    close(fd);
    if (address_of(data_dir, &address))
        unlink(address.sun_path);
}

static void set_patience(int fd, int ms) {
    struct timeval patience = { ms / 1000, 0 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

void control_answer(int fd, void (*answer)(void *arg, const char *line, struct buf *out),
                    void *arg) {
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (peer < 0)
        return;
    set_patience(peer, PATIENCE_MS);
    char line[LINE_MAX_BYTES];
    ssize_t n = read(peer, line, sizeof line - 1);
    if (n > 0) {
        struct buf out = { 0 };
        line[n] = 0;
        line[strcspn(line, "\r\n")] = 0;
        answer(arg, line, &out);
        for (size_t at = 0; at < out.len;) {
            ssize_t sent = send(peer, out.ptr + at, out.len - at, MSG_NOSIGNAL);
            if (sent <= 0)
                break;
            at += (size_t)sent;
        }
        buf_fini(&out);
    }
    close(peer);
}

bool control_ask(const char *data_dir, const char *line, struct buf *out) {
    struct sockaddr_un address;
    int fd = address_of(data_dir, &address) ? connect_to(&address) : -1;
    if (fd < 0)
        return false;
    set_patience(fd, ANSWER_MS); /* a reload is written to disk */
    char chunk[4096];
    ssize_t n = send(fd, line, strlen(line), MSG_NOSIGNAL);
    if (n > 0)
        shutdown(fd, SHUT_WR);
    while (n > 0 && (n = read(fd, chunk, sizeof chunk)) > 0)
        buf_put(out, chunk, (size_t)n);
    close(fd);
    return out->len > 0;
}
