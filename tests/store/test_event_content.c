#include "store/event_content.h"

#include "base/clock.h"
#include "test.h"

static bool survives(struct arena *a, struct str body, bool has_query) {
    struct event_content in = { .headers = STR("{\"User-Agent\":\"x\"}"), .body = body }, out;
    if (has_query)
        in.query = STR("{\"op\":\"op_1\"}");
    struct str packed = event_content_pack(a, &in);
    return event_content_unpack(a, packed, &out) && str_eq(out.headers, in.headers) &&
           str_eq(out.query, in.query) && !out.query.ptr == !in.query.ptr &&
           str_eq(out.body, in.body);
}

TEST(what_was_packed_is_unpacked_as_it_came) {
    static const size_t SIZES[] = { 0, 1, 1024, 1025, 70000, EVENT_BODY_MAX_BYTES };
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
        struct arena *a = arena_new(64 << 20);
        char *noise = arena_alloc(a, SIZES[i] + 1), *same = arena_alloc(a, SIZES[i] + 1);
        ava_rand(noise, SIZES[i]);
        memset(same, 'x', SIZES[i]);
        CHECK(survives(a, (struct str){ noise, SIZES[i] }, false));
        CHECK(survives(a, (struct str){ noise, SIZES[i] }, true));
        CHECK(survives(a, (struct str){ same, SIZES[i] }, true));
        arena_free(a);
    }
}

TEST(a_long_report_is_kept_small) {
    struct arena *a = arena_new(16 << 20);
    char *text = arena_alloc(a, 1 << 20);
    for (size_t i = 0; i < 1 << 20; i++)
        text[i] = "the quick brown fox jumps over the lazy dog "[i * 7 / 5 % 44];
    struct event_content in = { .headers = STR("{}"), .body = { text, 1 << 20 } };
    CHECK(event_content_pack(a, &in).len < (1 << 20) / 4);
    arena_free(a);
}

TEST(rows_of_before_are_read) {
    struct arena *a = arena_new(1 << 20);
    struct event_content out;
    CHECK(event_content_unpack(
        a, STR("{\"headers\":{\"a\":\"b\"},\"query\":{\"op\":\"o\"},\"body\":{\"n\":\"\\u0000\"}}"),
        &out));
    CHECK_TEXT(str_dup(a, out.headers), "{\"a\":\"b\"}");
    CHECK_TEXT(str_dup(a, out.query), "{\"op\":\"o\"}");
    CHECK_TEXT(str_dup(a, out.body), "{\"n\":\"\xEF\xBF\xBD\"}");
    CHECK(event_content_unpack(a, STR("{\"headers\":{},\"body\":[1]}"), &out) && !out.query.ptr);
    arena_free(a);
}

/* Whatever was damaged: refused, never read beyond its end. */
TEST(what_is_cut_or_changed_is_refused_or_read_within_its_bounds) {
    struct arena *a = arena_new(64 << 20);
    char same[3000];
    memset(same, 'x', sizeof same);
    struct event_content in = { .headers = STR("{}"), .query = STR("{}"), .body = { same, 3000 } },
                         out;
    struct str packed = event_content_pack(a, &in);
    for (size_t n = 0; n < packed.len; n++)
        CHECK(!event_content_unpack(a, (struct str){ arena_copy(a, packed.ptr, n), n }, &out));
    for (size_t i = 0; i < packed.len; i++) {
        char *bent = arena_copy(a, packed.ptr, packed.len);
        bent[i] = (char)(bent[i] ^ 0x41);
        if (event_content_unpack(a, (struct str){ bent, packed.len }, &out))
            CHECK(out.headers.len + out.query.len <= packed.len);
    }
    arena_free(a);
}
