/* rude: the other end of a wire, as ill-mannered as a test wants it.
 *
 * A thread with raw sockets, one connection at a time or all at once (a poll loop): for every
 * request head that arrives the script says which bytes to send and what to do with the
 * connection. Also the few raw client calls that tests of a server need. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/defs.h"

enum { RUDE_CONNS_MAX = 1200, RUDE_PATIENCE_MS = 20000 };

enum rude_then {
    RUDE_KEEP,    /* the connection stays */
    RUDE_CLOSE,   /* closed in good order */
    RUDE_RESET,   /* RST */
    RUDE_SILENCE, /* nothing more is said, nothing closed */
};

struct rude_request {
    struct str head, body;
    int connection; /* 1.. in the order they came */
    int number;     /* 1.. of all requests */
};

/* Puts the answer's bytes into out. */
typedef enum rude_then rude_script(void *arg, const struct rude_request *r, struct buf *out);

struct rude {
    rude_script *script;
    void *arg;
    int listener, port, stop[2];
    pthread_t thread;
    atomic_int requests, connections;
    struct {
        int fd, number;
        bool silent;
        struct buf in;
    } conns[RUDE_CONNS_MAX];
    size_t count;
};

static inline int rude_listen(int *port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        abort();
    *port = ntohs(at.sin_port);
    return fd;
}

static inline void rude_send(int fd, const char *bytes, size_t len) {
    while (len) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        bytes += n;
        len -= (size_t)n;
    }
}

static inline void rude_drop(struct rude *r, size_t i, bool reset) {
    if (reset)
        setsockopt(r->conns[i].fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
                   sizeof(struct linger));
    close(r->conns[i].fd);
    buf_fini(&r->conns[i].in);
    r->conns[i] = r->conns[--r->count];
}

static inline size_t rude_body_bytes(struct str head) {
    ptrdiff_t at = str_find(head, STR("Content-Length: "));
    return at < 0 ? 0 : (size_t)strtoul(head.ptr + at + 16, NULL, 10);
}

/* True while the connection is still there. */
static inline bool rude_answer(struct rude *r, size_t i) {
    for (;;) {
        struct str in = buf_view(&r->conns[i].in);
        ptrdiff_t end = str_find(in, STR("\r\n\r\n"));
        if (end < 0 || r->conns[i].silent)
            return true;
        struct str head = { in.ptr, (size_t)end + 4 };
        size_t body = rude_body_bytes(head);
        if (in.len < head.len + body)
            return true;
        struct rude_request q = { head,
                                  { in.ptr + head.len, body },
                                  r->conns[i].number,
                                  atomic_fetch_add(&r->requests, 1) + 1 };
        struct buf out = { 0 };
        enum rude_then then = r->script(r->arg, &q, &out);
        rude_send(r->conns[i].fd, out.ptr, out.len);
        buf_fini(&out);
        buf_drop(&r->conns[i].in, head.len + body);
        if (then == RUDE_SILENCE)
            r->conns[i].silent = true;
        if (then == RUDE_CLOSE || then == RUDE_RESET) {
            rude_drop(r, i, then == RUDE_RESET);
            return false;
        }
    }
}

static inline void rude_accept(struct rude *r) {
    int fd = accept(r->listener, NULL, NULL);
    if (fd < 0)
        return;
    if (r->count == RUDE_CONNS_MAX) {
        close(fd);
        return;
    }
    memset(&r->conns[r->count], 0, sizeof r->conns[0]);
    r->conns[r->count].fd = fd;
    r->conns[r->count++].number = atomic_fetch_add(&r->connections, 1) + 1;
}

static inline void *rude_run(void *arg) {
    struct rude *r = arg;
    static __thread struct pollfd polls[RUDE_CONNS_MAX + 2];
    for (;;) {
        polls[0] = (struct pollfd){ .fd = r->stop[0], .events = POLLIN };
        polls[1] = (struct pollfd){ .fd = r->listener, .events = POLLIN };
        size_t watched = r->count;
        for (size_t i = 0; i < watched; i++)
            polls[i + 2] = (struct pollfd){ .fd = r->conns[i].fd, .events = POLLIN };
        poll(polls, watched + 2, -1);
        if (polls[0].revents)
            break;
        for (size_t i = watched; i-- > 0;) { /* from the end: dropping moves the last one */
            char bytes[8192];
            if (!polls[i + 2].revents)
                continue;
            ssize_t n = recv(r->conns[i].fd, bytes, sizeof bytes, 0);
            if (n <= 0) {
                rude_drop(r, i, false);
                continue;
            }
            buf_put(&r->conns[i].in, bytes, (size_t)n);
            rude_answer(r, i);
        }
        if (polls[1].revents)
            rude_accept(r);
    }
    while (r->count)
        rude_drop(r, 0, false);
    return NULL;
}

static inline struct rude *rude_start(rude_script *script, void *arg) {
    struct rude *r = calloc(1, sizeof *r);
    if (!r || pipe2(r->stop, O_CLOEXEC) != 0)
        abort();
    r->script = script;
    r->arg = arg;
    r->listener = rude_listen(&r->port);
    if (pthread_create(&r->thread, NULL, rude_run, r) != 0)
        abort();
    return r;
}

static inline void rude_stop(struct rude *r) {
    if (write(r->stop[1], "", 1) != 1)
        abort();
    pthread_join(r->thread, NULL);
    close(r->listener);
    close(r->stop[0]);
    close(r->stop[1]);
    free(r);
}

/* --- a port that lets nobody in -------------------------------------------------------------- */

struct silent_port {
    int listener, port, waiting[8];
};

/* A listener whose queue is full: the kernel drops whoever knocks. port 0: a free one. */
static inline struct silent_port silent_start(const char *address, int port) {
    struct silent_port s = { .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    socklen_t len = sizeof at;
    if (inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
        bind(s.listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(s.listener, 0) != 0 ||
        getsockname(s.listener, (struct sockaddr *)&at, &len) != 0)
        abort();
    s.port = ntohs(at.sin_port);
    for (size_t i = 0; i < ARRAY_LEN(s.waiting); i++) {
        s.waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (s.waiting[i] < 0 ||
            (connect(s.waiting[i], (struct sockaddr *)&at, sizeof at) != 0 && errno != EINPROGRESS))
            abort();
    }
    return s;
}

static inline void silent_stop(struct silent_port *s) {
    for (size_t i = 0; i < ARRAY_LEN(s->waiting); i++)
        close(s->waiting[i]);
    close(s->listener);
}

/* --- a raw client ---------------------------------------------------------------------------- */

static inline int raw_connect(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = RUDE_PATIENCE_MS / 1000 };
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        abort();
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

static inline void raw_send(int fd, struct str bytes) {
    rude_send(fd, bytes.ptr, bytes.len);
}

/* Reads until the other end closes (true), or patience ends. */
static inline bool raw_read_all(int fd, struct buf *out) {
    char bytes[16384];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
        buf_put(out, bytes, (size_t)n);
    return n == 0;
}

/* Reads until `what` stands in the bytes `times` times; false at the end or out of patience. */
static inline bool raw_read_until(int fd, struct buf *out, const char *what, int times) {
    for (;;) {
        int seen = 0;
        for (char *at = out->ptr; at && (at = strstr(at, what)); at += strlen(what))
            seen++;
        if (seen >= times)
            return true;
        char bytes[16384];
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n <= 0)
            return false;
        buf_put(out, bytes, (size_t)n);
    }
}

static inline int count_of(const struct buf *b, const char *what) {
    int seen = 0;
    for (char *at = b->len ? b->ptr : NULL; at && (at = strstr(at, what)); at += strlen(what))
        seen++;
    return seen;
}
