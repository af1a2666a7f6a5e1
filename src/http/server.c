#include "http/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/fiber.h"
#include "base/memory.h"
#include "http/bodies.h"
#include "http/conn.h"
#include "http/crowd.h"
#include "net/loop.h"
#include "obs/metrics.h"

enum {
    IN_FIRST_BYTES = 2048,
    IN_KEPT_BYTES = HTTP_BODY_SMALL_BYTES, /* a larger buffer shrinks again after its request */
    CHUNKS_SPARE_BYTES = 64 * 1024,        /* for what is not decoded yet */
    SWEEP_MS = 500,
    WOKEN_MS = 1000, /* after standing still, before anybody is told to have been late */
    /* For connections that are half made: a kernel may keep back the last packet of their making
     * for 200 ms, to send it together with the request. */
    LEAVE_MS = 300,
    FRESH_MS = 1000,        /* for the first request on one that was just made */
    SPARE_CONNECTIONS = 16, /* beyond the limit, for saying that it is reached */
    PIPELINE_FLUSH_BYTES = 64 * 1024,
    BEGIN_US = 5 * 1000, /* how long requests are begun as they come, in one turn of the loop */
    SERVE_MIN_US = 5 * 1000,
    SERVE_MAX_US = 10 * 1000,
    REFUSE_US = 5 * 1000,
    KERNEL_BYTES = 64 * 1024, /* what the kernel may hold of a stream, beside our own */
};

const struct http_limits HTTP_LIMITS_DEFAULT = {
    .connections_max = 16384,
    .head_ms = 5000,
    .body_ms = 10000,
    .idle_ms = 120000, /* longer than the usual proxies wait: docs/proxy.md */
    .write_ms = 30000,
    .arena_bytes = 48 << 20,
};

static const char NO_MEMORY[] = "There is no memory for this body now; send it again later.";

static void advance(struct conn *c);
static void read_on(struct conn *c);
static void release(uv_timer_t *t);
static void on_haste(uv_idle_t *h);

/* Fills c->req with views into the buffer; they hold until the request is answered. */
static void to_views(struct conn *c) {
    const struct http_head *h = &c->head;
    struct http_req *r = &c->req;
    if (!c->fields)
        c->fields = arena_alloc(c->arena, h->field_count * sizeof *c->fields);
#define VIEW(span) ((struct str){ c->in + (span).at, (span).len })
    *r = (struct http_req){ .method = h->method,
                            .target = VIEW(h->target),
                            .path = h->path.len ? VIEW(h->path) : STR("/"),
                            .query = VIEW(h->query),
                            .authority = VIEW(h->authority),
                            .fields = c->fields,
                            .field_count = h->field_count,
                            .peer = c->peer,
                            .arena = c->arena,
                            .began_us = c->began_us,
                            .is_gone = &c->closing,
                            .stream = &c->stream };
    for (size_t i = 0; i < h->field_count; i++)
        c->fields[i] = (struct http_field){ VIEW(h->names[i]), VIEW(h->values[i]) };
#undef VIEW
}

/* Answers with a problem, without a handler, and closes once it is written. What else came is
 * dropped. */
static void conn_refuse(struct conn *c, enum err err, const char *detail) {
    bool is_parsed = c->phase == BODY;
    if (is_parsed) {
        to_views(c);
        c->req.arena = NULL;
    }
    http_reply_reset(&c->reply);
    c->server->app->refuse(c->server->app->arg, is_parsed ? &c->req : NULL, err, detail, &c->reply);
    http_reply_write(&c->reply, false, false, &c->out);
    c->close_after_write = true;
    c->in_len = 0;
    conn_flush(c);
}

/* Refuses a body that is on its way, and frees what it holds. */
static void refuse_body(struct conn *c) {
    conn_refuse(c, ERR_OVERLOADED, NO_MEMORY);
    if (!c->closing)
        conn_resize(c, IN_FIRST_BYTES);
}

/* --- answering ------------------------------------------------------------------------------- */

/* Drops the request, whose answer is queued: the next may follow. */
static void end_request(struct conn *c, bool keep) {
    int64_t now_ms = ava_now_ms();
    arena_reset(c->arena);
    c->fields = NULL;
    c->in_len -= c->request_bytes;
    memmove(c->in, c->in + c->request_bytes, c->in_len);
    if (c->in_room > IN_KEPT_BYTES && c->in_len < IN_FIRST_BYTES)
        conn_resize(c, IN_FIRST_BYTES);
    c->scanned = 0;
    c->phase = IDLE;
    c->deadline_ms = now_ms + c->server->limits->idle_ms;
    c->held_until_ms = c->reply.hold_ms ? now_ms + c->reply.hold_ms : 0;
    if (!keep) {
        c->close_after_write = true;
        c->in_len = 0;
    }
}

/* Queues the answer; it is written at the end of this loop turn. */
static void finish(void *arg) {
    struct conn *c = arg;
    c->server->busy--;
    if (c->closing) {
        c->phase = IDLE;
        if (c->closed)
            conn_free(c);
        return;
    }
    bool keep = c->head.keep_alive && !c->reply.close && !c->server->dismissing;
    if (!c->out.room)
        conn_swap_bufs(&c->out, &c->server->spare);
    if (c->reply.is_reset) {
        c->phase = IDLE;
        conn_reset(c);
        return;
    }
    if (c->reply.stream) { /* asked with HEAD */
        http_reply_write_open(&c->reply, c->head.is_11, &c->out);
        keep = false;
    } else if (c->reply.is_raw) {
        buf_str(&c->out, buf_view(&c->reply.body));
        keep = false;
    } else {
        http_reply_write(&c->reply, c->head.method == METHOD_HEAD, keep, &c->out);
    }
    end_request(c, keep);
    if (!c->in_turn) /* it waited: nobody up the stack goes on with this connection */
        advance(c);
}

/* --- answering in pieces --------------------------------------------------------------------- */

/* Bytes of a stream that the kernel has not taken yet. */
static size_t backlog(void *arg) {
    return conn_backlog(arg);
}

/* Queues a piece of a stream. False when the connection ends; one whose client does not read is
 * reset: it can come back and say what it saw last. */
static bool send_piece(void *arg, const struct str *parts, size_t count) {
    struct conn *c = arg;
    size_t bytes = backlog(c);
    for (size_t i = 0; i < count; i++)
        bytes += parts[i].len;
    if (bytes > HTTP_STREAM_BACKLOG_MAX)
        conn_reset(c);
    if (c->closing)
        return false;
    for (size_t i = 0; i < count; i++)
        buf_str(&c->out, parts[i]);
    conn_flush(c);
    return !c->closing;
}

/* Writes the head of a stream. From here on the request does not count as in hand, and what the
 * client sends is thrown away. */
static void begin_stream(void *arg) {
    struct conn *c = arg;
    static const struct http_carrier CARRIER = { send_piece, backlog };
    int kernel_bytes = KERNEL_BYTES;
    uv_send_buffer_size((uv_handle_t *)&c->tcp, &kernel_bytes);
    c->phase = STREAMING;
    c->server->busy--;
    bool is_chunked = http_reply_write_open(&c->reply, c->head.is_11, &c->out);
    http_stream_open(&c->stream, is_chunked, &CARRIER, c);
    if (c->server->draining && !c->reply.stream_ends)
        http_stream_end(&c->stream);
    read_on(c); /* may have stopped for want of room; only a read notices that the client left */
    conn_flush(c);
}

/* Less was written than was to come. */
static bool is_unfinished(const struct conn *c) {
    return c->stream.is_broken ||
           (c->reply.stream_bytes && c->stream.sent_bytes != c->reply.stream_bytes);
}

/* The end of a stream: frees what its request held, writes the last chunk and closes. */
static void finish_stream(void *arg) {
    struct conn *c = arg;
    c->phase = IDLE;
    if (c->closing) {
        if (c->closed)
            conn_free(c);
        return;
    }
    arena_reset(c->arena);
    c->fields = NULL;
    c->in_len = 0;
    if (is_unfinished(c)) {
        conn_reset(c);
        return;
    }
    c->close_after_write = true;
    c->deadline_ms = ava_now_ms() + c->server->limits->write_ms;
    http_stream_close(&c->stream);
    if (c->phase == IDLE && !c->writing && !c->closing)
        conn_linger(c); /* nothing was left to write */
}

/* --- the fiber of a request ------------------------------------------------------------------ */

/* The fiber of a request: runs the handler, then its stream if it set one, then ends on the
 * loop. */
static void on_fiber(void *arg) {
    struct conn *c = arg;
    void (*end)(void *) = finish;
    c->server->app->handle(c->server->app->arg, &c->req, &c->reply);
    if (c->reply.stream && !c->closing && c->head.method != METHOD_HEAD) {
        begin_stream(c);
        fiber_settle();
        c->reply.stream(c->reply.stream_arg, &c->stream);
        end = finish_stream;
    }
    if (c->in_turn)
        end(c);
    else
        fiber_on_loop(end, c); /* goes on with the connection, which may start fibers */
}

/* Gives a request that stands whole in the buffer a fiber, or refuses it when there is none left. */
static void begin(struct conn *c) {
    to_views(c);
    c->req.body = (struct str){ c->in + c->head.head_bytes, c->body_len };
    c->req.is_cut = c->is_cut;
    c->head.keep_alive = c->head.keep_alive && !c->is_cut;
    http_reply_reset(&c->reply);
    c->phase = HANDLING;
    c->has_asked = true;
    c->stream.is_over = c->stream.is_rung = false;
    c->deadline_ms = INT64_MAX;
    c->server->busy++;
    if (!fiber_run(on_fiber, c)) {
        c->server->busy--;
        c->phase = BODY; /* as it was */
        conn_refuse(c, ERR_OVERLOADED, "Ava has as many requests in hand as it can carry.");
    }
}

/* --- in turn --------------------------------------------------------------------------------- */

static void wait_in(struct conn *c, struct line *line, uint64_t whose, int64_t since_ms) {
    c->phase = WAITING;
    c->deadline_ms = INT64_MAX;
    c->line = line;
    line_join(line, &c->place, whose, since_ms);
}

static struct conn *call_up(struct line_place *p) {
    struct conn *c = CONTAINER_OF(p, struct conn, place);
    line_leave(c->line, p);
    c->line = NULL;
    return c;
}

/* Begins the request now, when that is its turn, or lets it wait. What came too soon after a refusal
 * waits until it would have been in time: asking again at once must not pay. */
static void dispatch(struct conn *c) {
    struct http_server *s = c->server;
    struct http_turn turn = { .is_now = true };
    int64_t now_ms = ava_now_ms(), now_us = ava_now_us();
    to_views(c);
    c->req.arena = NULL;
    if (s->app->turn)
        s->app->turn(s->app->arg, &c->req, &turn);
    if (turn.is_now) {
        begin(c);
        return;
    }
    s->patience_ms = turn.patience_ms;
    c->whose = turn.whose;
    if (c->held_until_ms > now_ms) {
        wait_in(c, &s->held, 0, c->held_until_ms);
        if (!uv_is_active((uv_handle_t *)&s->release))
            uv_timer_start(&s->release, release, (uint64_t)(c->held_until_ms - now_ms), 0);
    } else if (s->line.count || s->begun_us > BEGIN_US) {
        wait_in(c, &s->line, c->whose, now_ms);
        uv_idle_start(&s->haste, on_haste);
    } else {
        begin(c);
        s->begun_us += ava_now_us() - now_us;
    }
}

/* Those whose time has come take their place in the line. */
static void release(uv_timer_t *t) {
    struct http_server *s = t->data;
    int64_t now_ms = ava_now_ms();
    struct line_place *p;
    while ((p = line_expired(&s->held, now_ms + 1))) {
        struct conn *c = call_up(p);
        wait_in(c, &s->line, c->whose, now_ms);
        uv_idle_start(&s->haste, on_haste);
    }
    p = line_next(&s->held, 0);
    if (p)
        uv_timer_start(t, release, (uint64_t)(p->since_ms - now_ms), 0);
}

static void on_haste(uv_idle_t *h) {
    /* it only keeps the loop from sleeping */
}

/* Tells one that waited too long that it cannot be answered, on a connection that stays. */
static void turn_away(struct conn *c) {
    http_reply_reset(&c->reply);
    to_views(c);
    c->req.arena = NULL;
    c->server->app->refuse(c->server->app->arg, &c->req, ERR_OVERLOADED,
                           "Ava has more to do than it can carry; try again in 1 s.", &c->reply);
    bool keep = c->head.keep_alive && !c->server->dismissing;
    http_reply_write(&c->reply, c->head.method == METHOD_HEAD, keep, &c->out);
    end_request(c, keep);
    advance(c);
}

/* After what came in was read: begins requests for as long as the reading took, within bounds, then
 * turns away who has waited too long and still does. So none of the three can keep the others from their
 * share of the time, and nobody is turned away before there was a turn. */
static void on_serve(uv_check_t *h) {
    struct http_server *s = h->data;
    s->begun_us = 0;
    if (!s->line.count)
        return;
    int64_t began_us = (int64_t)(uv_hrtime() / 1000), now_ms = ava_now_ms();
    int64_t read_us = began_us - (int64_t)uv_now(loop_uv(s->loop)) * 1000;
    int64_t until_us = began_us + (read_us < SERVE_MIN_US   ? SERVE_MIN_US
                                   : read_us > SERVE_MAX_US ? SERVE_MAX_US
                                                            : read_us);
    struct line_place *p;
    do {
        p = line_next(&s->line, now_ms);
        if (p)
            begin(call_up(p));
    } while (p && (int64_t)(uv_hrtime() / 1000) < until_us);
    until_us = (int64_t)(uv_hrtime() / 1000) + REFUSE_US;
    while (s->patience_ms && (p = line_expired(&s->line, now_ms - s->patience_ms)) &&
           (int64_t)(uv_hrtime() / 1000) < until_us)
        turn_away(call_up(p));
    if (!s->line.count)
        uv_idle_stop(&s->haste);
}

/* --- reading --------------------------------------------------------------------------------- */

/* Makes the buffer at least that long; false when there is no memory for it. */
static bool room_for(struct conn *c, size_t total) {
    if (total <= c->in_room)
        return true;
    size_t room = c->in_room ? c->in_room : IN_FIRST_BYTES;
    while (room < total)
        room *= 2;
    size_t most = c->phase != BODY     ? 0
                  : c->head.is_chunked ? c->head.head_bytes + c->body_limit + CHUNKS_SPARE_BYTES
                                       : c->head.head_bytes + (size_t)c->head.content_length;
    if (most >= total && most < room)
        room = most; /* there is no more to come */
    return conn_resize(c, room);
}

/* True when the body is whole, or as much of it as is taken; false when more must come or the connection is refused. */
static bool take_body(struct conn *c) {
    size_t head = c->head.head_bytes;
    struct http_refusal why;
    if (!c->head.is_chunked) {
        size_t whole = (size_t)c->head.content_length;
        c->is_cut = whole > c->body_limit;
        if (c->is_cut)
            whole = c->body_limit;
        if (c->in_len - head < whole)
            return false; /* room is made as it comes: a length alone costs nothing */
        c->body_len = whole;
        c->request_bytes = head + whole;
        return true;
    }
    /* Body bytes gather behind the head; raw bytes not yet decoded follow them. */
    size_t eaten, made;
    char *out = c->in + head + c->body_len;
    enum http_progress p = http_chunks_decode(&c->chunks, out, c->in_len - head - c->body_len,
                                              &eaten, out, &made, c->body_limit, &why);
    if (p == HTTP_REFUSED) {
        conn_refuse(c, why.err, why.detail);
        return false;
    }
    memmove(out + made, out + eaten, c->in_len - head - c->body_len - eaten);
    c->in_len -= eaten - made;
    c->body_len += made;
    c->is_cut = p == HTTP_CUT;
    if (p == HTTP_DONE || c->is_cut)
        c->request_bytes = head + c->body_len;
    return p == HTTP_DONE || c->is_cut;
}

/* The head is read: decides how much body is allowed. False when the request is refused. */
static bool begin_body(struct conn *c) {
    const struct http_app *app = c->server->app;
    c->phase = BODY;
    to_views(c);
    c->req.arena = NULL;
    bool awaited = c->head.is_chunked || c->head.content_length > 0;
    struct http_body body = { 0 };
    if (awaited)
        app->body(app->arg, &c->req, &body);
    c->body_limit = body.limit_bytes;
    bodies_prove(c, body.is_proven);
    c->body_len = 0;
    c->is_cut = false;
    c->chunks = (struct http_chunks){ .takes_part = body.takes_part };
    if (!body.takes_part && c->head.content_length > (int64_t)c->body_limit) {
        conn_refuse(c, ERR_PAYLOAD_TOO_LARGE, "The body is larger than allowed here.");
        return false;
    }
    if (awaited && c->head.expects_continue && c->in_len == c->head.head_bytes) {
        buf_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        conn_flush(c);
    }
    c->deadline_ms = ava_now_ms() + c->server->limits->body_ms;
    return true;
}

/* One step with what is in the buffer: true when a request was dispatched or a phase ended and
 * it is worth looking again. */
static bool step(struct conn *c) {
    struct http_refusal why;
    if (c->phase == IDLE) {
        if (c->in_len == 0)
            return false;
        c->phase = HEAD;
        c->is_fresh = false;
        c->scanned = 0;
        c->began_us = ava_now_us();
        c->idle_until_ms = c->deadline_ms;
        c->deadline_ms = c->began_us / 1000 + c->server->limits->head_ms;
    }
    if (c->phase == HEAD && c->in_len >= 2 && memcmp(c->in, "\r\n", 2) == 0) {
        c->in_len -= 2; /* an empty line before a request is not part of it: RFC 9112, 2.2 */
        memmove(c->in, c->in + 2, c->in_len);
        c->phase = IDLE;
        c->deadline_ms = c->idle_until_ms; /* nothing was asked */
        return true;
    }
    if (c->phase == HEAD) {
        enum http_progress p = http_head_parse(c->in, c->in_len, &c->scanned, &c->head, &why);
        if (p == HTTP_REFUSED)
            conn_refuse(c, why.err, why.detail);
        if (p != HTTP_DONE || !begin_body(c))
            return false;
    }
    if (c->phase == BODY && take_body(c)) {
        dispatch(c);
        return true;
    }
    return false;
}

/* Goes on with the buffered bytes as far as they reach, then writes what came of it. */
static void advance(struct conn *c) {
    read_on(c);
    c->in_turn = true;
    while (!c->closing && !c->close_after_write && !c->writing && !conn_is_answered(c) &&
           c->phase != LINGER && c->phase != WAITING && c->out.len < PIPELINE_FLUSH_BYTES &&
           step(c)) {
    }
    c->in_turn = false;
    conn_flush(c);
    if (!c->closing && !c->writing && c->out.len == 0 && c->phase == IDLE && c->in_len > 0 &&
        !c->close_after_write)
        advance(c);
}

/* It brings a large body, or a handshake, and the loop has others to serve before. */
static bool must_wait(const struct conn *c) {
    bool is_costly =
        (c->phase == BODY && c->in_room > HTTP_BODY_SMALL_BYTES) || (c->tls && !tls_is_up(c->tls));
    return is_costly && loop_is_full(c->server->loop);
}

/* What comes is thrown away. */
static bool is_deaf(const struct conn *c) {
    return c->phase == LINGER || c->phase == STREAMING || c->close_after_write;
}

/* --- under TLS ------------------------------------------------------------------------------- */

enum { CIPHER_BYTES = 64 * 1024 };
static __thread char cipher[CIPHER_BYTES], nowhere[4096];

/* Room for what can be decrypted; 0: none now, and the connection may be closing. */
static size_t room_under_tls(struct conn *c, char **to) {
    bool pinned = c->phase == HANDLING || c->phase == WAITING || c->writing;
    if (is_deaf(c)) {
        *to = nowhere;
        return sizeof nowhere;
    }
    if (c->in_len == c->in_room && !pinned && !room_for(c, c->in_room + 1)) {
        if (c->phase == BODY || c->phase == HEAD)
            refuse_body(c);
        else
            conn_close(c);
        return 0;
    }
    *to = c->in + c->in_len;
    return c->in_room - c->in_len;
}

/* Decrypts as far as there is room and writes what the handshake has to say. True when there is more for the
 * HTTP layer to look at. */
static bool decrypt(struct conn *c) {
    enum tls_result result = TLS_BYTES;
    bool was_up = tls_is_up(c->tls), got_some = false;
    while (result == TLS_BYTES && !c->closing) {
        char *to;
        size_t got, room = room_under_tls(c, &to);
        if (!room)
            break;
        result = tls_read(c->tls, to, room, &got);
        if (to != nowhere)
            c->in_len += got;
        got_some = got_some || (got && to != nowhere);
    }
    if (c->closing)
        return false;
    if (!tls_keep(c->tls))
        result = TLS_FAILED;
    if (!was_up && (tls_is_up(c->tls) || result == TLS_FAILED))
        metric_add(METRIC_TLS_HANDSHAKES, 1, tls_is_up(c->tls) ? "ok" : "failed");
    if (result != TLS_FAILED && (tls_out(c->tls)->len || (!was_up && tls_is_up(c->tls))))
        conn_flush(c);
    if (c->closing)
        return false;
    if (result == TLS_FAILED && conn_is_answered(c))
        conn_reset(c);
    else if (result == TLS_FAILED)
        conn_linger(c); /* the alert says what was wrong */
    else if (result == TLS_OVER && !conn_is_answered(c) && !c->close_after_write)
        conn_close(c);
    return got_some && !c->closing && c->phase != LINGER;
}

/* Plain HTTP on a port of TLS, most likely by somebody who forgot the s. */
static void refuse_plain(struct conn *c) {
    tls_free(c->tls);
    c->tls = NULL;
    conn_refuse(c, ERR_MALFORMED, "This port speaks HTTPS: begin the address with https://.");
}

static void on_cipher(struct conn *c, const char *bytes, size_t count) {
    bool is_first = !c->began_tls;
    c->began_tls = true;
    if (is_first && !tls_is_first_byte(bytes[0])) {
        refuse_plain(c);
        return;
    }
    if (c->phase == LINGER)
        return;
    tls_feed(c->tls, bytes, count);
    if (decrypt(c) && !conn_is_answered(c))
        advance(c);
}

/* --- reading --------------------------------------------------------------------------------- */

/* Where the next bytes go; no room at all makes libuv say UV_ENOBUFS to on_read. */
static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *b) {
    struct conn *c = h->data;
    c->put_off_ms = must_wait(c) ? ava_now_ms() : 0;
    if (c->put_off_ms) {
        *b = uv_buf_init(NULL, 0);
        return;
    }
    if (c->tls) { /* who does not take what was decrypted gets no more */
        *b = uv_buf_init(cipher, tls_has_left(c->tls) && !is_deaf(c) ? 0 : sizeof cipher);
        return;
    }
    if (c->phase == LINGER || c->phase == STREAMING) {
        *b = uv_buf_init(nowhere, sizeof nowhere);
        return;
    }
    /* Nothing is parsed while a write is pending: whoever does not read is not read either. */
    bool pinned = c->phase == HANDLING || c->phase == WAITING || c->writing;
    if (!pinned && c->in_len == c->in_room && !room_for(c, c->in_room + 1)) {
        *b = uv_buf_init(NULL, 0); /* on_read says so */
        return;
    }
    *b = uv_buf_init(c->in + c->in_len, (unsigned)(c->in_room - c->in_len));
}

/* Bytes came, or none can: adds them to the buffer and goes on with the connection. */
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b) {
    struct conn *c = stream->data;
    if (n == 0)
        return;
    if (n == UV_ENOBUFS && c->put_off_ms) {
        uv_read_stop(stream);
        c->reading = false;
        loop_put_off(c->server->loop, &c->rest);
        return;
    }
    bool pinned = c->phase == HANDLING || c->phase == WAITING || c->writing || c->tls;
    if (n == UV_ENOBUFS && !pinned && (c->phase == BODY || c->phase == HEAD)) {
        refuse_body(c);
        return;
    }
    if (n == UV_ENOBUFS &&
        !pinned) { /* no room for the first bytes of a request: nothing was read of it */
        conn_close(c);
        return;
    }
    if (n == UV_ENOBUFS) { /* full while a fiber has it pinned: look again when that is done */
        uv_read_stop(stream);
        c->reading = false;
        return;
    }
    if (n < 0) {
        conn_close(c);
        return;
    }
    if (c->tls) {
        on_cipher(c, b->base, (size_t)n);
        return;
    }
    if (is_deaf(c))
        return;
    c->in_len += (size_t)n;
    if (!conn_is_answered(c))
        advance(c);
}

/* Reads what came meanwhile, now that it is the turn of those who were put off. */
static void on_rest(struct loop_later *rest) {
    struct conn *c = CONTAINER_OF(rest, struct conn, rest);
    uv_buf_t b;
    uv_os_fd_t fd;
    if (c->phase != BODY ||
        c->tls) { /* it was refused meanwhile; or libuv reads it in a turn of its own */
        c->deadline_ms += c->put_off_ms && c->phase != LINGER ? ava_now_ms() - c->put_off_ms : 0;
        read_on(c);
        return;
    }
    c->deadline_ms += ava_now_ms() - c->put_off_ms;
    c->put_off_ms = 0;
    if (c->in_len == c->in_room && !room_for(c, c->in_room + 1)) {
        refuse_body(c);
        return;
    }
    b = uv_buf_init(c->in + c->in_len, (unsigned)(c->in_room - c->in_len));
    uv_fileno((uv_handle_t *)&c->tcp, &fd);
    ssize_t n = recv(fd, b.base, b.len, MSG_DONTWAIT);
    if (n >= 0 || (errno != EAGAIN && errno != EINTR))
        on_read((uv_stream_t *)&c->tcp,
                n > 0    ? n
                : n == 0 ? UV_EOF
                         : uv_translate_sys_error(errno),
                &b);
    read_on(c);
}

/* Begins to read again, where reading was stopped. */
static void read_on(struct conn *c) {
    if (c->tls && tls_has_left(c->tls) && !c->closing)
        decrypt(c); /* what did not fit before */
    if (c->reading || c->closing || c->rest.is_waiting)
        return;
    c->reading = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) == 0;
}

/* --- the server ------------------------------------------------------------------------------ */

/* Writes the address of the peer into c->peer; IPv4 in IPv6 as IPv4. */
static void name_peer(struct conn *c) {
    struct sockaddr_storage addr;
    int len = sizeof addr;
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&addr, &len) != 0)
        return;
    if (addr.ss_family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&addr;
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
            inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, c->peer, sizeof c->peer);
        else
            inet_ntop(AF_INET6, &v6->sin6_addr, c->peer, sizeof c->peer);
    } else {
        inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)&addr)->sin_addr, c->peer,
                  sizeof c->peer);
    }
}

/* Takes in a connection. Where there is no room for it, others give way; where none can, it is told
 * so, and beyond the spare ones closed unheard. */
static void enter(void *arg, int fd) {
    struct http_server *s = arg;
    struct conn *c = calloc(1, sizeof *c);
    if (!c) {
        close(fd);
        return;
    }
    c->server = s;
    c->rest.fn = on_rest;
    http_stream_init(&c->stream);
    uv_tcp_init(loop_uv(s->loop), &c->tcp);
    c->tcp.data = c;
    c->next = s->conns;
    if (c->next)
        c->next->prev = c;
    else
        s->oldest = c;
    s->conns = c;
    s->conn_count++;
    c->is_fresh = true;
    bool is_open = uv_tcp_open(&c->tcp, fd) == 0;
    crowd_join(s, c);
    if (!is_open) {
        close(fd);
        conn_close(c);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    name_peer(c);
    c->arena = arena_new(s->limits->arena_bytes);
    if (s->app->tls && !(c->tls = tls_new(s->app->tls))) {
        conn_close(c);
        return;
    }
    c->began_us = ava_now_us();
    c->deadline_ms = c->began_us / 1000 + s->limits->head_ms;
    read_on(c);
    if (crowd_make_room(s, c))
        return;
    if (s->open_count > s->limits->connections_max + SPARE_CONNECTIONS)
        conn_close(c); /* not even room to say so */
    else
        conn_refuse(c, ERR_OVERLOADED, "Ava has as many connections as it can carry.");
}

static void starved(void *arg) {
    crowd_thin_out(arg);
}

/* Twice a second: refuses requests that come too slowly, and closes what else is past its
 * deadline. */
static void on_sweep(uv_timer_t *t) {
    struct http_server *s = t->data;
    int64_t now = ava_now_ms();
    if (loop_has_stood(s->loop, WOKEN_MS))
        return; /* what came meanwhile waits in the kernel, and was in time */
    for (struct conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        if (c->closing || now < c->deadline_ms || c->rest.is_waiting)
            continue;
        if ((c->phase == HEAD || c->phase == BODY) && !c->writing && !c->close_after_write)
            conn_refuse(c, ERR_REQUEST_TIMEOUT,
                        c->phase == HEAD ? "The headers did not arrive within 5 seconds."
                                         : "The body did not arrive within 10 seconds.");
        else
            conn_close(c);
    }
}

struct http_server *http_server_open(struct loop *loop, int fd, const struct http_app *app,
                                     const struct http_limits *limits) {
    struct http_server *s = memory_zeroed(1, sizeof *s);
    s->loop = loop;
    s->app = app;
    s->go_on = advance;
    s->refuse_body = refuse_body;
    s->limits = limits;
    uv_timer_init(loop_uv(loop), &s->sweep);
    uv_timer_init(loop_uv(loop), &s->leave);
    uv_timer_init(loop_uv(loop), &s->release);
    uv_check_init(loop_uv(loop), &s->serve);
    uv_idle_init(loop_uv(loop), &s->haste);
    s->release.data = s->serve.data = s->haste.data = s;
    uv_check_start(&s->serve, on_serve);
    s->sweep.data = s->leave.data = s;
    if (!door_open(&s->door, loop_uv(loop), fd, enter, starved, s))
        abort(); /* at start: the socket was made by http_listen and listens already */
    uv_timer_start(&s->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    return s;
}

void http_server_share(struct http_server *s) {
    s->door.is_shared = true;
}

/* --- going down ------------------------------------------------------------------------------ */

void http_server_dismiss(struct http_server *s) {
    s->dismissing = true;
}

/* Drops the packets that would open a connection; those that finish opening one pass. A socket that
 * is closed resets whatever it has let in and nobody has accepted yet, and the caller may have
 * sent a write on it by then. Dropped ones are sent again after a second, to whoever listens then.
 * Where the kernel refuses the filter, there is only the short wait. */
static void let_nobody_in(struct http_server *s) {
    enum { TCP_FLAGS_AT = 13, SYN = 2 };
    struct sock_filter code[] = { BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS_AT),
                                  BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SYN, 0, 1),
                                  BPF_STMT(BPF_RET | BPF_K, 0),
                                  BPF_STMT(BPF_RET | BPF_K, UINT32_MAX) };
    struct sock_fprog program = { ARRAY_LEN(code), code };
    setsockopt(s->door.fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

/* True when something came that was not read yet. */
static bool has_bytes(struct conn *c) {
    char one;
    int fd;
    return uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0 &&
           recv(fd, &one, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* Closes connections without a request; those that are new or have bytes waiting get FRESH_MS. */
static void close_idle(struct http_server *s) {
    int64_t latest_ms = ava_now_ms() + FRESH_MS;
    for (struct conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        if (c->phase != IDLE || c->writing || c->closing)
            continue;
        if (!c->is_fresh && !has_bytes(c))
            conn_close(c);
        else if (c->deadline_ms > latest_ms)
            c->deadline_ms = latest_ms;
    }
}

/* Closes the listener: nobody is taken in any more. */
static void shut(struct http_server *s) {
    if (s->is_shut)
        return;
    s->is_shut = true;
    door_shut(&s->door);
    uv_close((uv_handle_t *)&s->leave, NULL);
}

/* Going down, second step: a turn after the timer, all who were let in are known. */
static void on_left(uv_timer_t *t) {
    struct http_server *s = t->data;
    close_idle(s);
    shut(s);
}

/* Timers come before the sockets in a turn: one that was late has taken nobody in yet. */
static void on_leave(uv_timer_t *t) {
    uv_timer_start(t, on_left, 1, 0);
}

void http_server_drain(struct http_server *s) {
    if (s->draining)
        return;
    s->dismissing = s->draining = true;
    if (s->door.is_shared)
        door_shut(&s->door); /* whoever waits there is in the queue of all who share it */
    else
        let_nobody_in(s);
    for (struct conn *c = s->conns; c; c = c->next)
        if (c->phase == STREAMING && !c->reply.stream_ends)
            http_stream_end(&c->stream);
    uv_update_time(loop_uv(s->loop));
    uv_timer_start(&s->leave, on_leave, s->door.is_shared ? 0 : LEAVE_MS, 0);
}

bool http_server_is_over(const struct http_server *s) {
    return s->is_shut && s->conn_count == 0;
}

size_t http_server_connections(const struct http_server *s) {
    return s->conn_count;
}

size_t http_server_busy(const struct http_server *s) {
    return s->busy;
}

void http_server_free(struct http_server *s) {
    if (!s)
        return;
    shut(s);
    for (struct conn *c = s->conns; c; c = c->next)
        conn_close(c);
    uv_close((uv_handle_t *)&s->sweep, NULL);
    while (s->conns)
        uv_run(loop_uv(s->loop), UV_RUN_ONCE);
    uv_close((uv_handle_t *)&s->release, NULL);
    uv_close((uv_handle_t *)&s->serve, NULL);
    uv_close((uv_handle_t *)&s->haste, NULL);
    for (int i = 0; i < 2; i++) /* the closing of listener and timers */
        uv_run(loop_uv(s->loop), UV_RUN_NOWAIT);
    buf_fini(&s->spare);
    free(s);
}
