#include "providers/vapi_words.h"

#include <string.h>

#include "base/sift.h"

#include "test.h"

static const char *words(struct arena *a, const char *body) {
    struct ctx ctx;
    ctx_init(&ctx, NULL, a, 1000);
    enum sift_end how;
    struct refusal said = refusal_by_status(400);
    vapi_judge(&ctx, 400, sift_text(a, str_of(body), NULL, &how), &said);
    return said.words;
}

#define SAYS(message) "{\"message\":" message ",\"error\":\"Bad Request\",\"statusCode\":400}"

TEST(complaints_about_fields_are_passed_on) {
    static const char *const CASES[][2] = {
        { SAYS("[\"property bogus should not exist\"]"), "it does not know the field bogus." },
        { SAYS("\"voice.speed must not be less than 0.7\""),
          "voice.speed must not be less than 0.7." },
        { SAYS("[\"a.0.b must be a string\",\"property c_d should not exist\"]"),
          "a.0.b must be a string; it does not know the field c_d." },
        { SAYS("[\"a must be x\",\"b must be x\",\"c must be x\",\"d must be x\"]"),
          "a must be x; b must be x; c must be x." },
    };
    struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        CHECK_TEXT(words(a, CASES[i][0]), CASES[i][1]);
    CHECK(
        strstr(words(a, "{\"error\":\"assistant_pinned\",\"message\":\"The assistant is pinned by "
                        "another resource.\"}"),
               "still uses this assistant"));
    CHECK(strstr(words(a, SAYS("\"Over Concurrency Limit\"")),
                 "as many calls as the plan there allows"));
    arena_free(a);
}

/* An address, a key, markup: whatever could be somebody's. */
TEST(of_a_complaint_with_signs_that_no_sentence_has_only_the_field_is_told) {
    struct arena *a = arena_new(1 << 20);
    CHECK_TEXT(words(a, SAYS("\"voice must be <script>\"")), "voice is not what it takes.");
    CHECK_TEXT(words(a, SAYS("\"url must be https://u:p@example.com\"")),
               "url is not what it takes.");
    CHECK_TEXT(words(a, SAYS("\"key must not be 'sk-123'\"")), "key is not what it takes.");
    arena_free(a);
}

TEST(nothing_that_could_be_a_value_is_passed_on) {
    static const char *const CASES[] = {
        "<html>",
        "[]",
        "{}",
        "{\"message\":7}",
        SAYS("\"Bad Request\""),
        SAYS("\"key 'sk-123' must be shorter\""),
        SAYS("\"property a b should not exist\""),
        SAYS("\"property x should not exist, but sk/123 does\""),
        SAYS("\" must be a string\""),
        SAYS("[7,null,{}]"),
    };
    struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const char *got = words(a, CASES[i]);
        if (got)
            print_error("%s: %s\n", CASES[i], got);
        CHECK(got == NULL);
    }
    char *name = arena_alloc(a, 200);
    memset(name, 'a', 100);
    CHECK(words(a, arena_printf(a, SAYS("\"property %s should not exist\""), name)) == NULL);
    arena_free(a);
}
