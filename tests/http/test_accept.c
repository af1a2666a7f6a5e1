#include "test.h"

#include "http/accept.h"

static bool named;

static int weight(const char *accept, const char *type) {
    struct str field = { NULL, 0 };
    if (accept)
        field = str_of(accept);
    return accept_weight(field, type, "1.0.0", &named);
}

TEST(without_the_field_everything_is_welcome) {
    CHECK_INT(weight(NULL, "text/plain"), 1000);
    CHECK(!named);
}

TEST(the_range_that_says_most_counts_wherever_it_stands) {
    CHECK_INT(weight("*/*;q=0.1, text/*;q=0.5, text/plain", "text/plain"), 1000);
    CHECK(named);
    CHECK_INT(weight("text/plain;q=0.25, */*", "text/plain"), 250);
    CHECK_INT(weight("text/*;q=0.5 , */*;q=0.1", "text/plain"), 500);
    CHECK(!named);
    CHECK_INT(weight("*/*; q=0.125", "text/plain"), 125);
    CHECK_INT(weight("Text/Plain", "text/plain"), 1000);
}

TEST(what_is_not_said_or_has_no_weight_is_not_wanted) {
    CHECK_INT(weight("application/json", "text/plain"), 0);
    CHECK_INT(weight("text/plain;q=0, */*", "text/plain"), 0);
    CHECK_INT(weight("textual/*", "text/plain"), 0);
    CHECK_INT(weight("", "text/plain"), 0);
}

TEST(another_version_is_another_type) {
    CHECK_INT(weight("a/b;version=0.0.1;q=0.75, a/b;version=1.0.0;q=0.5", "a/b"), 500);
    CHECK_INT(weight("a/b;version=0.0.1", "a/b"), 0);
    CHECK_INT(weight("a/b", "a/b"), 1000);
}

TEST(of_our_languages_the_one_that_is_wanted_most_is_spoken) {
    static const char *const OURS[] = { "en", "de", NULL };
    static const struct {
        const char *field, *spoken;
    } CASES[] = { { "de", "de" },
                  { "de-AT,de;q=0.9,en;q=0.8", "de" },
                  { "en-US,en;q=0.9,de;q=0.8", "en" },
                  { "fr, de;q=0.5, en;q=0.4", "de" },
                  { "fr;q=1, en;q=0.4, DE;q=0.41", "de" },
                  { "de;q=0, fr", "en" },
                  { "de;q=0.5, en;q=0.5", "de" },
                  { "*", "en" },
                  { "deutsch", "en" },
                  { ";;;,-,=;q", "en" },
                  { "", "en" } };
    CHECK_TEXT(accept_language((struct str){ NULL, 0 }, OURS), "en");
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        CHECK_TEXT(accept_language(str_of(CASES[i].field), OURS), CASES[i].spoken);
}

TEST(odd_weights_are_none_and_none_is_above_one) {
    CHECK_INT(weight("a/b;q=7", "a/b"), 1000);
    CHECK_INT(weight("a/b;q=-1", "a/b"), 0);
    CHECK_INT(weight("a/b;q=0x5", "a/b"), 0);
    CHECK_INT(weight("a/b;q=", "a/b"), 0);
    CHECK_INT(weight("a/b;q=0.9999999999999999999999999999", "a/b"), 999);
    CHECK_INT(weight(";;;,,,=;q", "a/b"), 0);
}
