/* rude_mail: a mail server as ill-mannered as a test wants it: for each command that arrives the script says
 * which bytes go back, and what becomes of the connection. One connection at a time. */
#pragma once

#include "net/rude.h"

struct mail_line {
    const char
        *command; /* what the line begins with: "" for the greeting, "." for the end of a message,
                          * "~" for the first bytes of one */
    const char *answer; /* NULL: none */
    enum rude_then then;
};

struct rude_mail {
    const struct mail_line
        *script; /* ended by a NULL command; the first that fits; else "250 fine" */
    bool drips;  /* each byte by itself */
    int listener, port, stop[2];
    pthread_t thread;
    atomic_int connections;
    pthread_mutex_t lock;
    struct buf seen;    /* all commands and messages as they came */
    struct buf message; /* the last one, with its end */
};

static inline const struct mail_line *rude_mail_find(const struct rude_mail *r, struct str line) {
    static const struct mail_line USUAL[] = {
        { "", "220 mail.example.test ESMTP\r\n", RUDE_KEEP },
        { "EHLO", "250-mail.example.test\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n", RUDE_KEEP },
        { "DATA", "354 go on\r\n", RUDE_KEEP },
        { "QUIT", "221 bye\r\n", RUDE_CLOSE },
    };
    static const struct mail_line FINE = { "", "250 fine\r\n", RUDE_KEEP };
    for (const struct mail_line *l = r->script; l && l->command; l++)
        if (l->command[0] ? str_starts(line, str_of(l->command)) : !line.len)
            return l;
    for (size_t i = 0; i < ARRAY_LEN(USUAL); i++)
        if (USUAL[i].command[0] ? str_starts(line, str_of(USUAL[i].command)) : !line.len)
            return &USUAL[i];
    return &FINE;
}

/* False: the connection is over. */
static inline bool rude_mail_say(const struct rude_mail *r, int fd, const struct mail_line *l) {
    size_t len = l->answer ? strlen(l->answer) : 0;
    for (size_t i = 0; r->drips && i < len; i++)
        rude_send(fd, l->answer + i, 1);
    if (!r->drips)
        rude_send(fd, l->answer ? l->answer : "", len);
    if (l->then == RUDE_RESET)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
    return l->then != RUDE_CLOSE && l->then != RUDE_RESET;
}

static inline bool rude_mail_has(const struct rude_mail *r, const char *command) {
    for (const struct mail_line *l = r->script; l && l->command; l++)
        if (strcmp(l->command, command) == 0)
            return true;
    return false;
}

/* Takes one command, or the message, out of in; false: there is none yet. */
static inline bool rude_mail_cut(struct rude_mail *r, struct buf *in, bool *in_message,
                                 struct buf *line) {
    struct str all = buf_view(in);
    bool is_empty = all.len >= 3 && memcmp(all.ptr, ".\r\n", 3) == 0;
    ptrdiff_t end = *in_message ? (is_empty ? -3 : str_find(all, STR("\r\n.\r\n")))
                                : str_find(all, STR("\r\n"));
    if (end == -1)
        return false;
    size_t len = *in_message ? (size_t)(end + 5) : (size_t)end + 2;
    if (is_empty && *in_message)
        len = 3;
    pthread_mutex_lock(&r->lock);
    buf_put(&r->seen, all.ptr, len);
    buf_clear(line);
    buf_put(line, *in_message ? "." : all.ptr, *in_message ? 1 : len);
    if (*in_message) {
        buf_clear(&r->message);
        buf_put(&r->message, all.ptr, len);
    }
    pthread_mutex_unlock(&r->lock);
    buf_drop(in, len);
    *in_message = false;
    return true;
}

static inline void rude_mail_serve(struct rude_mail *r, int fd) {
    struct buf in = { 0 }, line = { 0 };
    bool in_message = false,
         goes_on = rude_mail_say(r, fd, rude_mail_find(r, (struct str){ "", 0 }));
    while (goes_on) {
        char bytes[8192];
        struct pollfd polls[2] = { { .fd = r->stop[0], .events = POLLIN },
                                   { .fd = fd, .events = POLLIN } };
        poll(polls, 2, -1);
        ssize_t n = polls[0].revents ? 0 : recv(fd, bytes, sizeof bytes, 0);
        if (n <= 0)
            break;
        buf_put(&in, bytes, (size_t)n);
        if (in_message && rude_mail_has(r, "~")) {
            goes_on = rude_mail_say(r, fd, rude_mail_find(r, STR("~")));
            if (!goes_on)
                break;
        }
        while (goes_on && rude_mail_cut(r, &in, &in_message, &line)) {
            const struct mail_line *l = rude_mail_find(r, buf_view(&line));
            goes_on = rude_mail_say(r, fd, l);
            in_message = l->answer && strncmp(l->answer, "354", 3) == 0;
        }
    }
    close(fd);
    buf_fini(&in);
    buf_fini(&line);
}

static inline void *rude_mail_run(void *arg) {
    struct rude_mail *r = arg;
    for (;;) {
        struct pollfd polls[2] = { { .fd = r->stop[0], .events = POLLIN },
                                   { .fd = r->listener, .events = POLLIN } };
        poll(polls, 2, -1);
        if (polls[0].revents)
            return NULL;
        int fd = accept(r->listener, NULL, NULL);
        if (fd < 0)
            continue;
        atomic_fetch_add(&r->connections, 1);
        rude_mail_serve(r, fd);
    }
}

static inline struct rude_mail *rude_mail_start(const struct mail_line *script) {
    struct rude_mail *r = calloc(1, sizeof *r);
    if (!r || pipe2(r->stop, O_CLOEXEC) != 0)
        abort();
    r->script = script;
    pthread_mutex_init(&r->lock, NULL);
    r->listener = rude_listen(&r->port);
    if (pthread_create(&r->thread, NULL, rude_mail_run, r) != 0)
        abort();
    return r;
}

/* How often those bytes came. */
static inline int rude_mail_seen(struct rude_mail *r, const char *what) {
    pthread_mutex_lock(&r->lock);
    int n = count_of(&r->seen, what);
    pthread_mutex_unlock(&r->lock);
    return n;
}

/* All that came, once those bytes are among it; in the arena. */
static inline const char *rude_mail_all(struct rude_mail *r, struct arena *a, const char *until) {
    for (int64_t end_ms = ava_now_ms() + RUDE_PATIENCE_MS;
         rude_mail_seen(r, until) == 0 && ava_now_ms() < end_ms;)
        usleep(1000);
    pthread_mutex_lock(&r->lock);
    const char *all = arena_strndup(a, r->seen.ptr, r->seen.len);
    pthread_mutex_unlock(&r->lock);
    return all;
}

static inline void rude_mail_stop(struct rude_mail *r) {
    if (write(r->stop[1], "", 1) != 1)
        abort();
    pthread_join(r->thread, NULL);
    close(r->listener);
    close(r->stop[0]);
    close(r->stop[1]);
    buf_fini(&r->seen);
    buf_fini(&r->message);
    free(r);
}
