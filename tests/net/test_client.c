#include "test.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/fiber.h"
#include "net/client.h"
#include "net/loop.h"
#include "net/rude.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

struct fetches {
    struct client *client;
    struct client_call *calls;
    size_t count, at_once, next, left;
};

__attribute__((constructor)) static void before_all(void) {
    signal(SIGPIPE, SIG_IGN);
    client_global_init();
}

static void fetch_some(void *arg) {
    struct fetches *f = arg;
    while (f->next < f->count)
        client_fetch(f->client, &f->calls[f->next++]);
    if (--f->left == 0) {
        loop_stop(loop_self());
    }
}

/* Runs the calls on a loop of their own, so many at once. */
static void fetch_all(struct client_call *calls, size_t count, size_t at_once) {
    struct loop *l = loop_new(0);
    struct fetches f = { client_new(l), calls, count, at_once, 0, at_once };
    for (size_t i = 0; i < at_once; i++)
        CHECK(fiber_run(fetch_some, &f));
    if (fiber_alive() == 0)
        loop_stop(l);
    loop_run(l);
    CHECK_INT(fiber_alive(), 0);
    client_free(f.client);
    loop_free(l); /* returns only when every handle is closed */
}

static struct client_call get(struct arena *a, int port, const char *path) {
    return (struct client_call){ .method = "GET",
                                 .url = arena_printf(a, "http://127.0.0.1:%d%s", port, path),
                                 .timeout_ms = 5000,
                                 .first_byte_ms = 4000,
                                 .body_max_bytes = 1 << 20,
                                 .arena = a };
}

static enum rude_then hello(void *arg, const struct rude_request *r, struct buf *out) {
    buf_text(out, OK_HELLO);
    return RUDE_KEEP;
}

TEST(brings_status_body_and_the_headers_that_matter) {
    struct arena *a = arena_new(1 << 20);
    struct rude *r = rude_start(hello, NULL);
    struct client_call c = get(a, r->port, "/");
    fetch_all(&c, 1, 1);
    CHECK_INT(c.result, CLIENT_DONE);
    CHECK_INT(c.status, 200);
    CHECK(str_is(c.answer, "hello"));
    CHECK_TEXT(c.content_type, "text/plain");
    CHECK(!c.retry_after && !c.date && c.left_host && !c.reused && c.took_us > 0);
    rude_stop(r);
    arena_free(a);
}

TEST(a_kept_connection_is_used_again) {
    struct arena *a = arena_new(1 << 20);
    struct rude *r = rude_start(hello, NULL);
    struct client_call c[5];
    for (int i = 0; i < 5; i++)
        c[i] = get(a, r->port, "/");
    fetch_all(c, 5, 1);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(c[i].result, CLIENT_DONE);
        CHECK(c[i].reused == (i > 0));
    }
    CHECK_INT(atomic_load(&r->connections), 1);
    rude_stop(r);
    arena_free(a);
}

static enum rude_then see_post(void *arg, const struct rude_request *r, struct buf *out) {
    *(bool *)arg = str_starts(r->head, STR("POST /x ")) && str_is(r->body, "{\"a\":1}") &&
                   str_find(r->head, STR("X-Thing: yes\r\n")) > 0 &&
                   str_find(r->head, STR("Expect:")) < 0;
    buf_text(out, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nDate: Fri, 20 Nov 2026 08:00:00 GMT\r\n"
                  "Content-Length: 0\r\n\r\n");
    return RUDE_KEEP;
}

TEST(sends_method_headers_and_body_as_they_are) {
    struct arena *a = arena_new(1 << 20);
    bool seen = false;
    struct rude *r = rude_start(see_post, &seen);
    struct client_call c = get(a, r->port, "/x");
    c.method = "POST";
    c.body = STR("{\"a\":1}");
    c.headers = (const char *const[]){ "X-Thing: yes" };
    c.header_count = 1;
    fetch_all(&c, 1, 1);
    CHECK(seen && c.status == 503);
    CHECK_TEXT(c.retry_after, "7");
    CHECK_TEXT(c.date, "Fri, 20 Nov 2026 08:00:00 GMT");
    rude_stop(r);
    arena_free(a);
}

TEST(a_closed_port_means_nothing_left_this_host) {
    struct arena *a = arena_new(1 << 20);
    int port, fd = rude_listen(&port);
    close(fd);
    struct client_call c = get(a, port, "/");
    fetch_all(&c, 1, 1);
    CHECK_INT(c.result, CLIENT_UNREACHED);
    CHECK(!c.left_host && c.status == 0);
    arena_free(a);
}

static enum rude_then say(void *arg, const struct rude_request *r, struct buf *out) {
    buf_text(out, arg);
    return RUDE_CLOSE;
}

static enum rude_then say_nothing(void *arg, const struct rude_request *r, struct buf *out) {
    return RUDE_SILENCE;
}

static enum rude_then reset(void *arg, const struct rude_request *r, struct buf *out) {
    return RUDE_RESET;
}

static struct client_call one(rude_script *script, void *arg, struct arena *a) {
    struct rude *r = rude_start(script, arg);
    struct client_call c = get(a, r->port, "/");
    c.timeout_ms = script == say_nothing ? 5000 : 400;
    c.first_byte_ms = script == say_nothing ? 200 : 400;
    c.body_max_bytes = 1000;
    fetch_all(&c, 1, 1);
    rude_stop(r);
    return c;
}

/* Runs the call on a loop that may open no more descriptors than it has. */
static void fetch_starved(struct client_call *call) {
    struct rlimit was, now;
    struct loop *l = loop_new(0);
    struct fetches f = { client_new(l), call, 1, 1, 0, 1 };
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &was), 0);
    int next = dup(0);
    close(next);
    now = (struct rlimit){ .rlim_cur = (rlim_t)next, .rlim_max = was.rlim_max };
    CHECK(next > 0 && setrlimit(RLIMIT_NOFILE, &now) == 0);
    CHECK(fiber_run(fetch_some, &f));
    if (fiber_alive() == 0)
        loop_stop(l);
    loop_run(l);
    setrlimit(RLIMIT_NOFILE, &was);
    client_free(f.client);
    loop_free(l);
}

TEST(no_descriptor_for_a_socket_is_our_own_trouble) {
    struct arena *a = arena_new(1 << 20);
    struct rude *p = rude_start(hello, NULL);
    struct client_call c = get(a, p->port, "/a");
    fetch_starved(&c);
    CHECK_INT(c.result, CLIENT_STARVED);
    CHECK(!c.left_host);
    fetch_all(&c, 1, 1);
    CHECK_INT(c.result, CLIENT_DONE);
    rude_stop(p);
    arena_free(a);
}

static void stand_still(void *arg) {
    struct timespec pause = { .tv_sec = 2 };
    fiber_sleep(100);
    nanosleep(&pause, NULL); /* the loop, not the fiber */
}

static enum rude_then after_a_while(void *arg, const struct rude_request *r, struct buf *out) {
    struct timespec pause = { .tv_nsec = 300 * 1000 * 1000 };
    nanosleep(&pause, NULL);
    buf_text(out, OK_HELLO);
    return RUDE_KEEP;
}

TEST(a_process_that_stood_still_says_so_and_blames_nobody) {
    struct arena *a = arena_new(1 << 20);
    struct rude *p = rude_start(after_a_while, NULL);
    struct client_call c = get(a, p->port, "/a");
    c.timeout_ms = c.first_byte_ms = 1000;
    struct loop *l = loop_new(0);
    struct fetches f = { client_new(l), &c, 1, 1, 0, 1 };
    CHECK(fiber_run(fetch_some, &f) && fiber_run(stand_still, NULL));
    loop_run(l);
    client_free(f.client);
    loop_free(l);
    CHECK(c.was_late);
    c.timeout_ms = c.first_byte_ms = 5000;
    fetch_all(&c, 1, 1);
    CHECK_INT(c.result, CLIENT_DONE);
    CHECK(!c.was_late);
    rude_stop(p);
    arena_free(a);
}

static enum rude_then hang_up(void *arg, const struct rude_request *r, struct buf *out) {
    return RUDE_RESET;
}

static void stand_still_then_fetch(void *arg) {
    stand_still(NULL);
    fetch_some(arg);
}

TEST(what_is_begun_right_after_standing_still_blames_nobody_either) {
    struct arena *a = arena_new(1 << 20);
    struct rude *p = rude_start(hang_up, NULL);
    struct client_call c = get(a, p->port, "/a");
    struct loop *l = loop_new(0);
    struct fetches f = { client_new(l), &c, 1, 1, 0, 1 };
    CHECK(fiber_run(stand_still_then_fetch, &f));
    loop_run(l);
    client_free(f.client);
    loop_free(l);
    CHECK(c.result != CLIENT_DONE && c.was_late);
    fetch_all(&c, 1, 1);
    CHECK(c.result != CLIENT_DONE && !c.was_late);
    rude_stop(p);
    arena_free(a);
}

static void block_the_loop(void *arg) {
    struct timespec pause = { .tv_nsec = 150 * 1000 * 1000 };
    nanosleep(&pause, NULL);
}

/* curl closes a socket that it has not come to use without a word. Its watch would be registered with a
 * descriptor that is closed, and libuv ends the process for that. */
TEST(a_call_that_is_over_before_its_socket_is_watched_ends_nothing) {
    for (int i = 0; i < 10; i++) {
        struct arena *a = arena_new(1 << 20);
        struct rude *p = rude_start(hello, NULL);
        struct client_call c = get(a, p->port, "/a");
        c.timeout_ms = c.first_byte_ms = 50 + i;
        struct loop *l = loop_new(0);
        struct fetches f = { client_new(l), &c, 1, 1, 0, 1 };
        CHECK(fiber_run(fetch_some, &f) && fiber_run(block_the_loop, NULL));
        loop_run(l);
        CHECK(c.result == CLIENT_TIMEOUT || c.result == CLIENT_DONE);
        client_free(f.client);
        loop_free(l);
        rude_stop(p);
        arena_free(a);
    }
}

TEST(no_first_byte_in_time_is_a_timeout_after_the_request_left) {
    struct arena *a = arena_new(1 << 20);
    struct client_call c = one(say_nothing, NULL, a);
    CHECK_INT(c.result, CLIENT_TIMEOUT);
    CHECK(c.left_host && c.took_us >= 199000 && c.took_us < 4000000);
    arena_free(a);
}

static enum rude_then half(void *arg, const struct rude_request *r, struct buf *out) {
    buf_text(out, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal");
    return RUDE_SILENCE;
}

TEST(a_body_that_does_not_end_meets_the_time_limit_of_the_whole) {
    struct arena *a = arena_new(1 << 20);
    struct client_call c = one(half, NULL, a);
    CHECK_INT(c.result, CLIENT_TIMEOUT);
    CHECK(c.left_host && c.took_us >= 380000);
    arena_free(a);
}

TEST(a_body_below_one_kibibyte_a_second_is_not_waited_for_to_the_end) {
    struct arena *a = arena_new(1 << 20);
    struct rude *r = rude_start(half, NULL);
    struct client_call c = get(a, r->port, "/");
    fetch_all(&c, 1, 1);
    CHECK_INT(c.result, CLIENT_TIMEOUT);
    CHECK(c.too_slow && c.took_us >= 990000 && c.took_us < 4500000); /* timers count in ms */
    rude_stop(r);
    arena_free(a);
}

TEST(a_reset_or_a_cut_is_broken) {
    struct arena *a = arena_new(1 << 20);
    struct client_call c = one(reset, NULL, a);
    CHECK_INT(c.result, CLIENT_BROKEN);
    CHECK(c.left_host);
    static const char *const BAD[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        "",
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        c = one(say, (void *)BAD[i], a);
        if (c.result != CLIENT_BROKEN)
            print_error("not broken but %d: %s\n", c.result, BAD[i]);
        CHECK_INT(c.result, CLIENT_BROKEN);
        CHECK(c.left_host);
    }
    arena_free(a);
}

TEST(something_else_than_http_or_a_length_that_cannot_be_true_is_garbled) {
    struct arena *a = arena_new(1 << 20);
    static const char *const BAD[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "<html>hello</html>",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nhello",
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct client_call c = one(say, (void *)BAD[i], a);
        if (c.result != CLIENT_GARBLED)
            print_error("not garbled but %d: %s\n", c.result, BAD[i]);
        CHECK_INT(c.result, CLIENT_GARBLED);
        CHECK(c.left_host);
    }
    arena_free(a);
}

TEST(what_an_interim_answer_says_does_not_count_for_the_final_one) {
    struct arena *a = arena_new(1 << 20);
    static const char SAID[] = "HTTP/1.1 100 Continue\r\n\r\n"
                               "HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n" OK_HELLO;
    struct client_call c = one(say, (void *)SAID, a);
    CHECK(c.result == CLIENT_DONE && c.status == 200 && str_is(c.answer, "hello"));
    CHECK(!c.retry_after);
    arena_free(a);
}

static enum rude_then long_head(void *arg, const struct rude_request *r, struct buf *out) {
    buf_text(out, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 70; i++)
        buf_printf(out, "X-%d: %01000d\r\n", i, 0);
    buf_text(out, "Content-Length: 5\r\n\r\nhello");
    return RUDE_KEEP;
}

static enum rude_then large(void *arg, const struct rude_request *r, struct buf *out) {
    buf_text(out, "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n");
    for (int i = 0; i < 1001; i++)
        buf_char(out, 'x');
    return RUDE_KEEP;
}

static enum rude_then endless(void *arg, const struct rude_request *r, struct buf *out) {
    buf_text(out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 300; i++)
        buf_text(out, "8\r\nxxxxxxxx\r\n");
    return RUDE_SILENCE;
}

TEST(an_answer_over_its_limit_is_cut_off) {
    struct arena *a = arena_new(1 << 20);
    CHECK_INT(one(large, NULL, a).result, CLIENT_TOO_LARGE);
    CHECK_INT(one(endless, NULL, a).result, CLIENT_TOO_LARGE);
    CHECK_INT(one(long_head, NULL, a).result, CLIENT_GARBLED);
    arena_free(a);
}

static const char WORDS[] = "abcdefghijklmnopqrstuvw"; /* its length divides no buffer's */
enum { FLOOD_BYTES = (sizeof WORDS - 1) * 200000, PIECE_BYTES = 64 << 10 };

/* What came, and how often the loop came round meanwhile. */
struct flood {
    struct client_call call;
    size_t bytes, turns;
    bool is_wrong;
};

static enum rude_then flood(void *arg, const struct rude_request *r, struct buf *out) {
    buf_printf(out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", FLOOD_BYTES);
    for (int i = 0; i < FLOOD_BYTES / (int)(sizeof WORDS - 1); i++)
        buf_text(out, WORDS);
    return RUDE_KEEP;
}

/* Works as long as a turn may take, for each piece. */
static bool count_flood(void *arg, int status, struct str bytes) {
    struct flood *f = arg;
    clock_t began = clock();
    while ((f->bytes + bytes.len) / PIECE_BYTES > f->bytes / PIECE_BYTES &&
           clock() - began < 6 * CLOCKS_PER_SEC / 1000) {
    }
    for (size_t i = 0; i < bytes.len; i++)
        f->is_wrong |= bytes.ptr[i] != WORDS[f->bytes++ % (sizeof WORDS - 1)];
    return true;
}

static void count_turn(uv_prepare_t *p) {
    ((struct flood *)p->data)->turns++;
}

static void fetch_floods(void *arg) {
    struct flood *both = arg;
    uv_prepare_t turns;
    uv_prepare_init(loop_uv(loop_self()), &turns);
    uv_prepare_start(&turns, count_turn);
    for (int i = 0; i < 2; i++) {
        turns.data = &both[i];
        client_fetch(client_self(), &both[i].call);
    }
    uv_close((uv_handle_t *)&turns, NULL);
    fiber_sleep(1);
    loop_stop(loop_self());
}

TEST(whoever_sends_without_a_pause_does_not_have_the_loop_for_itself) {
    struct arena *a = arena_new(1 << 20);
    struct rude *r = rude_start(flood, NULL);
    struct loop *l = loop_new(0);
    struct client *client = client_new(l);
    struct flood both[2] = { 0 }; /* the second over the connection of the first */
    for (int i = 0; i < 2; i++) {
        both[i].call = get(a, r->port, "/");
        both[i].call.body_max_bytes = FLOOD_BYTES;
        both[i].call.take = count_flood;
        both[i].call.take_arg = &both[i];
    }
    CHECK(fiber_run(fetch_floods, both));
    loop_run(l);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(both[i].call.result, CLIENT_DONE);
        CHECK_INT(both[i].call.reused, i);
        CHECK_INT(both[i].bytes, FLOOD_BYTES);
        CHECK(!both[i].is_wrong);
        CHECK(both[i].turns >= FLOOD_BYTES / PIECE_BYTES / 2);
    }
    client_free(client);
    loop_free(l);
    rude_stop(r);
    arena_free(a);
}

static enum rude_then redirect(void *arg, const struct rude_request *r, struct buf *out) {
    buf_text(out, "HTTP/1.1 302 Found\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n");
    return RUDE_KEEP;
}

TEST(no_redirect_is_followed) {
    struct arena *a = arena_new(1 << 20);
    struct rude *r = rude_start(redirect, NULL);
    struct client_call c = get(a, r->port, "/");
    fetch_all(&c, 1, 1);
    CHECK(c.result == CLIENT_DONE && c.status == 302);
    CHECK_INT(atomic_load(&r->requests), 1);
    rude_stop(r);
    arena_free(a);
}

/* Answers the first request and hangs up on the second without a word, on the same connection. */
static enum rude_then answer_once(void *arg, const struct rude_request *r, struct buf *out) {
    if (str_find(r->head, STR("GET ")) == 0) {
        buf_text(out, OK_HELLO);
        return RUDE_KEEP;
    }
    return RUDE_CLOSE;
}

TEST(what_must_not_repeat_is_sent_once_even_when_a_kept_connection_dies_under_it) {
    struct arena *a = arena_new(1 << 20);
    struct rude *r = rude_start(answer_once, NULL);
    struct client_call c[2] = { get(a, r->port, "/"), get(a, r->port, "/call") };
    c[1].method = "POST";
    c[1].body = STR("x");
    c[1].fresh = true;
    fetch_all(c, 2, 1);
    CHECK_INT(c[0].result, CLIENT_DONE);
    CHECK_INT(c[1].result, CLIENT_BROKEN);
    CHECK(c[1].left_host);
    CHECK_INT(atomic_load(&r->requests), 2);
    rude_stop(r);
    arena_free(a);
}

/* Every connection answers one request and dies under the next. */
static enum rude_then one_each(void *arg, const struct rude_request *r, struct buf *out) {
    static int last;
    bool is_new = r->connection != last;
    last = r->connection;
    if (is_new)
        buf_text(out, OK_HELLO);
    return is_new ? RUDE_KEEP : RUDE_CLOSE;
}

TEST(a_kept_connection_that_dies_is_replaced_only_where_the_call_allows_it_and_that_is_said) {
    struct arena *a = arena_new(1 << 20);
    struct rude *r = rude_start(one_each, NULL);
    struct client_call c[3];
    for (int i = 0; i < 3; i++)
        c[i] = get(a, r->port, "/");
    c[1].may_resend = true;
    fetch_all(c, 3, 1);
    CHECK(c[0].result == CLIENT_DONE && !c[0].resent);
    CHECK(c[1].result == CLIENT_DONE && c[1].resent && !c[1].reused);
    CHECK(c[2].result == CLIENT_BROKEN && !c[2].resent && c[2].left_host);
    CHECK_INT(atomic_load(&r->requests), 4);
    rude_stop(r);
    arena_free(a);
}

static size_t open_files(void) {
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

TEST(a_thousand_calls_at_once_all_end_and_leave_nothing_open) {
    enum { CALLS = 1000 };
    struct arena *a = arena_new(64 << 20);
    size_t before = open_files();
    struct rude *r = rude_start(hello, NULL);
    struct client_call *c = arena_alloc(a, CALLS * sizeof *c);
    for (int i = 0; i < CALLS; i++) {
        c[i] = get(a, r->port, "/");
        c[i].timeout_ms = c[i].first_byte_ms = 15000;
    }
    fetch_all(c, CALLS, CALLS);
    int done = 0;
    for (int i = 0; i < CALLS; i++)
        done += c[i].result == CLIENT_DONE && str_is(c[i].answer, "hello");
    CHECK_INT(done, CALLS);
    CHECK_INT(atomic_load(&r->requests), CALLS);
    rude_stop(r);
    CHECK_INT(open_files(), before);
    arena_free(a);
}

TEST(an_address_that_was_judged_is_the_only_one_it_connects_to) {
    struct arena *a = arena_new(1 << 20);
    struct rude *r = rude_start(hello, NULL);
    struct address here, elsewhere;
    struct client_call c[4];
    CHECK(address_parse(STR("127.0.0.1"), &here) && address_parse(STR("127.0.0.2"), &elsewhere));
    for (int i = 0; i < 4; i++) {
        c[i] = get(a, r->port, "/");
        c[i].url = arena_printf(a, "http://nowhere.invalid:%d/", r->port);
    }
    c[0].only = c[1].only = &here;
    c[2].only = &elsewhere; /* the kept connection of this name is none to that address */
    fetch_all(c, 4, 1);
    CHECK_INT(c[0].result, CLIENT_DONE);
    CHECK_INT(c[1].result, CLIENT_DONE);
    CHECK(!c[0].reused && c[1].reused);
    CHECK_INT(c[2].result, CLIENT_UNREACHED);
    CHECK_INT(c[3].result, CLIENT_UNREACHED); /* nothing of it stays behind for the next call */
    CHECK_INT(r->connections, 1);
    rude_stop(r);
    arena_free(a);
}

/* --- the head is enough ---------------------------------------------------------------------- */

struct last_words {
    const char *bytes;
    enum rude_then then;
};

static enum rude_then say_then(void *arg, const struct rude_request *r, struct buf *out) {
    const struct last_words *s = arg;
    buf_text(out, s->bytes);
    return s->then;
}

TEST(where_the_head_is_enough_the_status_decides_whatever_becomes_of_the_body) {
    static struct last_words ALL[] = {
        { "HTTP/1.1 201 X\r\nContent-Length: 4\r\n\r\n", RUDE_SILENCE },
        { "HTTP/1.1 201 X\r\nContent-Length: 4\r\n\r\n", RUDE_CLOSE },
        { "HTTP/1.1 201 X\r\nContent-Length: 4\r\n\r\n", RUDE_RESET },
        { "HTTP/1.1 201 X\r\nContent-Length: 4\r\n\r\ndo", RUDE_CLOSE },
        { "HTTP/1.1 201 X\r\nContent-Length: 4\r\n\r\ndo", RUDE_RESET },
        { "HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\nnonsense", RUDE_KEEP },
        { "HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndone\r\n", RUDE_CLOSE },
        { "HTTP/1.1 201 X\r\nContent-Length: 9000000\r\n\r\n", RUDE_SILENCE },
        { "HTTP/1.1 201 X\r\n\r\ndone", RUDE_SILENCE },
    };
    struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(ALL); i++) {
        struct rude *r = rude_start(say_then, &ALL[i]);
        struct client_call c = get(a, r->port, "/");
        c.head_is_enough = c.may_resend = true;
        fetch_all(&c, 1, 1);
        if (c.result != CLIENT_DONE)
            print_error("%s: %d\n", ALL[i].bytes, (int)c.result);
        CHECK_INT(c.result, CLIENT_DONE);
        CHECK_INT(c.status, 201);
        CHECK(!c.resent && c.took_us < 3000000);
        CHECK_INT(atomic_load(&r->requests), 1);
        rude_stop(r);
    }
    arena_free(a);
}

TEST(half_a_head_is_not_enough) {
    static struct last_words half = { "HTTP/1.1 201 X\r\nContent-Length: 4\r\n", RUDE_RESET };
    struct arena *a = arena_new(1 << 20);
    struct rude *r = rude_start(say_then, &half);
    struct client_call c = get(a, r->port, "/");
    c.head_is_enough = true;
    fetch_all(&c, 1, 1);
    CHECK_INT(c.result, CLIENT_BROKEN);
    rude_stop(r);
    arena_free(a);
}

/* --- connecting ------------------------------------------------------------------------------ */

TEST(whoever_does_not_let_us_in_within_its_time_is_not_reached) {
    struct arena *a = arena_new(1 << 20);
    struct silent_port s = silent_start("127.0.0.1", 0);
    struct client_call c = get(a, s.port, "/");
    c.knock_ms = 250;
    fetch_all(&c, 1, 1);
    CHECK_INT(c.result, CLIENT_UNREACHED);
    CHECK(!c.left_host && c.took_us >= 249000 && c.took_us < 2000000);
    silent_stop(&s);
    arena_free(a);
}

TEST(a_connection_that_never_came_about_leaves_nothing_behind) {
    struct arena *a = arena_new(1 << 20);
    struct silent_port s = silent_start("127.0.0.1", 0);
    struct rude *r = rude_start(hello, NULL);
    struct client_call c[4];
    for (int i = 0; i < 4; i++) {
        c[i] = get(a, i % 2 ? r->port : s.port, "/");
        c[i].fresh = true;
    }
    c[0].connect_ms = 100; /* given up by curl */
    c[2].knock_ms = 100;   /* and by us */
    fetch_all(c, 4, 1);
    CHECK_INT(c[0].result, CLIENT_TIMEOUT);
    CHECK_INT(c[1].result, CLIENT_DONE);
    CHECK_INT(c[2].result, CLIENT_UNREACHED);
    CHECK_INT(c[3].result, CLIENT_DONE);
    rude_stop(r);
    silent_stop(&s);
    arena_free(a);
}

TEST(knocking_is_over_once_there_is_a_connection) {
    static struct last_words nothing = { "", RUDE_SILENCE };
    struct arena *a = arena_new(1 << 20);
    struct rude *r = rude_start(say_then, &nothing);
    struct client_call c = get(a, r->port, "/");
    c.knock_ms = 100;
    c.first_byte_ms = 400;
    fetch_all(&c, 1, 1);
    CHECK_INT(c.result, CLIENT_TIMEOUT);
    CHECK(c.left_host && c.took_us >= 399000);
    rude_stop(r);
    arena_free(a);
}

TEST(a_handshake_may_take_as_long_as_connecting_may) {
    static const int64_t MAY_MS[] = { 300, 900 };
    struct arena *a = arena_new(1 << 20);
    int port, listener = rude_listen(&port); /* the kernel lets us in; nobody says a word */
    for (size_t i = 0; i < ARRAY_LEN(MAY_MS); i++) {
        struct client_call c = get(a, port, "/");
        c.url = arena_printf(a, "https://127.0.0.1:%d/", port);
        c.connect_ms = MAY_MS[i];
        c.knock_ms = 100;
        fetch_all(&c, 1, 1);
        CHECK_INT(c.result, CLIENT_TIMEOUT);
        CHECK(!c.left_host && c.took_us >= MAY_MS[i] * 1000 - 1000);
        CHECK(c.took_us < MAY_MS[i] * 1000 + 2000000);
    }
    close(listener);
    arena_free(a);
}
