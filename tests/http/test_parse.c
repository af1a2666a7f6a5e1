#include "test.h"

#include <stdlib.h>

#include "http/parse.h"

static enum http_progress parse(const char *bytes, size_t len, struct http_head *h,
                                struct http_refusal *why) {
    size_t scanned = 0;
    *why = (struct http_refusal){ OK, NULL };
    return http_head_parse(bytes, len, &scanned, h, why);
}

#define HEAD(lines) "GET / HTTP/1.1\r\n" lines "\r\n"
#define POST(lines) "POST / HTTP/1.1\r\nHost: a\r\n" lines "\r\n"

TEST(refuses_every_head_that_two_readers_could_read_differently) {
    static const struct {
        const char *name, *text;
        size_t len;
    } BAD[] = {
#define BAD(name, text) { name, text, sizeof(text) - 1 }
        BAD("second length, equal", POST("Content-Length: 3\r\nContent-Length: 3\r\n")),
        BAD("second length, other", POST("Content-Length: 3\r\nContent-Length: 4\r\n")),
        BAD("length +3", POST("Content-Length: +3\r\n")),
        BAD("length -1", POST("Content-Length: -1\r\n")),
        BAD("length list", POST("Content-Length: 3, 3\r\n")),
        BAD("length hex", POST("Content-Length: 0x3\r\n")),
        BAD("length empty", POST("Content-Length:\r\n")),
        BAD("length overflow", POST("Content-Length: 99999999999999999999\r\n")),
        BAD("length and coding", POST("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")),
        BAD("coding gzip, chunked", POST("Transfer-Encoding: gzip, chunked\r\n")),
        BAD("coding identity", POST("Transfer-Encoding: identity\r\n")),
        BAD("coding twice", POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
        BAD("coding xchunked", POST("Transfer-Encoding: xchunked\r\n")),
        BAD("coding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        BAD("bare LF line", "GET / HTTP/1.1\nHost: a\n\n"),
        BAD("bare LF before the end", "GET / HTTP/1.1\r\nHost: a\n\r\n"),
        BAD("bare CR", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"),
        BAD("NUL in value", "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"),
        BAD("NUL in target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("blank before colon", HEAD("Host : a\r\n")),
        BAD("folded line", HEAD("Host: a\r\nX: b\r\n c\r\n")),
        BAD("folded with tab", HEAD("Host: a\r\nX: b\r\n\tc\r\n")),
        BAD("no name", HEAD("Host: a\r\n: x\r\n")),
        BAD("no colon", HEAD("Host: a\r\nfoo\r\n")),
        BAD("no Host", HEAD("X: y\r\n")),
        BAD("two Hosts", HEAD("Host: a\r\nHost: a\r\n")),
        BAD("Host with path", HEAD("Host: a/b\r\n")),
        BAD("Host with user", HEAD("Host: u@a\r\n")),
        BAD("blank in target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("tab separators", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("tab in Host", HEAD("Host: a\tb\r\n")),
        BAD("tab before a length", POST("Content-Length:\t3\r\n")),
        BAD("tab before a coding", POST("Transfer-Encoding:\tchunked\r\n")),
        BAD("control character", HEAD("Host: a\r\nX: \x0b\r\n")),
        BAD("lower case method", "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("method characters", "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        BAD("HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        BAD("http/1.1", "GET / http/1.1\r\nHost: a\r\n\r\n"),
        BAD("RTSP", "GET / RTSP/1.0\r\nHost: a\r\n\r\n"),
        BAD("HTTP/0.9", "GET /\r\n\r\n"),
        BAD("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("ftp target", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("relative target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("byte over 127 in target", "GET /\xFF HTTP/1.1\r\nHost: a\r\n\r\n"),
#undef BAD
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct http_head h;
        struct http_refusal why;
        enum http_progress p = parse(BAD[i].text, BAD[i].len, &h, &why);
        if (p != HTTP_REFUSED || !why.detail)
            print_error("accepted: %s\n", BAD[i].name);
        CHECK_INT(p, HTTP_REFUSED);
        CHECK(why.detail && err_info(why.err)->status >= 400);
    }
}

TEST(a_smuggled_byte_anywhere_never_makes_a_head_acceptable) {
    const char good[] = "POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
    char bad[sizeof good];
    for (size_t i = 0; i + 4 < sizeof good; i++) {
        static const char BYTES[] = { 0, '\n', '\r', 1 };
        for (size_t k = 0; k < sizeof BYTES; k++) {
            struct http_head h;
            struct http_refusal why;
            memcpy(bad, good, sizeof good);
            if (bad[i] == BYTES[k])
                continue;
            bad[i] = BYTES[k];
            CHECK_INT(parse(bad, sizeof bad - 1, &h, &why), HTTP_REFUSED);
        }
    }
}

TEST(reads_what_is_well_formed) {
    struct http_head h;
    struct http_refusal why;
    const char *text =
        "PUT http://x.example:80/a/b?c=d HTTP/1.1\r\nHost: y:81\r\n"
        "Connection: foo, close\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\nrest";
    CHECK_INT(parse(text, strlen(text), &h, &why), HTTP_DONE);
    CHECK_INT(h.method, METHOD_PUT);
    CHECK(h.path.len == 4 && memcmp(text + h.path.at, "/a/b", 4) == 0);
    CHECK(h.query.len == 3 && memcmp(text + h.query.at, "c=d", 3) == 0);
    CHECK(h.authority.len == 12 && memcmp(text + h.authority.at, "x.example:80", 12) == 0);
    CHECK(!h.keep_alive && h.expects_continue && h.content_length == 12);
    CHECK_INT(h.head_bytes, strlen(text) - 4);
    CHECK_INT(h.field_count, 4);
}

TEST(http_1_0_closes_unless_it_asks_to_stay) {
    struct http_head h;
    struct http_refusal why;
    CHECK_INT(parse("GET / HTTP/1.0\r\n\r\n", 18, &h, &why), HTTP_DONE);
    CHECK(!h.keep_alive);
    const char *stay = "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n";
    CHECK_INT(parse(stay, strlen(stay), &h, &why), HTTP_DONE);
    CHECK(h.keep_alive);
}

TEST(limits_have_their_own_answers) {
    struct http_head h;
    struct http_refusal why;
    struct buf b = { 0 };
    buf_text(&b, "GET /");
    for (int i = 0; i < 9000; i++)
        buf_char(&b, 'a');
    buf_text(&b, " HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_INT(parse(b.ptr, b.len, &h, &why), HTTP_REFUSED);
    CHECK_INT(why.err, ERR_URI_TOO_LONG);

    buf_clear(&b);
    buf_text(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 64; i++)
        buf_printf(&b, "X-%d: y\r\n", i);
    buf_text(&b, "\r\n");
    CHECK_INT(parse(b.ptr, b.len, &h, &why), HTTP_REFUSED);
    CHECK_INT(why.err, ERR_HEADERS_TOO_LARGE);

    buf_clear(&b);
    buf_text(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    for (int i = 0; i < 17000; i++)
        buf_char(&b, 'a');
    CHECK_INT(parse(b.ptr, b.len, &h, &why), HTTP_REFUSED);
    CHECK_INT(why.err, ERR_HEADERS_TOO_LARGE);
    buf_fini(&b);
}

TEST(a_head_may_come_byte_by_byte) {
    const char *text = HEAD("Host: a\r\nX: y\r\n");
    size_t scanned = 0;
    struct http_head h;
    struct http_refusal why;
    for (size_t i = 1; i < strlen(text); i++)
        CHECK_INT(http_head_parse(text, i, &scanned, &h, &why), HTTP_MORE);
    CHECK_INT(http_head_parse(text, strlen(text), &scanned, &h, &why), HTTP_DONE);
}

/* Decodes in two parts cut at `cut`. */
static enum http_progress decode(const char *text, size_t cut, struct buf *body) {
    struct http_chunks c = { 0 };
    struct http_refusal why;
    size_t len = strlen(text), eaten, made;
    char *bytes = malloc(len + 1);
    memcpy(bytes, text, len + 1);
    enum http_progress p = http_chunks_decode(&c, bytes, cut, &eaten, bytes, &made, 1000, &why);
    buf_put(body, bytes, made);
    if (p == HTTP_MORE) {
        memcpy(bytes, text, len + 1);
        p = http_chunks_decode(&c, bytes + cut, len - cut, &eaten, bytes + cut, &made, 1000, &why);
        buf_put(body, bytes + cut, made);
    }
    free(bytes);
    return p;
}

TEST(chunks_are_joined_wherever_they_are_cut) {
    const char *text = "3;ext=\"x\"\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct buf body = { 0 };
        CHECK_INT(decode(text, cut, &body), HTTP_DONE);
        CHECK_TEXT(body.ptr, "abc0123456789");
        buf_fini(&body);
    }
}

TEST(refuses_chunk_framing_that_could_be_read_differently) {
    static const char *const BAD[] = {
        "+3\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "3 \r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        "0\r\nContent-Length: 3\r\n\r\n",
        "0\r\nX: y\r\nhost: x\r\n\r\n",
        "0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "0\r\nConnection: close\r\n\r\n",
        "0\r\ncontent-length : 3\r\n\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\nX: y\r\n z\r\n\r\n",
        "0\r\nX: y\r\n\tz\r\n\r\n",
        "0\r\n X: y\r\n\r\n",
        "0\r\n: y\r\n\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\nX: y\rZ: 1\r\n\r\n",
        "0\r\nX: \x01\r\n\r\n",
        "0\r\n\r\r\n",
        "0\r\n\n",
        "10000000000000000\r\nab",
        "3;a\nb\r\nabc\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFF\r\nabc",
        "3;\x01\r\nabc\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct buf body = { 0 };
        if (decode(BAD[i], 0, &body) != HTTP_REFUSED)
            print_error("accepted: %s\n", BAD[i]);
        buf_clear(&body);
        CHECK_INT(decode(BAD[i], 0, &body), HTTP_REFUSED);
        buf_fini(&body);
    }
}

TEST(trailers_are_dropped_wherever_they_are_cut) {
    const char *text = "3\r\nabc\r\n0\r\nX-Request-Cost: 7\r\nETag:\t\"a\"\t\r\nEmpty:\r\n\r\n";
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct buf body = { 0 };
        CHECK_INT(decode(text, cut, &body), HTTP_DONE);
        CHECK_TEXT(body.ptr, "abc");
        buf_fini(&body);
    }
}

TEST(a_trailer_whose_name_only_begins_like_one_of_the_head_is_dropped) {
    static const char *const GOOD[] = {
        "0\r\nContent-Length-Of-Day: 3\r\n\r\n",
        "0\r\nHosted: x\r\n\r\n",
        "0\r\nX-Transfer-Encoding-As-It-Was-Upstream: x\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
        struct buf body = { 0 };
        CHECK_INT(decode(GOOD[i], 2, &body), HTTP_DONE);
        buf_fini(&body);
    }
}

/* Decodes "0", then one trailer line of that many bytes with its CRLF, then the empty line. */
static enum http_progress decode_trailer_of(size_t line_bytes) {
    struct buf text = { 0 }, body = { 0 };
    buf_text(&text, "0\r\nX:");
    for (size_t i = 4; i < line_bytes; i++)
        buf_text(&text, "y");
    buf_text(&text, "\r\n\r\n");
    enum http_progress p = decode(text.ptr, 3, &body);
    buf_fini(&text);
    buf_fini(&body);
    return p;
}

TEST(trailers_may_be_as_large_as_a_head) {
    CHECK_INT(decode_trailer_of(HTTP_TRAILERS_MAX_BYTES - 2), HTTP_DONE);
    CHECK_INT(decode_trailer_of(HTTP_TRAILERS_MAX_BYTES - 1), HTTP_REFUSED);
}

TEST(a_tab_is_a_blank_around_a_value) {
    const char *text = "GET / HTTP/1.1\r\nHost:\ta\t\r\nAccept-Language:\tde\t\r\nX: a\tb\r\n\r\n";
    struct http_head h;
    struct http_refusal why;
    CHECK_INT(parse(text, strlen(text), &h, &why), HTTP_DONE);
    CHECK_INT(h.field_count, 3);
    CHECK(str_eq((struct str){ text + h.values[0].at, h.values[0].len }, STR("a")));
    CHECK(str_eq((struct str){ text + h.values[1].at, h.values[1].len }, STR("de")));
    CHECK(str_eq((struct str){ text + h.values[2].at, h.values[2].len }, STR("a\tb")));
}

static void endless_extensions(bool takes_part) {
    struct http_chunks c = { .takes_part = takes_part };
    struct http_refusal why;
    char bytes[] = "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    size_t eaten, made;
    enum http_progress p = http_chunks_decode(&c, bytes, 2, &eaten, bytes, &made, 100, &why);
    for (int i = 0; i < 10000 && p == HTTP_MORE; i++)
        p = http_chunks_decode(&c, bytes + 2, sizeof bytes - 3, &eaten, bytes + 2, &made, 100,
                               &why);
    CHECK_INT(p, HTTP_REFUSED);
    CHECK_INT(why.err, ERR_PAYLOAD_TOO_LARGE);
}

TEST(endless_extensions_meet_the_limit) {
    endless_extensions(false);
    endless_extensions(true);
}
