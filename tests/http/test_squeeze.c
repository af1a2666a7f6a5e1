#include "test.h"

#include <string.h>
#include <zlib.h>

#include "http/squeeze.h"

enum { LINES = 2000 };

static struct http_reply squeezed(const char *accepts, int lines) {
    struct http_field f = { STR("Accept-Encoding"), { NULL, 0 } };
    struct http_req req = { .fields = &f, .field_count = accepts ? 1 : 0 };
    struct http_reply reply = { .status = 200 };
    if (accepts)
        f.value = str_of(accepts);
    for (int i = 0; i < lines; i++)
        buf_printf(&reply.body, "a line of it, number %d\n", i);
    http_squeeze(&req, &reply);
    buf_char(&reply.head, 0);
    return reply;
}

TEST(who_takes_gzip_gets_the_same_bytes_in_fewer) {
    struct http_reply plain = squeezed("br, gzip;q=0", LINES), small = squeezed("gzip", LINES);
    static char back[1 << 20];
    z_stream z = { .next_in = (Bytef *)small.body.ptr,
                   .avail_in = (uInt)small.body.len,
                   .next_out = (Bytef *)back,
                   .avail_out = sizeof back };
    CHECK_INT(inflateInit2(&z, 15 + 16), Z_OK);
    CHECK_INT(inflate(&z, Z_FINISH), Z_STREAM_END);
    CHECK(z.total_out == plain.body.len && memcmp(back, plain.body.ptr, plain.body.len) == 0);
    CHECK(small.body.len * 4 < plain.body.len);
    CHECK(strstr(small.head.ptr, "Content-Encoding: gzip\r\n") != NULL);
    CHECK(strstr(small.head.ptr, "Vary: Accept-Encoding\r\n") != NULL);
    CHECK(strstr(plain.head.ptr, "Vary: Accept-Encoding\r\n") && !strstr(plain.head.ptr, "gzip"));
    inflateEnd(&z);
    http_reply_fini(&plain);
    http_reply_fini(&small);
}

TEST(what_is_small_or_not_asked_for_stays) {
    struct http_reply small = squeezed("gzip", 3), unasked = squeezed(NULL, LINES);
    CHECK(!strstr(small.head.ptr, "Encoding") && small.body.ptr[0] == 'a');
    CHECK(!strstr(unasked.head.ptr, "Content-Encoding") && unasked.body.ptr[0] == 'a');
    http_reply_fini(&small);
    http_reply_fini(&unasked);
}
