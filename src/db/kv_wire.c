#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "db/kv_parts.h"

enum { UNANSWERED_MS = 2000, READ_BYTES = 16 * 1024, WORDS_MAX = 32 };

bool kv_wire_fail(struct kv_wire *w, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(w->why, sizeof w->why, format, args);
    va_end(args);
    return false;
}

static bool fail_errno(struct kv_wire *w, const char *what) {
    char text[96];
    return kv_wire_fail(w, "%s: %s", what, strerror_r(errno, text, sizeof text));
}

void kv_wire_close(struct kv_wire *w) {
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    kv_reader_free(w->reader);
    w->reader = NULL;
    buf_wipe(&w->out);
}

/* --- making one ----------------------------------------------------------------------------------------- */

/* Waits until the socket is ready for this. */
static bool wait_for(struct kv_wire *w, short events, int64_t until_ms) {
    struct pollfd p = { .fd = w->fd, .events = events };
    for (;;) {
        int64_t left_ms = until_ms - ava_now_ms();
        if (left_ms <= 0)
            return kv_wire_fail(w, "no answer in time");
        int n = poll(&p, 1, (int)left_ms);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return fail_errno(w, "poll");
    }
}

static bool connect_to(struct kv_wire *w, const struct sockaddr *to, socklen_t len,
                       int64_t until_ms) {
    int on = 1, unanswered_ms = UNANSWERED_MS, error = 0;
    socklen_t error_len = sizeof error;
    w->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd < 0)
        return fail_errno(w, "socket");
    if (to->sa_family != AF_UNIX) {
        setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(w->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof unanswered_ms);
    }
    if (connect(w->fd, to, len) == 0)
        return true;
    if (errno != EINPROGRESS)
        return fail_errno(w, "connect");
    if (!wait_for(w, POLLOUT, until_ms))
        return false;
    if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0 || error) {
        errno = error;
        return fail_errno(w, "connect");
    }
    return true;
}

static bool open_path(struct kv_wire *w, const char *path, int64_t until_ms) {
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    if (!str_copy(to.sun_path, sizeof to.sun_path, str_of(path)))
        return kv_wire_fail(w, "the path of the socket is too long");
    return connect_to(w, (struct sockaddr *)&to, sizeof to, until_ms);
}

/* One address after the other. A resolver that does not answer holds up this thread alone. */
static bool open_host(struct kv_wire *w, const struct redis_url *url, int64_t within_ms) {
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *found;
    if (strcmp(url->host, "localhost") == 0)
        hints.ai_flags = 0;
    int rc = getaddrinfo(url->host, url->port, &hints, &found);
    if (rc != 0)
        return kv_wire_fail(w, "resolve: %s", gai_strerror(rc));
    bool is_open = false;
    for (struct addrinfo *to = found; to && !is_open; to = to->ai_next) {
        if (w->fd >= 0)
            close(w->fd);
        is_open = connect_to(w, to->ai_addr, to->ai_addrlen, ava_now_ms() + within_ms);
    }
    freeaddrinfo(found);
    return is_open;
}

bool kv_wire_open(struct kv_wire *w, const struct redis_url *url, int64_t within_ms) {
    kv_wire_close(w);
    bool is_open = url->host[0] ? open_host(w, url, within_ms)
                                : open_path(w, url->path, ava_now_ms() + within_ms);
    if (is_open)
        w->reader = kv_reader_new();
    return is_open && (w->reader || kv_wire_fail(w, "no memory"));
}

/* --- using it ------------------------------------------------------------------------------------------- */

bool kv_wire_write(struct kv_wire *w) {
    size_t done = 0;
    while (done < w->out.len) {
        ssize_t n = send(w->fd, w->out.ptr + done, w->out.len - done, MSG_NOSIGNAL);
        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            break;
        else if (n == 0 || errno != EINTR)
            return fail_errno(w, "write");
    }
    buf_drop(&w->out, done);
    return true;
}

bool kv_wire_read(struct kv_wire *w) {
    char bytes[READ_BYTES];
    ssize_t n = recv(w->fd, bytes, sizeof bytes, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR || fail_errno(w, "read");
    if (n == 0)
        return kv_wire_fail(w, "it closed the connection");
    return kv_reader_feed(w->reader, (struct str){ bytes, (size_t)n }) ||
           kv_wire_fail(w, "what it says is not the protocol of Redis");
}

const struct kv_reply *kv_wire_ask(struct kv_wire *w, size_t count, const struct str *words,
                                   int64_t until_ms) {
    bool is_broken = false;
    kv_command(&w->out, count, words);
    for (;;) {
        const struct kv_reply *reply = kv_reader_next(w->reader, &is_broken);
        if (reply)
            return reply;
        if (is_broken) {
            kv_wire_fail(w, "what it says is not the protocol of Redis");
            return NULL;
        }
        if (!kv_wire_write(w) ||
            !wait_for(w, (short)(POLLIN | (w->out.len ? POLLOUT : 0)), until_ms) ||
            !kv_wire_read(w))
            return NULL;
    }
}

void kv_command(struct buf *to, size_t count, const struct str *words) {
    const char *argv[WORDS_MAX];
    size_t lens[WORDS_MAX];
    char *text = NULL;
    int len = -1;
    for (size_t i = 0; i < count && count <= WORDS_MAX; i++) {
        argv[i] = words[i].ptr;
        lens[i] = words[i].len;
    }
    for (int tried = 0; count <= WORDS_MAX && len < 0; tried++) {
        len = redisFormatCommandArgv(&text, (int)count, argv, lens);
        if (len < 0)
            memory_make_room(tried);
    }
    if (len < 0)
        return;
    buf_put(to, text, (size_t)len);
    explicit_bzero(text, (size_t)len); /* it may be the one that signs in */
    free(text);
}
