#include "test.h"

#include <string.h>

#include "base/defs.h"
#include "base/encode.h"
#include "base/protobuf.h"

static void is_hex(const struct buf *b, const char *hex) {
    char got[512];
    assert_true(b->len * 2 < sizeof got);
    hex_encode(got, b->ptr, b->len);
    CHECK_TEXT(got, hex);
}

/* The examples of protobuf.dev/programming-guides/encoding. */
TEST(numbers_and_texts_are_written_as_the_standard_shows_them) {
    struct buf b = { 0 };
    protobuf_number(&b, 1, 150);
    protobuf_text(&b, 2, "testing");
    is_hex(&b, "089601"
               "120774657374696e67");
    buf_fini(&b);
}

TEST(the_largest_number_takes_ten_bytes_and_fixed_ones_are_little_endian) {
    struct buf b = { 0 };
    protobuf_number(&b, 1, UINT64_MAX);
    protobuf_fixed64(&b, 7, 0x0102030405060708);
    protobuf_fixed32(&b, 16, 0x101);
    is_hex(&b, "08ffffffffffffffffff01"
               "390807060504030201"
               "850101010000");
    buf_fini(&b);
}

TEST(a_message_within_has_its_length_in_front_however_long_it_is) {
    struct buf b = { 0 };
    size_t at = protobuf_open(&b, 3);
    protobuf_number(&b, 1, 150);
    protobuf_close(&b, at);
    is_hex(&b, "1a03089601");
    buf_fini(&b);

    CHECK_INT(protobuf_size(15, 127), 129);
    CHECK_INT(protobuf_size(16, 128), 132);
    char long_text[300];
    memset(long_text, 'x', sizeof long_text);
    at = protobuf_open(&b, 1);
    protobuf_bytes(&b, 1, long_text, sizeof long_text);
    protobuf_close(&b, at);
    struct str rest = buf_view(&b);
    struct protobuf_field f;
    CHECK(protobuf_next(&rest, &f) && f.is_bytes && f.bytes.len == 303 && rest.len == 0);
    rest = f.bytes;
    CHECK(protobuf_next(&rest, &f) && f.bytes.len == 300 && f.bytes.ptr[299] == 'x');
    buf_fini(&b);
}

TEST(fields_come_out_as_they_went_in) {
    struct buf b = { 0 };
    protobuf_number(&b, 536870911, 7);
    protobuf_fixed32(&b, 2, 8);
    protobuf_fixed64(&b, 3, UINT64_MAX);
    protobuf_text(&b, 4, "");
    struct str rest = buf_view(&b);
    struct protobuf_field f;
    CHECK(protobuf_next(&rest, &f) && f.field == 536870911 && f.number == 7 && !f.is_bytes);
    CHECK(protobuf_next(&rest, &f) && f.field == 2 && f.number == 8);
    CHECK(protobuf_next(&rest, &f) && f.field == 3 && f.number == UINT64_MAX);
    CHECK(protobuf_next(&rest, &f) && f.field == 4 && f.is_bytes && f.bytes.len == 0);
    CHECK(!protobuf_next(&rest, &f) && rest.len == 0);
    buf_fini(&b);
}

/* Each is the whole of a message; none may be read beyond its end. */
TEST(what_is_no_message_is_refused_and_left_where_it_is) {
    static const char *const BAD[] = {
        "08",                       /* a number that is missing */
        "0880",                     /* one that does not end */
        "08ffffffffffffffffff02",   /* one of 65 bits */
        "08ffffffffffffffffffff01", /* one of eleven bytes */
        "00",                       /* field 0 */
        "8080808010",               /* a field beyond 2^29 */
        "0b",                       /* a group */
        "0c",                       /* its end */
        "0e",                       /* no wire type */
        "0a05616263",               /* longer than there is */
        "0affffffffffffffffff01",   /* 2^64 - 1 bytes long */
        "0d010203",                 /* fixed, and cut */
        "0901020304050607",
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        unsigned char raw[32];
        size_t len = strlen(BAD[i]) / 2;
        CHECK(hex_decode(str_of(BAD[i]), raw, len));
        struct str rest = { (const char *)raw, len };
        struct protobuf_field f;
        if (protobuf_next(&rest, &f) || rest.len != len)
            print_error("taken: %s\n", BAD[i]);
        CHECK(rest.len == len);
    }
}
