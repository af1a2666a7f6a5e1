#include "base/plain.h"

#include "base/json.h"
#include "test.h"

static const struct {
    const char *text, *shown;
} NOT_PLAIN[] = {
    { "a\nb", "a\\u000ab" },
    { "\x1b]0;t\x07", "\\u001b]0;t\\u0007" },
    { "\x7f", "\\u007f" },
    { "\xc2\x9b"
      "31m",
      "\\u009b31m" },
    { "\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029" },
    { "\xe2\x80\xaa\xe2\x80\xae", "\\u202a\\u202e" },
    { "\xe2\x81\xa6\xe2\x81\xa9", "\\u2066\\u2069" },
    { "a\xff"
      "b",
      "a\xef\xbf\xbd"
      "b" },
};

static void check_shown(const char *text, const char *shown) {
    struct buf b = { 0 };
    plain_put(&b, str_of(text));
    buf_char(&b, 0);
    CHECK_TEXT(b.ptr, shown);
    buf_fini(&b);
}

TEST(what_steers_a_terminal_or_turns_a_line_is_not_plain) {
    for (size_t i = 0; i < ARRAY_LEN(NOT_PLAIN); i++) {
        CHECK(!plain_is(str_of(NOT_PLAIN[i].text)));
        check_shown(NOT_PLAIN[i].text, NOT_PLAIN[i].shown);
    }
}

TEST(what_people_write_is_plain_in_every_script) {
    static const char *const PLAIN[] = { "",
                                         "Night desk",
                                         "Caf\xc3\xa9 \xe2\x82\xac 5",
                                         "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", /* Hebrew */
                                         "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb",
                                         "a\\u001b \"quoted\"" };
    for (size_t i = 0; i < ARRAY_LEN(PLAIN); i++) {
        CHECK(plain_is(str_of(PLAIN[i])));
        check_shown(PLAIN[i], PLAIN[i]);
    }
}

TEST(marks_that_nobody_sees_may_be_written_and_are_shown) {
    CHECK(plain_is(STR("a\xe2\x80\x8f")));
    check_shown("a\xe2\x80\x8f", "a\\u200f");
    check_shown("\xef\xbb\xbf", "\\ufeff");
    check_shown("\xf3\xa0\x81\x81", "\\udb40\\udc41"); /* a tag, U+E0041 */
}

TEST(a_json_text_stays_the_same_value) {
    struct arena *a = arena_new(1 << 20);
    static const char JSON[] = "{\"k\":\"\xc2\x9b\xe2\x80\xae\x7f\xf3\xa0\x81\x81 ok\"}";
    struct buf b = { 0 };
    const char *why = "";
    plain_put(&b, str_of(JSON));
    CHECK(plain_is(buf_view(&b)));
    CHECK(json_equal(json_parse(a, buf_view(&b), &why), json_parse(a, str_of(JSON), &why)));
    buf_fini(&b);
    arena_free(a);
}
