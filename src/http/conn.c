#include "http/conn.h"

#include <stdlib.h>

#include "base/clock.h"
#include "http/bodies.h"

enum { LINGER_MS = 1000 };

/* --- life and death of a connection ---------------------------------------------------------- */

bool conn_resize(struct conn *c, size_t room) {
    size_t was = c->in_room;
    if (!bodies_hold(c, room))
        return false;
    char *in = realloc(c->in, room);
    if (!in) {
        bodies_hold(c, was);
        return false;
    }
    c->in = in;
    c->in_room = room;
    return true;
}

void conn_free(struct conn *c) {
    bodies_hold(c, 0);
    if (c->prev)
        c->prev->next = c->next;
    else
        c->server->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        c->server->oldest = c->prev;
    c->server->conn_count--;
    tls_free(c->tls);
    buf_fini(&c->out);
    buf_fini(&c->sending);
    http_reply_fini(&c->reply);
    arena_free(c->arena); /* ends what could still ring the stream */
    http_stream_fini(&c->stream);
    free(c->in);
    free(c);
}

/* Frees the connection, unless a fiber still answers on it: then its end does. */
static void on_closed(uv_handle_t *h) {
    struct conn *c = h->data;
    c->closed = true;
    if (!conn_is_answered(c))
        conn_free(c); /* else the fiber's end does */
}

/* It counts no more, though its memory may be needed a little longer. */
static void begin_closing(struct conn *c) {
    c->closing = true;
    loop_take_back(c->server->loop, &c->rest);
    if (c->line)
        line_leave(c->line, &c->place);
    c->line = NULL;
    c->server->crowds[c->crowd]--;
    c->server->open_count--;
}

void conn_close(struct conn *c) {
    if (c->closing)
        return;
    begin_closing(c);
    http_stream_end(&c->stream);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

void conn_reset(struct conn *c) {
    if (c->closing)
        return;
    begin_closing(c);
    http_stream_end(&c->stream);
    if (uv_tcp_close_reset(&c->tcp, on_closed) != 0)
        uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* Frees the request of uv_shutdown; the peer closes, or the deadline of LINGER does. */
static void on_shut(uv_shutdown_t *req, int status) {
    free(req);
}

/* Nothing is being written: what the kernel does not take of it now is not worth a wait. */
static void say_bye(struct conn *c) {
    struct buf *out = tls_out(c->tls);
    tls_bye(c->tls);
    uv_buf_t b = uv_buf_init(out->ptr, (unsigned)out->len);
    if (out->len)
        uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
    buf_fini(out);
}

void conn_linger(struct conn *c) {
    c->phase = LINGER;
    c->deadline_ms = ava_now_ms() + LINGER_MS;
    c->in_len = 0;
    if (c->tls)
        say_bye(c);
    uv_shutdown_t *req = malloc(sizeof *req);
    if (!req || uv_shutdown(req, (uv_stream_t *)&c->tcp, on_shut) != 0) {
        free(req);
        conn_close(c);
    }
}

/* --- writing --------------------------------------------------------------------------------- */

/* What was to be said is said: a connection that was to end then, ends. */
static void after_write(struct conn *c) {
    if (c->closing)
        return;
    if (c->close_after_write)
        conn_linger(c);
}

/* A write that had to wait is done: writes on, sets the next deadline, or looks at what came in
 * meanwhile. */
static void on_written(uv_write_t *w, int status) {
    struct conn *c = w->data;
    c->writing = false;
    buf_clear(&c->sending);
    if (c->closing)
        return;
    if (status < 0) {
        conn_close(c);
        return;
    }
    if (c->out.len)
        conn_flush(c);
    if (c->closing || c->writing || c->phase == LINGER)
        return; /* there is more, or nothing any more */
    if (c->phase == STREAMING) {
        c->deadline_ms = INT64_MAX;
        buf_fini(&c->sending); /* it sleeps now, for minutes perhaps */
        http_stream_flushed(&c->stream);
    }
    if (c->phase == IDLE)
        c->deadline_ms = ava_now_ms() + c->server->limits->idle_ms;
    if (c->phase == IDLE && c->server->is_shut && c->in_len == 0)
        c->close_after_write = true; /* the idle were closed while this answer was on its way */
    after_write(c);
    if (!conn_is_answered(c) && c->phase != LINGER)
        c->server->go_on(c);
}

/* A whole answer is out: its buffer, still warm, is for the next connection that writes. */
static void give_back(struct conn *c, struct buf *out) {
    buf_clear(out);
    if (!c->server->spare.room)
        conn_swap_bufs(out, &c->server->spare);
    else if (c->tls)
        buf_fini(out);
}

/* What goes to the socket: encrypted, under TLS. NULL: the connection is of no use any more. */
static struct buf *out_of(struct conn *c) {
    if (!c->tls)
        return &c->out;
    bool had = c->out.len > 0;
    if (!tls_seal(c->tls, &c->out))
        return NULL;
    if (had && !c->out.len)
        give_back(c, &c->out);
    return tls_out(c->tls);
}

size_t conn_backlog(const struct conn *c) {
    return c->out.len + (c->tls ? tls_out(c->tls)->len : 0) +
           uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
}

void conn_flush(struct conn *c) {
    if (c->closing || c->writing)
        return;
    struct buf *out = out_of(c);
    if (!out) {
        conn_close(c);
        return;
    }
    if (!out->len)
        return;
    uv_buf_t b = uv_buf_init(out->ptr, (unsigned)out->len);
    int n = uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
    if (n < 0 && n != UV_EAGAIN) {
        conn_close(c);
        return;
    }
    if (n > 0 && (size_t)n == out->len) {
        give_back(c, out);
        if (!c->out.len) /* else the handshake is not done yet */
            after_write(c);
        return;
    }
    if (n > 0)
        buf_drop(out, (size_t)n);
    conn_swap_bufs(&c->sending, out);
    c->writing = true;
    if (c->phase != HANDLING)
        c->deadline_ms = ava_now_ms() + c->server->limits->write_ms;
    c->write.data = c;
    b = uv_buf_init(c->sending.ptr, (unsigned)c->sending.len);
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &b, 1, on_written) != 0) {
        c->writing = false;
        conn_close(c);
    }
}
