#include "test.h"

#include <poll.h>
#include <signal.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "http/server.h"
#include "http/stream.h"
#include "net/loop.h"
#include "net/rude.h"

enum {
    BODY_LIMIT = 1000,
    LARGE_BYTES = 8 << 20,
    LONG_BYTES = 8 << 20,
    PIECE_BYTES = 16 << 10,
    SMALL_BYTES = 64 << 10
};

/* A server on a loop of its own thread. Its application echoes. */
struct site {
    struct loop *loop;
    struct http_server *server;
    struct http_limits limits;
    size_t fibers_max;
    int port, fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_up;
    struct fiber_parking *held; /* of the fiber that waits in /hold */
    atomic_int handled, connections;
    struct http_stream *stream; /* of the last /stream */
    atomic_bool streaming;
    atomic_int piece_bytes, written, streamed, left;
    char *large;
};

static void body(void *arg, const struct http_req *req, struct http_body *out) {
    CHECK(req->arena == NULL && req->body.len == 0 && !out->takes_part);
    out->takes_part = str_is(req->path, "/part");
    out->is_proven = str_is(req->path, "/known");
    out->limit_bytes =
        out->is_proven || str_is(req->path, "/much") ? LARGE_BYTES : (size_t)BODY_LIMIT;
}

static void holding(void *arg) {
    struct site *s = ((void **)arg)[0];
    pthread_mutex_lock(&s->lock);
    s->held = ((void **)arg)[1];
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void stream_left(void *arg) {
    struct site *s = arg;
    atomic_fetch_add(&s->left, 1);
}

/* Says hello, then as many bytes as asked at each ring, until it is over or asked for none. */
static void stream(void *arg, struct http_stream *stream) {
    struct site *s = arg;
    bool open = http_stream_write(stream, STR("hello")) && http_stream_write(stream, STR(""));
    atomic_store(&s->streaming, true);
    while (open && http_stream_wait(stream, ava_now_ms() + 60000)) {
        size_t bytes = (size_t)atomic_load(&s->piece_bytes);
        if (bytes == 0)
            break;
        open = http_stream_write(stream, (struct str){ s->large, bytes });
        atomic_fetch_add(&s->written, 1);
    }
    atomic_fetch_add(&s->streamed, 1);
}

/* A long answer in pieces of 16 KiB, each read before the next is written. */
static void stream_long(void *arg, struct http_stream *stream) {
    struct site *s = arg;
    atomic_store(&s->streaming, true);
    for (int sent = 0; sent < LONG_BYTES; sent += PIECE_BYTES)
        if (!http_stream_write(stream, (struct str){ s->large, PIECE_BYTES }) ||
            !http_stream_flush(stream))
            break;
    atomic_fetch_add(&s->streamed, 1);
}

static void stream_broken(void *arg, struct http_stream *stream) {
    http_stream_write(stream, STR("some"));
    http_stream_break(stream);
}

/* "/long": all of it; "/short": less than its head says; "/broken": it does not know how much. */
static bool handle_long(struct site *s, const struct http_req *req, struct http_reply *reply) {
    bool is_broken = str_is(req->path, "/broken"), is_short = str_is(req->path, "/short");
    if (!is_broken && !is_short && !str_is(req->path, "/long"))
        return false;
    reply->stream = is_broken ? stream_broken : stream_long;
    reply->stream_arg = s;
    reply->stream_ends = true;
    reply->stream_bytes = is_broken ? 0 : LONG_BYTES + is_short;
    return true;
}

static void handle(void *arg, struct http_req *req, struct http_reply *reply) {
    struct site *s = arg;
    atomic_fetch_add(&s->handled, 1);
    reply->status = 200;
    reply->content_type = "text/plain";
    if (str_is(req->path, "/hold")) {
        struct fiber_parking p;
        fiber_parking_init(&p);
        fiber_park(&p, FIBER_NO_DEADLINE, holding, (void *[]){ s, &p });
    } else if (str_is(req->path, "/nap")) {
        fiber_sleep(20);
    } else if (str_is(req->path, "/large")) {
        reply->lent_body = (struct str){ s->large, LARGE_BYTES };
        return;
    } else if (str_is(req->path, "/close")) {
        reply->close = true;
    } else if (handle_long(s, req, reply)) {
        return;
    } else if (str_is(req->path, "/stream")) {
        reply->stream = stream;
        reply->stream_arg = s;
        s->stream = req->stream;
        arena_defer(req->arena, stream_left, s);
        return;
    }
    if (req->is_cut)
        buf_printf(&reply->body, "[cut at %zu, %c to %c]", req->body.len, req->body.ptr[0],
                   req->body.ptr[req->body.len - 1]);
    else
        buf_printf(&reply->body, "[%s %.*s %.*s]", http_method_name(req->method),
                   STR_FMT(req->target), STR_FMT(req->body));
}

static void refuse(void *arg, const struct http_req *req, enum err err, const char *detail,
                   struct http_reply *reply) {
    reply->status = err_info(err)->status;
    reply->content_type = "text/plain";
    buf_printf(&reply->body, "<%s>", err_info(err)->code);
}

static void *serve(void *arg) {
    static const char *why;
    struct site *s = arg;
    struct arena *a = arena_new(1 << 16);
    static struct http_app app = { .body = body, .handle = handle, .refuse = refuse };
    app.arg = s;
    s->loop = loop_new(s->fibers_max);
    s->fd = http_listen("127.0.0.1:0", 0, a, &why);
    CHECK(s->fd >= 0);
    s->port = (int)strtol(strrchr(http_listen_address(s->fd, a), ':') + 1, NULL, 10);
    s->server = http_server_open(s->loop, s->fd, &app, &s->limits);
    pthread_mutex_lock(&s->lock);
    s->is_up = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    loop_run(s->loop);
    http_server_free(s->server);
    loop_free(s->loop);
    arena_free(a);
    return NULL;
}

static size_t fibers_max_of_next;

static struct site *site_up(const struct http_limits *limits) {
    signal(SIGPIPE, SIG_IGN);
    struct site *s = calloc(1, sizeof *s);
    s->limits = limits ? *limits : HTTP_LIMITS_DEFAULT;
    s->fibers_max = fibers_max_of_next;
    s->large = malloc(LARGE_BYTES);
    memset(s->large, 'L', LARGE_BYTES);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    pthread_create(&s->thread, NULL, serve, s);
    pthread_mutex_lock(&s->lock);
    while (!s->is_up)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
    return s;
}

static void site_down(struct site *s) {
    loop_stop(s->loop);
    pthread_join(s->thread, NULL);
    free(s->large);
    free(s);
}

/* Until a request waits in /hold. */
static void await_held(struct site *s) {
    pthread_mutex_lock(&s->lock);
    while (!s->held)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static void let_go(struct site *s) {
    await_held(s);
    pthread_mutex_lock(&s->lock);
    struct fiber_parking *p = s->held;
    s->held = NULL;
    pthread_mutex_unlock(&s->lock);
    fiber_unpark(p);
}

struct asked {
    struct loop_call call;
    struct site *site;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
    size_t count;
};

static void answer(struct asked *a, size_t count) {
    a->count = count;
    pthread_mutex_lock(&a->lock);
    a->is_done = true;
    pthread_cond_signal(&a->done);
    pthread_mutex_unlock(&a->lock);
}

static void look(void *arg) {
    answer(arg, http_server_connections(((struct asked *)arg)->site->server));
}

static void look_busy(void *arg) {
    answer(arg, http_server_busy(((struct asked *)arg)->site->server));
}

static void drain(void *arg) {
    http_server_drain(((struct asked *)arg)->site->server);
    look(arg);
}

/* Runs fn on the loop and waits for it. */
static size_t on_loop(struct site *s, void (*fn)(void *)) {
    struct asked a = { .call = { .fn = fn }, .site = s };
    a.call.arg = &a;
    pthread_mutex_init(&a.lock, NULL);
    pthread_cond_init(&a.done, NULL);
    loop_post(s->loop, &a.call);
    pthread_mutex_lock(&a.lock);
    while (!a.is_done)
        pthread_cond_wait(&a.done, &a.lock);
    pthread_mutex_unlock(&a.lock);
    return a.count;
}

struct sending {
    int fd;
    struct str bytes;
};

static void *send_all(void *arg) {
    const struct sending *what = arg;
    raw_send(what->fd, what->bytes);
    return NULL;
}

/* Sends it all while reading until the server closes. */
static void talk(struct site *s, struct str bytes, struct buf *out) {
    struct sending what = { raw_connect(s->port), bytes };
    pthread_t sender;
    pthread_create(&sender, NULL, send_all, &what);
    CHECK(raw_read_all(what.fd, out));
    pthread_join(sender, NULL);
    close(what.fd);
}

#define GET(path)      "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_LAST(path) "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

TEST(pipelined_requests_are_answered_in_their_order_also_when_some_wait) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    talk(s, STR(GET("/1") GET("/nap") GET("/2") GET("/nap") GET_LAST("/3") GET("/never")), &out);
    CHECK_INT(count_of(&out, "HTTP/1.1 200 OK\r\n"), 5);
    const char *at = out.ptr;
    static const char *const ORDER[] = { "[GET /1 ]", "[GET /nap ]", "[GET /2 ]", "[GET /nap ]",
                                         "[GET /3 ]" };
    for (size_t i = 0; i < 5; i++) {
        at = strstr(at, ORDER[i]);
        CHECK(at != NULL);
        at++;
    }
    CHECK_INT(atomic_load(&s->handled), 5);
    buf_fini(&out);
    site_down(s);
}

TEST(ten_thousand_pipelined_requests_are_all_answered) {
    struct site *s = site_up(NULL);
    struct buf in = { 0 }, out = { 0 };
    for (int i = 0; i < 9999; i++)
        buf_text(&in, GET("/"));
    buf_text(&in, GET_LAST("/"));
    talk(s, buf_view(&in), &out);
    CHECK_INT(count_of(&out, "HTTP/1.1 200 OK"), 10000);
    buf_fini(&in);
    buf_fini(&out);
    site_down(s);
}

TEST(a_request_may_come_byte_by_byte_and_may_follow_an_empty_line) {
    static const char *const ASKED[] = {
        "POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
        "\r\nPOST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
        ("POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
         "1;x=y\r\na\r\n2\r\nbc\r\n0\r\n\r\n"),
    };
    struct site *s = site_up(NULL);
    for (size_t i = 0; i < ARRAY_LEN(ASKED); i++) {
        struct buf out = { 0 };
        int fd = raw_connect(s->port), on = 1;
        setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
        while (on_loop(s, look) == 0) {
        }
        for (const char *p = ASKED[i]; *p; p++) {
            rude_send(fd, p, 1);
            on_loop(s, look); /* turns of the loop for each byte */
            on_loop(s, look);
        }
        CHECK(raw_read_all(fd, &out));
        CHECK(strstr(out.ptr, "[POST /x abc]") != NULL);
        close(fd);
        buf_fini(&out);
        while (on_loop(s, look) != 0) {
        }
    }
    site_down(s);
}

TEST(an_empty_line_behind_a_body_begins_no_request) {
    struct site *s = site_up(&(struct http_limits){ 100, 100, 100, 100, 3000, 1 << 20 });
    struct buf out = { 0 };
    talk(s, STR("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\r\n"), &out);
    CHECK(strstr(out.ptr, "[POST /x abc]") && !strstr(out.ptr, " 408 "));
    buf_fini(&out);
    site_down(s);
}

TEST(expect_100_continue_is_answered_before_the_body_and_not_after_a_refusal) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    int fd = raw_connect(s->port);
    raw_send(fd, STR("PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
                     "Connection: close\r\n\r\n"));
    CHECK(raw_read_until(fd, &out, "HTTP/1.1 100 Continue\r\n\r\n", 1));
    CHECK_INT(atomic_load(&s->handled), 0);
    raw_send(fd, STR("abc"));
    CHECK(raw_read_all(fd, &out));
    CHECK(strstr(out.ptr, "[PUT /x abc]") != NULL);
    close(fd);

    buf_clear(&out);
    talk(s,
         STR("PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n"),
         &out);
    CHECK(str_starts(buf_view(&out), STR("HTTP/1.1 413 ")));
    buf_fini(&out);
    site_down(s);
}

TEST(http_1_0_closes_behind_its_answer_and_stays_when_asked) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    talk(s, STR("GET /x HTTP/1.0\r\n\r\n"), &out);
    CHECK(strstr(out.ptr, "[GET /x ]") != NULL);
    buf_clear(&out);
    talk(s, STR("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /y HTTP/1.0\r\n\r\n"), &out);
    CHECK_INT(count_of(&out, " 200 OK"), 2);
    buf_fini(&out);
    site_down(s);
}

TEST(head_gets_the_length_but_not_the_body) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    talk(s, STR("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n" GET_LAST("/y")), &out);
    CHECK(strstr(out.ptr, "Content-Length: 10\r\n") != NULL); /* [HEAD /x ] */
    CHECK(strstr(out.ptr, "[HEAD") == NULL && strstr(out.ptr, "[GET /y ]") != NULL);
    buf_fini(&out);
    site_down(s);
}

TEST(a_get_may_have_a_body_and_a_target_may_be_absolute) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    talk(s,
         STR("GET http://b/x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" GET_LAST("/y")),
         &out);
    CHECK(strstr(out.ptr, "[GET http://b/x?y hi]") && strstr(out.ptr, "[GET /y ]"));
    buf_fini(&out);
    site_down(s);
}

TEST(a_slow_reader_gets_a_large_answer_whole) {
    struct site *s = site_up(NULL);
    int fd = raw_connect(s->port), small = SMALL_BYTES;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    raw_send(fd, STR(GET("/large") GET_LAST("/y")));
    struct buf out = { 0 };
    CHECK(raw_read_all(fd, &out));
    char *body = strstr(out.ptr, "\r\n\r\n") + 4;
    for (size_t i = 0; i < LARGE_BYTES; i++)
        if (body[i] != 'L')
            fail_msg("byte %zu is not right", i);
    CHECK(strstr(body + LARGE_BYTES, "[GET /y ]") != NULL);
    close(fd);
    buf_fini(&out);
    site_down(s);
}

TEST(who_never_reads_can_not_make_the_server_hold_more_and_more) {
    struct site *s = site_up(NULL);
    int fd = raw_connect(s->port), small = SMALL_BYTES, taken = 0;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ .tv_sec = 1 },
               sizeof(struct timeval));
    raw_send(fd, STR(GET("/large")));
    char junk[65536];
    memset(junk, 'x', sizeof junk);
    while (taken < 64 << 20) {
        ssize_t n = send(fd, junk, sizeof junk, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        taken += (int)n;
    }
    CHECK(taken < 32 << 20); /* the kernel's buffers, not the server's */
    close(fd);
    site_down(s);
}

TEST(a_client_that_leaves_while_its_answer_is_made_takes_nothing_with_it) {
    struct site *s = site_up(NULL);
    int fd = raw_connect(s->port);
    raw_send(fd, STR(GET("/hold")));
    await_held(s);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
    close(fd);
    on_loop(s, look);
    let_go(s);
    struct buf out = { 0 };
    talk(s, STR(GET_LAST("/y")), &out);
    CHECK(strstr(out.ptr, "[GET /y ]") != NULL);
    while (on_loop(s, look)) {
    }
    buf_fini(&out);
    site_down(s);
}

static void expect_refusal(struct site *s, struct str sent, const char *status_line) {
    struct buf out = { 0 };
    int before = atomic_load(&s->handled);
    talk(s, sent, &out);
    if (!str_starts(buf_view(&out), str_of(status_line)))
        print_error("wanted %s for: %.60s\n got: %.80s\n", status_line, sent.ptr,
                    out.ptr ? out.ptr : "nothing");
    CHECK(str_starts(buf_view(&out), str_of(status_line)));
    CHECK_INT(count_of(&out, "HTTP/1.1 "), 1);
    CHECK_INT(count_of(&out, "Connection: close\r\n"), 1);
    CHECK_INT(atomic_load(&s->handled), before);
    buf_fini(&out);
}

/* Sends a POST with that framing and a body of a first letter, then x, then z as the last. */
static void expect_part(struct site *s, const char *framing, size_t len, bool is_chunked,
                        const char *answer) {
    struct buf sent = { 0 }, out = { 0 };
    buf_printf(&sent, "POST /part HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", framing);
    for (size_t i = 0; i < len; i += 100) {
        if (is_chunked)
            buf_printf(&sent, "%zx\r\n", len - i < 100 ? len - i : 100);
        for (size_t k = i; k < len && k < i + 100; k++)
            buf_char(&sent, k == 0 ? 'a' : k == BODY_LIMIT - 1 ? 'm' : k == len - 1 ? 'z' : 'x');
        if (is_chunked)
            buf_text(&sent, "\r\n");
    }
    buf_text(&sent, is_chunked ? "0\r\n\r\n" GET_LAST("/y") : GET_LAST("/y"));
    talk(s, buf_view(&sent), &out);
    CHECK(strstr(out.ptr, answer) != NULL);
    CHECK((strstr(out.ptr, "[GET /y ]") == NULL) == (strstr(answer, "cut") != NULL));
    buf_fini(&sent);
    buf_fini(&out);
}

TEST(where_a_part_is_taken_a_larger_body_is_cut_at_the_limit_and_the_connection_ends) {
    struct site *s = site_up(NULL);
    expect_part(s, "Content-Length: 5000", 5000, false, "[cut at 1000, a to m]");
    expect_part(s, "Content-Length: 1001", 1001, false, "[cut at 1000, a to m]");
    expect_part(s, "Content-Length: 1000", 1000, false, "[POST /part ax");
    expect_part(s, "Transfer-Encoding: chunked", 5000, true, "[cut at 1000, a to m]");
    expect_part(s, "Transfer-Encoding: chunked", 1050, true, "[cut at 1000, a to m]");
    expect_part(s, "Transfer-Encoding: chunked", 1000, true, "[POST /part ax");
    struct buf out = { 0 };
    int fd = raw_connect(s->port); /* far more than is ever sent */
    raw_send(fd, STR("POST /part HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "FFFFFFFFFFFFFFF\r\na"));
    struct buf more = { 0 };
    for (int i = 0; i < 999; i++)
        buf_char(&more, 'x');
    raw_send(fd, buf_view(&more));
    CHECK(raw_read_all(fd, &out));
    CHECK(strstr(out.ptr, "[cut at 1000, a to x]") != NULL);
    close(fd);
    buf_fini(&more);
    buf_fini(&out);
    site_down(s);
}

TEST(limits_have_their_own_answers_and_a_large_body_is_refused_when_announced) {
    struct site *s = site_up(NULL);
    struct buf b = { 0 };
    expect_refusal(s, STR("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n"),
                   "HTTP/1.1 413 ");
    expect_refusal(s,
                   STR("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3E9\r\n"),
                   "HTTP/1.1 413 ");
    buf_text(&b, "GET /");
    for (int i = 0; i < 9000; i++)
        buf_char(&b, 'a');
    buf_text(&b, " HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_refusal(s, buf_view(&b), "HTTP/1.1 414 ");
    buf_clear(&b);
    buf_text(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 64; i++)
        buf_printf(&b, "X-%d: y\r\n", i);
    buf_text(&b, "\r\n");
    expect_refusal(s, buf_view(&b), "HTTP/1.1 431 ");
    buf_fini(&b);
    site_down(s);
}

#define AFTER               "GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#define POSTED(lines, body) "POST / HTTP/1.1\r\nHost: a\r\n" lines "\r\n" body AFTER
#define CHUNKED(body)       POSTED("Transfer-Encoding: chunked\r\n", body)

TEST(what_could_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_answered) {
    static const struct {
        struct str bytes;
        int status;
    } BAD[] = {
#define BAD(text) { { text, sizeof(text) - 1 }, 400 }
        BAD(POSTED("Content-Length: 3\r\nContent-Length: 3\r\n", "abc")),
        BAD(POSTED("Content-Length: 3\r\nContent-Length: 4\r\n", "abc")),
        BAD(POSTED("Content-Length: +3\r\n", "abc")),
        BAD(POSTED("Content-Length: -1\r\n", "abc")),
        BAD(POSTED("Content-Length: 3, 3\r\n", "abc")),
        BAD(POSTED("Content-Length: 0x3\r\n", "abc")),
        BAD(POSTED("Content-Length: \r\n", "")),
        BAD(POSTED("Content-Length: 18446744073709551619\r\n", "abc")),
        BAD(POSTED("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        BAD(POSTED("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n")),
        BAD(POSTED("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")),
        BAD(POSTED("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")),
        BAD(POSTED("Transfer-Encoding: identity\r\n", "")),
        BAD(POSTED("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        BAD(POSTED("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n")),
        BAD(POSTED("Transfer-Encoding: \x0b"
                   "chunked\r\n",
                   "0\r\n\r\n")),
        BAD("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" AFTER),
        BAD(CHUNKED("+0\r\n\r\n")),
        BAD(CHUNKED("-0\r\n\r\n")),
        BAD(CHUNKED("0x0\r\n\r\n")),
        BAD(CHUNKED(" 0\r\n\r\n")),
        BAD(CHUNKED("0 \r\n\r\n")),
        BAD(CHUNKED("0\n\r\n")),
        BAD(CHUNKED("0\r\n\n")),
        BAD(CHUNKED("10000000000000000\r\n")),
        BAD(CHUNKED("3\r\nabc0\r\n\r\n")),
        BAD(CHUNKED("3\r\nabcX\r\n0\r\n\r\n")),
        BAD(CHUNKED("3\r\nabc\n0\r\n\r\n")),
        BAD(CHUNKED("0\r\nContent-Length: 5\r\n\r\n")),
        BAD(CHUNKED("0\r\nTransfer-Encoding: chunked\r\n\r\n")),
        BAD(CHUNKED("0;a\nb\r\n\r\n")),
        BAD("GET / HTTP/1.1\nHost: a\n\n" AFTER),
        BAD("GET / HTTP/1.1\r\nHost: a\n\r\n" AFTER),
        BAD("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n" AFTER),
        BAD("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n" AFTER),
        BAD("GET / HTTP/1.1\r\nHost : a\r\n\r\n" AFTER),
        BAD("GET / HTTP/1.1\r\n Host: a\r\n\r\n" AFTER),
        BAD("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n" AFTER),
        BAD("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n" AFTER),
        BAD("GET / HTTP/1.1\r\nHost: a\r\nfoo\r\n\r\n" AFTER),
        BAD("GET / HTTP/1.1\r\n\r\n" AFTER),
        BAD("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" AFTER),
        BAD("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" AFTER),
        BAD("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n" AFTER),
        BAD("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n" AFTER),
        BAD("GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n" AFTER),
        BAD("GE(T / HTTP/1.1\r\nHost: a\r\n\r\n" AFTER),
        BAD("GET / HTTP/1.2\r\nHost: a\r\n\r\n" AFTER),
        BAD("GET / HTTP/2.0\r\nHost: a\r\n\r\n" AFTER),
        BAD("GET /\r\n\r\n" AFTER),
        BAD("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" AFTER),
#undef BAD
#define OTHER(text, status) { { text, sizeof(text) - 1 }, status }
        OTHER("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n" AFTER, 405),
        OTHER("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n" AFTER, 405),
#undef OTHER
    };
    struct site *s = site_up(NULL);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        char line[32];
        snprintf(line, sizeof line, "HTTP/1.1 %d ", BAD[i].status);
        expect_refusal(s, BAD[i].bytes, line);
    }
    site_down(s);
}

TEST(a_head_or_a_body_that_comes_too_slowly_is_answered_408_and_an_idle_connection_just_ends) {
    struct site *s = site_up(&(struct http_limits){ 100, 100, 100, 100, 3000, 1 << 20 });
    struct buf out = { 0 };
    talk(s, STR("GET / HTTP/1.1\r\nHo"), &out);
    CHECK(str_starts(buf_view(&out), STR("HTTP/1.1 408 ")));
    buf_clear(&out);
    talk(s, STR("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab"), &out);
    CHECK(str_starts(buf_view(&out), STR("HTTP/1.1 408 ")));
    buf_clear(&out);
    talk(s, STR(GET("/x")), &out); /* answered, then closed when it stays silent */
    CHECK_INT(count_of(&out, "HTTP/1.1 "), 1);
    buf_clear(&out);
    talk(s, STR(""), &out); /* nothing was ever said */
    CHECK_INT(out.len, 0);
    buf_fini(&out);
    site_down(s);
}

static int late_fd;

/* The rest of a head comes while the loop stands still for longer than heads may take. */
static void stand_still(void *arg) {
    struct timespec pause = { .tv_sec = 1, .tv_nsec = 200 * 1000 * 1000 };
    raw_send(late_fd, STR("st: a\r\nConnection: close\r\n\r\n"));
    nanosleep(&pause, NULL);
    answer(arg, 0);
}

TEST(what_came_while_the_loop_stood_still_was_in_time) {
    struct site *s = site_up(&(struct http_limits){ 100, 400, 5000, 5000, 3000, 1 << 20 });
    struct buf out = { 0 };
    late_fd = raw_connect(s->port);
    raw_send(late_fd, STR("GET /x HTTP/1.1\r\nHo"));
    while (on_loop(s, look) == 0) {
    }
    on_loop(s, stand_still);
    CHECK(raw_read_all(late_fd, &out));
    CHECK(str_starts(buf_view(&out), STR("HTTP/1.1 200 ")));
    close(late_fd);
    buf_fini(&out);
    site_down(s);
}

TEST(who_reads_nothing_at_all_is_let_go) {
    struct site *s = site_up(&(struct http_limits){ 100, 5000, 5000, 5000, 100, 1 << 20 });
    int fd = raw_connect(s->port), small = SMALL_BYTES;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    raw_send(fd, STR(GET("/large")));
    while (on_loop(s, look) == 0) {
    }
    while (on_loop(s, look) != 0)
        fiber_sleep(5);
    close(fd);
    site_down(s);
}

static bool is_closed(int fd) {
    char one;
    return recv(fd, &one, 1, 0) <= 0;
}

TEST(who_rests_gives_way_to_who_comes_the_silent_first) {
    struct site *s = site_up(&(struct http_limits){ 2, 5000, 5000, 5000, 5000, 1 << 20 });
    struct buf out = { 0 };
    int kept = raw_connect(s->port), silent;
    raw_send(kept, STR(GET("/kept")));
    CHECK(raw_read_until(kept, &out, "[GET /kept ]", 1));
    silent = raw_connect(s->port);
    while (on_loop(s, look) != 2) {
    }
    buf_clear(&out);
    talk(s, STR(GET_LAST("/")), &out);
    CHECK(str_starts(buf_view(&out), STR("HTTP/1.1 200 ")));
    CHECK(is_closed(silent));
    buf_clear(&out);
    raw_send(kept, STR(GET("/again")));
    CHECK(raw_read_until(kept, &out, "[GET /again ]", 1));
    close(kept);
    close(silent);
    buf_fini(&out);
    site_down(s);
}

TEST(one_connection_too_many_is_told_so_while_all_others_are_being_answered) {
    struct site *s = site_up(&(struct http_limits){ 1, 5000, 5000, 5000, 5000, 1 << 20 });
    struct buf out = { 0 }, answer = { 0 };
    int busy = raw_connect(s->port);
    raw_send(busy, STR(GET("/hold")));
    await_held(s);
    talk(s, STR(""), &out);
    CHECK(str_starts(buf_view(&out), STR("HTTP/1.1 503 ")));
    let_go(s);
    CHECK(raw_read_until(busy, &answer, "[GET /hold ]", 1));
    close(busy);
    while (on_loop(s, look) != 0)
        fiber_sleep(1);
    buf_clear(&out);
    talk(s, STR(GET_LAST("/")), &out);
    CHECK(str_starts(buf_view(&out), STR("HTTP/1.1 200 ")));
    buf_fini(&out);
    buf_fini(&answer);
    site_down(s);
}

static int fd_of_last, fd_of_late; /* of the next test */

static void connect_and_drain(void *arg) {
    struct site *s = ((struct asked *)arg)->site;
    fd_of_last = raw_connect(s->port); /* in the kernel's queue: this loop has not seen it */
    raw_send(fd_of_last, STR(GET("/last")));
    http_server_drain(s->server);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)s->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    fd_of_late = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(connect(fd_of_late, (struct sockaddr *)&to, sizeof to) != 0 && errno == EINPROGRESS);
    struct pollfd late = { .fd = fd_of_late, .events = POLLOUT };
    CHECK_INT(poll(&late, 1, 20), 0); /* neither in nor refused: it knocks again after a second */
    CHECK(http_server_connections(s->server) == 0 && !http_server_is_over(s->server));
    look(arg);
}

TEST(draining_answers_whom_the_kernel_let_in_and_lets_nobody_in_after_them) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    on_loop(s, connect_and_drain);
    CHECK(raw_read_all(fd_of_last, &out));
    CHECK(strstr(out.ptr, "[GET /last ]") && strstr(out.ptr, "Connection: close\r\n"));
    while (!http_server_is_over(s->server))
        sched_yield();
    close(fd_of_last);
    close(fd_of_late);
    buf_fini(&out);
    site_down(s);
}

static void share_and_drain(void *arg) {
    struct site *s = ((struct asked *)arg)->site;
    http_server_share(s->server);
    http_server_drain(s->server);
    fd_of_late = raw_connect(s->port); /* let in by the kernel: others listen on */
    look(arg);
}

TEST(draining_leaves_whoever_waits_at_a_shared_socket_to_those_who_share_it) {
    struct site *s = site_up(NULL);
    int shared = dup(s->fd), fd;
    on_loop(s, share_and_drain);
    while (!http_server_is_over(s->server))
        sched_yield();
    struct pollfd waits = { .fd = shared, .events = POLLIN };
    CHECK_INT(poll(&waits, 1, 5000), 1);
    CHECK((fd = accept(shared, NULL, NULL)) >= 0);
    close(fd);
    close(fd_of_late);
    close(shared);
    site_down(s);
}

static void dismiss(void *arg) {
    http_server_dismiss(((struct asked *)arg)->site->server);
    look(arg);
}

TEST(dismissed_connections_end_after_their_next_answer_and_new_ones_are_taken) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 }, more = { 0 };
    int kept = raw_connect(s->port);
    raw_send(kept, STR(GET("/1")));
    CHECK(raw_read_until(kept, &out, "[GET /1 ]", 1));
    CHECK(!strstr(out.ptr, "Connection: close"));
    on_loop(s, dismiss);
    raw_send(kept, STR(GET("/2")));
    CHECK(raw_read_all(kept, &out));
    CHECK(strstr(out.ptr, "[GET /2 ]") && strstr(out.ptr, "Connection: close\r\n"));
    talk(s, STR(GET("/3")), &more);
    CHECK(strstr(more.ptr, "[GET /3 ]") && strstr(more.ptr, "Connection: close\r\n"));
    close(kept);
    buf_fini(&out);
    buf_fini(&more);
    site_down(s);
}

TEST(draining_waits_a_moment_for_the_first_request_of_a_new_connection) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 }, nothing = { 0 };
    int fresh = raw_connect(s->port), silent = raw_connect(s->port), idle = raw_connect(s->port);
    raw_send(idle, STR(GET("/1")));
    CHECK(raw_read_until(idle, &out, "[GET /1 ]", 1));
    on_loop(s, drain);
    CHECK(raw_read_all(idle, &out)); /* closed: nobody is let in any more */
    buf_clear(&out);
    raw_send(fresh, STR(GET("/first")));
    CHECK(raw_read_all(fresh, &out));
    CHECK(strstr(out.ptr, "[GET /first ]"));
    CHECK(raw_read_all(silent, &nothing)); /* not for ever */
    CHECK_INT(nothing.len, 0);
    close(idle);
    close(fresh);
    close(silent);
    buf_fini(&out);
    buf_fini(&nothing);
    site_down(s);
}

TEST(draining_closes_the_idle_soon_and_the_busy_after_their_answer) {
    struct site *s = site_up(NULL);
    int idle = raw_connect(s->port), busy = raw_connect(s->port), slow = raw_connect(s->port);
    int small = SMALL_BYTES;
    setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    struct buf out = { 0 }, answer = { 0 }, whole = { 0 };
    raw_send(idle, STR(GET("/1")));
    CHECK(raw_read_until(idle, &out, "[GET /1 ]", 1));
    raw_send(slow, STR(GET("/large")));
    CHECK(raw_read_until(slow, &whole, "LLLL", 1)); /* its answer is under way */
    raw_send(busy, STR(GET("/hold")));
    await_held(s);
    on_loop(s, drain);
    CHECK(raw_read_all(idle, &out));
    CHECK_INT(count_of(&out, "HTTP/1.1"), 1);
    let_go(s);
    CHECK(raw_read_all(busy, &answer));
    CHECK(strstr(answer.ptr, "[GET /hold ]") && strstr(answer.ptr, "Connection: close\r\n"));
    CHECK(raw_read_all(slow, &whole)); /* closed as soon as it is written, not when idle too long */
    CHECK(whole.len > LARGE_BYTES);
    close(idle);
    close(busy);
    close(slow);
    buf_fini(&out);
    buf_fini(&answer);
    buf_fini(&whole);
    site_down(s);
}

TEST(a_request_that_finds_no_fiber_is_told_to_come_back) {
    fibers_max_of_next = 1;
    struct site *s = site_up(NULL);
    fibers_max_of_next = 0;
    struct buf out = { 0 };
    int fd = raw_connect(s->port);
    raw_send(fd, STR(GET("/hold")));
    await_held(s);
    talk(s, STR(GET("/x")), &out);
    CHECK(str_starts(buf_view(&out), STR("HTTP/1.1 503 ")));
    let_go(s);
    buf_clear(&out);
    CHECK(raw_read_until(fd, &out, "[GET /hold ]", 1));
    close(fd);
    buf_fini(&out);
    site_down(s);
}

/* --- answers in pieces ----------------------------------------------------------------------- */

static void spin_until(struct site *s, atomic_int *counter, int wanted) {
    while (atomic_load(counter) < wanted)
        on_loop(s, look);
}

/* A connection whose stream has said hello. */
static int stream_opened(struct site *s, const char *request, struct buf *out) {
    int fd = raw_connect(s->port);
    atomic_store(&s->streaming, false);
    raw_send(fd, str_of(request));
    CHECK(raw_read_until(fd, out, "hello", 1));
    while (!atomic_load(&s->streaming))
        on_loop(s, look);
    return fd;
}

static void ring_for(struct site *s, int bytes) {
    int before = atomic_load(&s->written), ended = atomic_load(&s->streamed);
    atomic_store(&s->piece_bytes, bytes);
    http_stream_ring(s->stream);
    while (atomic_load(&s->written) == before && atomic_load(&s->streamed) == ended)
        on_loop(s, look);
}

TEST(a_stream_sends_its_pieces_as_chunks_and_is_no_request_in_hand) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    int fd = stream_opened(s, GET("/stream"), &out);
    CHECK(strstr(out.ptr, "Transfer-Encoding: chunked\r\n") && !strstr(out.ptr, "Content-Length"));
    CHECK_INT(on_loop(s, look_busy), 0);
    ring_for(s, 17);
    CHECK(raw_read_until(fd, &out, "LLL\r\n", 1));
    ring_for(s, 0);
    CHECK(raw_read_all(fd, &out));
    CHECK_TEXT(strstr(out.ptr, "\r\n\r\n") + 4,
               "5\r\nhello\r\n11\r\nLLLLLLLLLLLLLLLLL\r\n0\r\n\r\n");
    close(fd);
    spin_until(s, &s->left, 1);
    buf_fini(&out);
    site_down(s);
}

TEST(in_http_1_0_a_stream_is_plain_and_ends_with_its_connection) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    int fd = stream_opened(s, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &out);
    ring_for(s, 3);
    CHECK(raw_read_until(fd, &out, "helloLLL", 1));
    ring_for(s, 0);
    CHECK(raw_read_all(fd, &out));
    CHECK_TEXT(strstr(out.ptr, "\r\n\r\n") + 4, "helloLLL");
    CHECK(!strstr(out.ptr, "Transfer-Encoding"));
    close(fd);
    buf_fini(&out);
    site_down(s);
}

TEST(head_of_a_stream_opens_none) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    talk(s, STR("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n"), &out);
    CHECK_TEXT(strstr(out.ptr, "\r\n\r\n") + 4, "");
    CHECK_INT(atomic_load(&s->streamed), 0);
    buf_fini(&out);
    site_down(s);
}

TEST(a_stream_notices_that_its_client_left_also_one_that_sent_too_much) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 }, more = { 0 };
    buf_text(&more, GET("/stream"));
    for (int i = 0; i < 20000; i++)
        buf_text(&more, GET("/never"));
    for (int i = 0; i < 2; i++) {
        buf_clear(&out);
        int fd = stream_opened(s, i ? more.ptr : GET("/stream"), &out);
        close(fd);
        spin_until(s, &s->streamed, i + 1);
        spin_until(s, &s->left, i + 1);
    }
    CHECK_INT(atomic_load(&s->handled), 2);
    buf_fini(&more);
    buf_fini(&out);
    site_down(s);
}

TEST(who_does_not_read_a_stream_is_cut) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    int fd = stream_opened(s, GET("/stream"), &out), pieces = 0;
    for (; atomic_load(&s->streamed) == 0 && pieces < 5000; pieces++)
        ring_for(s, 16 << 10);
    CHECK(pieces >= HTTP_STREAM_BACKLOG_MAX / (16 << 10) && pieces < 5000);
    CHECK(!raw_read_all(fd, &out)); /* reset */
    close(fd);
    spin_until(s, &s->left, 1);
    buf_fini(&out);
    site_down(s);
}

TEST(who_reads_nothing_of_a_stream_for_the_write_limit_is_cut) {
    struct site *s = site_up(&(struct http_limits){ 100, 5000, 5000, 5000, 300, 1 << 20 });
    struct buf out = { 0 };
    int fd = stream_opened(s, GET("/stream"), &out);
    for (int i = 0; i < 5000 && atomic_load(&s->streamed) == 0; i++) {
        ring_for(s, 1000); /* it gathers slowly: the time is over before the room is */
        if (i > 200)
            usleep(1000);
    }
    CHECK_INT(atomic_load(&s->streamed), 1);
    close(fd);
    buf_fini(&out);
    site_down(s);
}

TEST(draining_ends_streams_cleanly_and_at_once) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    int fd = stream_opened(s, GET("/stream"), &out);
    on_loop(s, drain);
    CHECK(raw_read_all(fd, &out));
    CHECK_TEXT(out.ptr + out.len - 7, "\r\n0\r\n\r\n");
    close(fd);
    spin_until(s, &s->left, 1);
    buf_fini(&out);
    site_down(s);
}

TEST(a_ring_before_the_stream_waits_is_kept) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    for (int i = 0; i < 50; i++) {
        atomic_store(&s->piece_bytes, 1);
        buf_clear(&out);
        int fd = stream_opened(s, GET("/stream"), &out);
        for (int k = 0; k < 3; k++)
            http_stream_ring(s->stream);
        spin_until(s, &s->written, i + 1);
        close(fd);
        spin_until(s, &s->streamed, i + 1);
        atomic_store(&s->written, i + 1);
    }
    buf_fini(&out);
    site_down(s);
}

enum { MUCH_BYTES = 300000 };

/* A connection on which all but the last byte of a body was sent. */
static int almost_sent(struct site *s, const char *path) {
    struct buf request = { 0 };
    int fd = raw_connect(s->port);
    buf_printf(&request, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", path,
               MUCH_BYTES);
    buf_put(&request, s->large, MUCH_BYTES - 1);
    raw_send(fd, buf_view(&request));
    buf_fini(&request);
    return fd;
}

static size_t held_by(struct http_memory *m, struct site *s, size_t bytes) {
    while (atomic_load(&m->held) < bytes)
        on_loop(s, look);
    return atomic_load(&m->held);
}

/* Sends the last byte, and sees what the answer begins with. */
static void end_with(int fd, const char *last, const char *expected) {
    struct buf out = { 0 };
    raw_send(fd, str_of(last));
    CHECK(raw_read_until(fd, &out, "\r\n\r\n", 1));
    CHECK(str_starts(buf_view(&out), str_of(expected)));
    buf_fini(&out);
    close(fd);
}

TEST(when_bodies_hold_all_there_is_the_slowest_gives_way) {
    struct http_memory m = { .max = 350000 };
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    limits.memory = &m;
    struct site *s = site_up(&limits);
    int first = almost_sent(s, "/much");
    CHECK(held_by(&m, s, MUCH_BYTES) <= m.max);
    int second = almost_sent(s, "/much");
    end_with(first, "", "HTTP/1.1 503");
    end_with(second, "L", "HTTP/1.1 200");
    site_down(s);
    CHECK_INT(atomic_load(&m.held), 0);
}

TEST(what_is_proven_has_a_reserve_and_does_not_give_way) {
    struct http_memory m = { .max = 700000, .reserve = 350000 };
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    limits.memory = &m;
    struct site *s = site_up(&limits);
    int known = almost_sent(s, "/known");
    held_by(&m, s, MUCH_BYTES);
    int first = almost_sent(s, "/much");
    end_with(
        first, "",
        "HTTP/1.1 503"); /* what is proven has taken what there was, and the reserve is its own */
    end_with(known, "L", "HTTP/1.1 200");
    site_down(s);
    CHECK_INT(atomic_load(&m.held), 0);
}

TEST(a_long_answer_says_its_length_and_comes_whole_at_the_pace_of_its_reader) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    for (int i = 0; i < 20; i++) {
        buf_clear(&out);
        int fd = raw_connect(s->port);
        raw_send(fd, STR(GET("/long")));
        CHECK(raw_read_all(fd, &out));
        CHECK(strstr(out.ptr, "Content-Length: 8388608\r\n") && !strstr(out.ptr, "chunked"));
        CHECK_INT(out.len - (size_t)(strstr(out.ptr, "\r\n\r\n") + 4 - out.ptr), LONG_BYTES);
        close(fd);
    }
    CHECK_INT(atomic_load(&s->streamed), 20);
    buf_fini(&out);
    site_down(s);
}

TEST(a_long_answer_that_falls_short_is_reset) {
    static const char *const ASKED[] = { GET("/short"), GET("/broken"),
                                         "GET /broken HTTP/1.0\r\n\r\n" };
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(ASKED); i++) {
        int fd = raw_connect(s->port);
        raw_send(fd, str_of(ASKED[i]));
        CHECK(!raw_read_all(fd, &out));
        CHECK_INT(errno, ECONNRESET);
        close(fd);
    }
    buf_fini(&out);
    site_down(s);
}

TEST(draining_waits_for_a_long_answer) {
    struct site *s = site_up(NULL);
    struct buf out = { 0 };
    int fd = raw_connect(s->port);
    raw_send(fd, STR(GET("/long")));
    spin_until(s, &s->handled, 1);
    on_loop(s, drain);
    CHECK_INT(atomic_load(&s->streamed), 0); /* nobody reads yet */
    CHECK(raw_read_all(fd, &out));
    CHECK_INT(out.len - (size_t)(strstr(out.ptr, "\r\n\r\n") + 4 - out.ptr), LONG_BYTES);
    close(fd);
    buf_fini(&out);
    site_down(s);
}

TEST(streams_take_no_place_among_the_fibers) {
    fibers_max_of_next = 2;
    struct site *s = site_up(NULL);
    fibers_max_of_next = 0;
    struct buf out = { 0 };
    int fds[8];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        buf_clear(&out);
        fds[i] = stream_opened(s, GET("/stream"), &out);
    }
    buf_clear(&out);
    talk(s, STR(GET_LAST("/x")), &out);
    CHECK(strstr(out.ptr, "[GET /x ]") != NULL);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    spin_until(s, &s->left, ARRAY_LEN(fds));
    buf_fini(&out);
    site_down(s);
}
