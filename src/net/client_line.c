#include "net/client_line.h"

#include <stdlib.h>

#include "base/clock.h"
#include "net/client_inner.h"

enum { TURN_BYTES = 64 << 10 }; /* sent before others of the loop have their turn */

struct client_line {
    struct client *client;
    struct transfer t;
    curl_socket_t fd;
    size_t at_once; /* sent since others had their turn */
};

/* One call of curl, on the loop's stack; then the socket is watched where that would block. */
struct step {
    struct client_line *line;
    const char *from;
    char *to;
    size_t len, done;
    bool must_wait; /* for the loop, though more could be sent */
    CURLcode code;
};

static void watch_line(struct step *s, int events) {
    struct client_line *l = s->line;
    struct watch *w = client_watch_of(l->client, l->fd);
    if (!w) {
        s->code = CURLE_RECV_ERROR; /* curl has closed it */
        return;
    }
    w->line = &l->t;
    w->active = events;
    uv_poll_start(&w->poll, events, client_on_socket);
}

static void send_some(void *arg) {
    struct step *s = arg;
    s->code = curl_easy_send(s->line->t.easy, s->from, s->len, &s->done);
    if (s->code == CURLE_AGAIN || s->must_wait)
        watch_line(s, UV_WRITABLE);
}

static void read_some(void *arg) {
    struct step *s = arg;
    s->code = curl_easy_recv(s->line->t.easy, s->to, s->len, &s->done);
    if (s->code == CURLE_AGAIN)
        watch_line(s, UV_READABLE);
}

enum client_result client_line_say(struct client_line *l, struct str bytes, int64_t until_ms) {
    while (bytes.len) {
        struct step s = {
            .line = l, .from = bytes.ptr, .len = bytes.len, .must_wait = l->at_once >= TURN_BYTES
        };
        fiber_on_loop(send_some, &s);
        bytes = (struct str){ bytes.ptr + s.done, bytes.len - s.done };
        l->at_once += s.done;
        if (s.code != CURLE_OK && s.code != CURLE_AGAIN)
            return CLIENT_BROKEN;
        if (s.code == CURLE_AGAIN || s.must_wait)
            l->at_once = 0;
        if ((s.code == CURLE_AGAIN || s.must_wait) &&
            (ava_now_ms() >= until_ms || client_look_again(&l->t, until_ms) >= until_ms))
            return CLIENT_TIMEOUT;
    }
    return CLIENT_DONE;
}

enum client_result client_line_hear(struct client_line *l, char bytes[CLIENT_LINE_PIECE_BYTES],
                                    int64_t until_ms, size_t *len) {
    struct step s = { .line = l, .to = bytes, .len = CLIENT_LINE_PIECE_BYTES };
    *len = 0;
    for (;;) {
        fiber_on_loop(read_some, &s);
        if (s.code != CURLE_AGAIN)
            break;
        if (ava_now_ms() >= until_ms)
            return CLIENT_TIMEOUT;
        client_look_again(&l->t, until_ms);
    }
    *len = s.code == CURLE_OK ? s.done : 0;
    return *len ? CLIENT_DONE : CLIENT_BROKEN; /* no bytes: it was closed */
}

/* Takes the socket over from curl, which has no more part in it. */
static void take_over(void *arg) {
    struct client_line *l = arg;
    curl_easy_getinfo(l->t.easy, CURLINFO_ACTIVESOCKET, &l->fd);
    struct watch *w = client_watch_of(l->client, l->fd);
    if (w)
        w->line = &l->t;
}

struct client_line *client_line_open(struct client *c, struct client_call *call,
                                     bool must_start_tls, struct str *said) {
    struct client_line *l = calloc(1, sizeof *l);
    *said = (struct str){ "", 0 };
    if (!l) {
        call->result = CLIENT_STARVED;
        return NULL;
    }
    l->client = c;
    l->t = (struct transfer){
        .call = call,
        .length = -1,
        .fd = CURL_SOCKET_BAD,
        .reads = CURL_SOCKET_BAD,
        .is_line = true,
        .must_start_tls = must_start_tls,
    };
    bool in_time = client_run(c, &l->t);
    struct str heard = buf_view(&l->t.body);
    *said = (struct str){ str_dup(call->arena, heard), heard.len };
    if (l->t.is_done && l->t.code == CURLE_OK) {
        call->result = CLIENT_DONE;
        fiber_on_loop(take_over, l);
        return l;
    }
    client_conclude(c, &l->t, in_time);
    free(l);
    return NULL;
}

void client_line_close(struct client_line *l) {
    if (!l)
        return;
    client_end(l->client, &l->t);
    buf_fini(&l->t.body);
    free(l);
}
