#include "sandbox/pretend_smtp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "sandbox/pretend_smtp_talk.h"

enum { CONNS_MAX = 64, READ_BYTES = 16 << 10 };

/* One connection. */
struct conn {
    int fd;
    struct smtp_talk talk;
    struct buf out;
    int64_t until_ms; /* what is in out waits until then; 0: it does not */
    enum smtp_talk_then then;
};

struct mail {
    char *from, *to, *message; /* to: addresses with a blank between them */
    size_t bytes;
    char id[32];
};

struct pretend_smtp {
    int listener, port, stop[2];
    pthread_t thread;
    struct smtp_talk_world world;
    struct conn *conns[CONNS_MAX];
    size_t count;
    pthread_mutex_t lock;
    struct mail mails[PRETEND_MAILS_KEPT]; /* a ring */
    size_t next, kept;
};

/* --- what arrived ----------------------------------------------------------------------------- */

static void mail_drop(struct mail *m) {
    free(m->from);
    free(m->to);
    free(m->message);
}

static void taken(void *arg, const char *from, const char (*to)[SMTP_TALK_ADDRESS_BYTES],
                  size_t to_count, struct str bytes, const char *id) {
    struct pretend_smtp *p = arg;
    struct buf list = { 0 }, text = { 0 };
    for (size_t i = 0; i < to_count; i++) {
        if (i)
            buf_char(&list, ' ');
        buf_text(&list, to[i]);
    }
    buf_put(&text, bytes.ptr,
            bytes.len < PRETEND_MAIL_KEPT_BYTES ? bytes.len : PRETEND_MAIL_KEPT_BYTES);
    pthread_mutex_lock(&p->lock);
    struct mail *m = &p->mails[p->next];
    mail_drop(m);
    *m = (struct mail){ .from = memory_copy(from),
                        .to = memory_copy(list.ptr),
                        .message = memory_copy(text.ptr),
                        .bytes = bytes.len };
    str_copy(m->id, sizeof m->id, str_of(id));
    p->next = (p->next + 1) % PRETEND_MAILS_KEPT;
    p->kept += p->kept < PRETEND_MAILS_KEPT;
    pthread_mutex_unlock(&p->lock);
    buf_fini(&list);
    buf_fini(&text);
}

static void write_one(const struct mail *m, struct jsonw *w) {
    struct arena *a = arena_new(1 << 20);
    jsonw_object(w);
    jsonw_text_at(w, "id", m->id);
    jsonw_text_at(w, "from", str_dup(a, str_clean(a, str_of(m->from))));
    jsonw_key(w, "to");
    jsonw_list(w);
    for (struct str rest = str_of(m->to); rest.ptr;)
        jsonw_str(w, str_clean(a, str_cut(rest, ' ', &rest)));
    jsonw_list_end(w);
    jsonw_i64_at(w, "bytes", (int64_t)m->bytes);
    jsonw_text_at(w, "message", str_dup(a, str_clean(a, str_of(m->message))));
    jsonw_object_end(w);
    arena_free(a);
}

void pretend_smtp_write(struct pretend_smtp *p, struct jsonw *w) {
    jsonw_object(w);
    jsonw_key(w, "mails");
    jsonw_list(w);
    pthread_mutex_lock(&p->lock);
    for (size_t i = 1; i <= p->kept; i++)
        write_one(&p->mails[(p->next + PRETEND_MAILS_KEPT - i) % PRETEND_MAILS_KEPT], w);
    pthread_mutex_unlock(&p->lock);
    jsonw_list_end(w);
    jsonw_object_end(w);
}

/* --- connections ------------------------------------------------------------------------------ */

static void drop(struct pretend_smtp *p, size_t i, bool reset) {
    struct conn *c = p->conns[i];
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
    close(c->fd);
    smtp_talk_end(&c->talk);
    buf_fini(&c->out);
    free(c);
    p->conns[i] = p->conns[--p->count];
}

static void welcome(struct pretend_smtp *p) {
    int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (p->count == CONNS_MAX) {
        close(fd);
        return;
    }
    struct conn *c = memory_zeroed(1, sizeof *c);
    c->fd = fd;
    smtp_talk_begin(&c->talk, &p->world, &c->out);
    p->conns[p->count++] = c;
}

/* Says what may be said by now; false: the connection is over. */
static bool speak(struct conn *c, bool *by_reset) {
    *by_reset = c->then == SMTP_TALK_RESET;
    if (c->until_ms && ava_now_ms() < c->until_ms)
        return true;
    if (*by_reset)
        return false;
    while (c->out.len) {
        ssize_t n = send(c->fd, c->out.ptr, c->out.len, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        buf_drop(&c->out, (size_t)n);
    }
    c->until_ms = 0;
    return c->then != SMTP_TALK_CLOSE;
}

/* False: the other end is gone. */
static bool hear(struct conn *c) {
    char bytes[READ_BYTES];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    if (c->then != SMTP_TALK_ON)
        return true;
    c->then = smtp_talk_feed(&c->talk, (struct str){ bytes, (size_t)n }, &c->out);
    if (c->talk.wait_ms)
        c->until_ms = ava_now_ms() + c->talk.wait_ms;
    c->talk.wait_ms = 0;
    return true;
}

static int patience_ms(const struct pretend_smtp *p) {
    int64_t least = -1, now_ms = ava_now_ms();
    for (size_t i = 0; i < p->count; i++) {
        int64_t left = p->conns[i]->until_ms - now_ms;
        if (p->conns[i]->until_ms && (least < 0 || left < least))
            least = left > 0 ? left : 0;
    }
    return (int)least;
}

static void *run(void *arg) {
    struct pretend_smtp *p = arg;
    bool by_reset;
    for (;;) {
        struct pollfd polls[CONNS_MAX + 2] = { { .fd = p->stop[0], .events = POLLIN },
                                               { .fd = p->listener, .events = POLLIN } };
        size_t watched = p->count;
        for (size_t i = 0; i < watched; i++) {
            bool speaks = p->conns[i]->out.len && !p->conns[i]->until_ms;
            polls[i + 2] = (struct pollfd){ .fd = p->conns[i]->fd,
                                            .events = (short)(POLLIN | (speaks ? POLLOUT : 0)) };
        }
        poll(polls, watched + 2, patience_ms(p));
        if (polls[0].revents)
            break;
        for (size_t i = watched; i-- > 0;) { /* from the end: dropping moves the last one */
            if (polls[i + 2].revents & (POLLIN | POLLHUP | POLLERR) && !hear(p->conns[i]))
                drop(p, i, false);
            else if (!speak(p->conns[i], &by_reset))
                drop(p, i, by_reset);
        }
        if (polls[1].revents)
            welcome(p);
    }
    while (p->count)
        drop(p, 0, true);
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

static bool listen_on_loopback(struct pretend_smtp *p) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->listener < 0 || bind(p->listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(p->listener, CONNS_MAX) != 0 ||
        getsockname(p->listener, (struct sockaddr *)&at, &len) != 0)
        return false;
    p->port = ntohs(at.sin_port);
    return true;
}

/* Signals are for the threads that wait for them. */
static bool start_thread(struct pretend_smtp *p) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int e = pthread_create(&p->thread, NULL, run, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e == 0;
}

static void free_all(struct pretend_smtp *p) {
    int fds[] = { p->listener, p->stop[0], p->stop[1] };
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    for (size_t i = 0; i < PRETEND_MAILS_KEPT; i++)
        mail_drop(&p->mails[i]);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

struct pretend_smtp *pretend_smtp_start(struct faults *faults, struct ledger *ledger,
                                        const char **why) {
    struct pretend_smtp *p = memory_zeroed(1, sizeof *p);
    p->listener = p->stop[0] = p->stop[1] = -1;
    p->world =
        (struct smtp_talk_world){ .faults = faults, .ledger = ledger, .taken = taken, .arg = p };
    pthread_mutex_init(&p->lock, NULL);
    if (listen_on_loopback(p) && pipe2(p->stop, O_CLOEXEC) == 0 && start_thread(p))
        return p;
    *why = "no port or thread is to be had for the pretend mail server";
    free_all(p);
    return NULL;
}

void pretend_smtp_stop(struct pretend_smtp *p) {
    if (!p)
        return;
    if (write(p->stop[1], "", 1) == 1)
        pthread_join(p->thread, NULL);
    free_all(p);
}

int pretend_smtp_port(const struct pretend_smtp *p) {
    return p->port;
}
