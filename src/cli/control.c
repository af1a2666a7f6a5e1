#include "cli/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/defs.h"

enum { PATIENCE_MS = 1000, ANSWER_MS = 10 * 1000, LINE_MAX_BYTES = 256 };

/* The socket's address, for as long as the folder is open: a path may have 107 bytes, and data folders
 * with longer ones are reached by the way of their descriptor. */
struct place {
    struct sockaddr_un address;
    int folder; /* -1: it was not needed */
};

static void place_close(struct place *p) {
    if (p->folder >= 0)
        close(p->folder);
}

static bool fits(int written, size_t room) {
    return written > 0 && (size_t)written < room;
}

static bool place_find(const char *data_dir, struct place *p) {
    char *path = p->address.sun_path;
    size_t room = sizeof p->address.sun_path;
    *p = (struct place){ .address.sun_family = AF_UNIX, .folder = -1 };
    if (fits(snprintf(path, room, "%s/ava.sock", data_dir), room))
        return true;
    p->folder = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return p->folder >= 0 &&
           fits(snprintf(path, room, "/proc/self/fd/%d/ava.sock", p->folder), room);
}

static int connect_to(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int listen_at(const struct sockaddr_un *address) {
    unlink(address->sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t before = umask(0177);
    bool good = fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 &&
                listen(fd, 8) == 0;
    umask(before);
    if (!good && fd >= 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

bool control_is_served(const char *data_dir) {
    SCOPED(place_close) struct place place = { .folder = -1 };
    int fd = place_find(data_dir, &place) ? connect_to(&place.address) : -1;
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

int control_listen(const char *data_dir) {
    SCOPED(place_close) struct place place = { .folder = -1 };
    return place_find(data_dir, &place) ? listen_at(&place.address) : -1;
}

void control_close(int fd, const char *data_dir) {
    SCOPED(place_close) struct place place = { .folder = -1 };
    if (fd < 0)
        return;
    close(fd);
    if (data_dir && place_find(data_dir, &place))
        unlink(place.address.sun_path);
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
    SCOPED(place_close) struct place place = { .folder = -1 };
    int fd = place_find(data_dir, &place) ? connect_to(&place.address) : -1;
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
