#include "test.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/err.h"
#include "base/id.h"
#include "base/secret.h"
#include "base/str.h"

static int released;

static void count_release(void *thing) {
    released = released * 10 + *(int *)thing;
}

TEST(arena_gives_zeroed_memory_and_says_when_the_ceiling_is_met) {
    struct arena *a = arena_new(10000);
    char *p = arena_alloc(a, 100);
    for (int i = 0; i < 100; i++)
        CHECK(p[i] == 0);
    CHECK(!arena_is_spent(a));
    arena_alloc(a, 20000);
    CHECK(arena_is_spent(a));
    arena_reset(a);
    CHECK(!arena_is_spent(a));
    CHECK_TEXT(arena_printf(a, "%d-%s", 7, "x"), "7-x");
    CHECK_TEXT(arena_join(a, "ws", "|", "", "vapi"), "ws|vapi");
    CHECK_TEXT(arena_join(a, ""), "");
    arena_free(a);
}

TEST(arena_releases_deferred_things_last_first) {
    struct arena *a = arena_new(10000);
    int one = 1, two = 2;
    released = 0;
    arena_defer(a, count_release, &one);
    arena_defer(a, count_release, &two);
    arena_free(a);
    CHECK_INT(released, 21);
}

TEST(str_reads_whole_numbers_only) {
    int64_t v = 5;
    CHECK(str_to_i64(STR("-12"), -100, 100, &v) && v == -12);
    CHECK(!str_to_i64(STR("101"), -100, 100, &v));
    CHECK(!str_to_i64(STR("+1"), -100, 100, &v));
    CHECK(!str_to_i64(STR("1 "), -100, 100, &v));
    CHECK(!str_to_i64(STR(""), -100, 100, &v));
    CHECK(!str_to_i64(STR("9999999999999999999"), 0, INT64_MAX, &v));
}

TEST(str_knows_well_formed_utf8) {
    CHECK(str_is_utf8(STR("gr\xC3\xBC\xC3\x9F \xF0\x9F\x93\x9E")));
    CHECK(!str_is_utf8(STR("\xC0\xAF")));
    CHECK(!str_is_utf8(STR("\xED\xA0\x80")));
    CHECK(!str_is_utf8(STR("\xF4\x90\x80\x80")));
    CHECK(!str_is_utf8(STR("\xE2\x82")));
}

TEST(str_fits_counts_characters_of_whole_utf8_only) {
    CHECK(str_fits(STR("\xc3\xbc\xe2\x98\x8e\xf0\x9f\x98\x80"), 3, 3));
    CHECK(str_fits(STR(""), 0, 1) && !str_fits(STR(""), 1, 2) && !str_fits(STR("abc"), 1, 2));
    CHECK(!str_fits(STR("a\x80\x80\x80"), 1, 1)); /* bytes that count as none */
    CHECK(!str_fits(STR("a\xc3"), 1, 2));
}

TEST(str_distance_counts_edits) {
    CHECK_INT(str_distance(STR("TRESHOLD"), STR("THRESHOLD")), 1);
    CHECK_INT(str_distance(STR("abc"), STR("")), 3);
}

TEST(buf_grows_and_drops) {
    struct buf b = { 0 };
    for (int i = 0; i < 1000; i++)
        buf_i64(&b, i % 10);
    CHECK_INT(b.len, 1000);
    buf_drop(&b, 995);
    CHECK_TEXT(b.ptr, "56789");
    buf_fini(&b);
    buf_i64(&b, INT64_MIN);
    CHECK_TEXT(b.ptr, "-9223372036854775808");
    buf_fini(&b);
}

TEST(base64_is_strict) {
    struct arena *a = arena_new(100000);
    struct str out;
    CHECK_TEXT(base64_encode(a, "hello", 5), "aGVsbG8=");
    CHECK_TEXT(base64url_encode(a, "\xff\xfe\xfd", 3), "__79");
    CHECK(base64_decode(a, STR("aGVsbG8="), &out) && str_is(out, "hello"));
    CHECK(!base64_decode(a, STR("aGVsbG8"), &out));
    CHECK(!base64_decode(a, STR("aGVsbG9="), &out));
    CHECK(!base64_decode(a, STR("aGVs bG8"), &out));
    arena_free(a);
}

TEST(percent_decoding_refuses_broken_escapes) {
    struct arena *a = arena_new(100000);
    struct str out;
    CHECK(percent_decode(a, STR("a%2Bb+c"), true, &out) && str_is(out, "a+b c"));
    CHECK(percent_decode(a, STR("a+b"), false, &out) && str_is(out, "a+b"));
    CHECK(!percent_decode(a, STR("%2"), true, &out));
    CHECK(!percent_decode(a, STR("%zz"), true, &out));
    arena_free(a);
}

TEST(ids_are_typed_and_sort_by_time) {
    struct id first = id_make("key"), second = id_make("key");
    CHECK(id_is(str_of(first.text), "key"));
    CHECK(!id_is(str_of(first.text), "op"));
    CHECK(memcmp(first.text, second.text, 16) <= 0);
    CHECK(strcmp(first.text, second.text) != 0);
}

TEST(secret_fields_are_found_by_name_and_wiped) {
    struct secret s = { 0 };
    CHECK(secret_field_add(&s, STR("api_key"), STR("k-123")));
    CHECK(secret_field_add(&s, STR("other"), STR("")));
    CHECK(str_is(secret_field(&s, "api_key"), "k-123"));
    CHECK(secret_field(&s, "other").ptr && secret_field(&s, "other").len == 0);
    CHECK(!secret_field(&s, "none").ptr);
    secret_wipe(&s);
    CHECK(!secret_is_set(&s));
    for (size_t i = 0; i < sizeof s.hidden; i++)
        CHECK(s.hidden[i] == 0);
}

TEST(every_error_has_a_code_a_status_and_words) {
    for (enum err e = OK + 1; e < ERR_COUNT; e++) {
        const struct err_info *info = err_info(e);
        CHECK(info->code && info->title && info->meaning && info->remedy);
        CHECK(info->status >= 400 && info->status <= 599);
    }
}

static int64_t same_ms(void) {
    return INT64_C(1800000000000);
}

TEST(ids_of_one_millisecond_sort_as_they_were_made) {
    static const struct clock_seams STILL = { .wall_ms = same_ms };
    clock_replace(&STILL);
    struct id last = id_make("evt");
    for (int i = 0; i < 5000; i++) { /* more than are counted within one */
        struct id next = id_make("evt");
        CHECK(strcmp(last.text, next.text) < 0);
        last = next;
    }
    clock_replace(NULL);
}

TEST(a_field_of_a_secret_that_is_put_takes_the_place_of_the_one_that_was_there) {
    SCOPED(secret_wipe) struct secret s = { 0 };
    CHECK(secret_field_put(&s, "a", STR("one")));
    CHECK(secret_field_put(&s, "b", STR("two")));
    CHECK(secret_field_put(&s, "a", STR("three")));
    CHECK(str_is(secret_field(&s, "a"), "three"));
    CHECK(str_is(secret_field(&s, "b"), "two"));
    CHECK_INT(secret_reveal(&s).len, 4 * 2 + 1 + 5 + 1 + 3);
}
