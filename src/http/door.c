#include "http/door.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ENTER_MAX = 128, /* at once, so that those who are in have their turn */
    ENTER_SHARED_MAX = 4,
    PAUSE_MS = 50,
};

/* True for what passes when something else is closed. */
static bool is_want(int e) {
    return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM;
}

/* True for what concerns only the connection that was to come in: accept(2) says to go on. */
static bool is_theirs(int e) {
    return e == ECONNABORTED || e == EINTR || e == EPROTO || e == ENETDOWN || e == ENOPROTOOPT ||
           e == EHOSTDOWN || e == ENONET || e == EHOSTUNREACH || e == EOPNOTSUPP ||
           e == ENETUNREACH || e == EPERM;
}

static void on_visitors(uv_poll_t *p, int status, int events);

static void on_again(uv_timer_t *t) {
    struct door *d = t->data;
    uv_poll_start(&d->poll, UV_READABLE, on_visitors);
}

/* Whatever is wrong: asking at once again would cost everybody's time. */
static void pause_door(struct door *d) {
    uv_poll_stop(&d->poll);
    uv_timer_start(&d->again, on_again, PAUSE_MS, 0);
}

static void on_visitors(uv_poll_t *p, int status, int events) {
    struct door *d = p->data;
    int most = d->is_shared ? ENTER_SHARED_MAX : ENTER_MAX;
    for (int n = 0; n < most && !d->is_shut; n++) {
        int fd = accept4(d->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            d->enter(d->arg, fd);
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        if (is_theirs(errno))
            continue;
        if (is_want(errno))
            d->starved(d->arg);
        if (!d->is_shut)
            pause_door(d);
        return;
    }
}

bool door_open(struct door *d, uv_loop_t *loop, int fd, void (*enter)(void *arg, int fd),
               void (*starved)(void *arg), void *arg) {
    *d = (struct door){ .fd = fd, .enter = enter, .starved = starved, .arg = arg };
    if (uv_poll_init(loop, &d->poll, fd) != 0)
        return false;
    uv_timer_init(loop, &d->again);
    d->poll.data = d->again.data = d;
    return uv_poll_start(&d->poll, UV_READABLE, on_visitors) == 0;
}

void door_shut(struct door *d) {
    if (d->is_shut)
        return;
    d->is_shut = true;
    uv_close((uv_handle_t *)&d->poll, NULL);
    uv_close((uv_handle_t *)&d->again, NULL);
    close(d->fd);
}
