#include "test.h"

#include <string.h>

#include "http/cookie.h"

static const char *find(const char *first, const char *second, const char *name) {
    static char text[64];
    struct http_field fields[2] = { { STR("Cookie"), str_of(first) },
                                    { STR("cookie"), str_of(second) } };
    struct http_req req = { .fields = fields, .field_count = second ? 2 : 1 };
    struct str found = cookie_find(&req, name);
    str_copy(text, sizeof text, found);
    return found.ptr ? text : "none";
}

TEST(finds_a_cookie_among_others_by_its_exact_name) {
    CHECK_TEXT(find("ava_session=abc", NULL, "ava_session"), "abc");
    CHECK_TEXT(find("x=1; ava_session=abc;y=2", NULL, "ava_session"), "abc");
    CHECK_TEXT(find("ava_session=\"abc\"", NULL, "ava_session"), "abc");
    CHECK_TEXT(find("ava_session=a=b==", NULL, "ava_session"), "a=b==");
    CHECK_TEXT(find("ava_session=", NULL, "ava_session"), "");
    CHECK_TEXT(find("x=1", "ava_session=abc", "ava_session"), "abc");
    CHECK_TEXT(
        find("AVA_SESSION=abc; xava_session=1; ava_session2=2; ava_session", NULL, "ava_session"),
        "none");
    CHECK_TEXT(find("", NULL, "ava_session"), "none");
}

TEST(a_cookie_sent_twice_with_different_values_counts_for_nothing) {
    CHECK_TEXT(find("a=1; a=2", NULL, "a"), "none");
    CHECK_TEXT(find("a=1", "a=2", "a"), "none");
    CHECK_TEXT(find("a=1; a=1", "a=1", "a"), "1");
}
