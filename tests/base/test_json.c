#include "test.h"

#include "base/json.h"
#include "base/jsonw.h"

static json_t *parse(struct arena *a, const char *text) {
    const char *why = NULL;
    return json_parse(a, str_of(text), &why);
}

TEST(reads_one_value_and_nothing_behind_it) {
    struct arena *a = arena_new(100000);
    CHECK(parse(a, "{\"a\":[1,2.5,\"x\",null,true]}"));
    CHECK(!parse(a, "{\"a\":1} x"));
    CHECK(!parse(a, ""));
    CHECK(!parse(a, "{\"a\":1,\"a\":2}"));
    CHECK(!parse(a, "\"\\u0000\""));
    CHECK(!parse(a, "\"\xC0\xAF\""));
    arena_free(a);
}

TEST(refuses_more_than_32_levels_but_not_brackets_in_strings) {
    struct arena *a = arena_new(100000);
    char deep[200] = { 0 };
    memset(deep, '[', 33);
    memset(deep + 33, ']', 33);
    CHECK(!parse(a, deep));
    CHECK(parse(a, "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\""));
    arena_free(a);
}

TEST(refuses_more_values_than_a_tree_of_them_is_worth) {
    struct arena *a = arena_new(32 << 20);
    struct buf many = { 0 };
    buf_text(&many, "[0");
    for (int i = 1; i < JSON_VALUES_MAX; i++)
        buf_text(&many, ",0");
    buf_text(&many, "]");
    const char *why = NULL;
    CHECK(json_parse(a, buf_view(&many), &why));
    CHECK(!arena_is_spent(a));
    many.ptr[many.len - 1] = ',';
    buf_text(&many, "0]");
    CHECK(!json_parse(a, buf_view(&many), &why));
    buf_fini(&many);
    arena_free(a);
}

TEST(what_is_wrong_is_said_without_quoting_the_input) {
    struct arena *a = arena_new(100000);
    const char *why = NULL;
    CHECK(!json_parse(a, STR("{\"key\": s3cret}"), &why));
    CHECK(why && !strstr(why, "s3cret"));
    arena_free(a);
}

TEST(writes_what_it_read) {
    struct arena *a = arena_new(100000);
    const char *text =
        "{\"a\":[1,-2,0.1,1.2,1e+300,\"q\\\"\\\\\\n\\u0001\xC3\xBC\"],\"b\":{},\"c\":[],\"d\":null,"
        "\"e\":true}";
    struct buf out = { 0 };
    struct jsonw w = jsonw_to(&out);
    jsonw_tree(&w, parse(a, text));
    CHECK_TEXT(out.ptr, text);
    buf_fini(&out);
    arena_free(a);
}

#define MARK "\xEF\xBF\xBD"

TEST(each_maximal_bad_part_is_one_mark_and_the_letters_around_it_stay) {
    static const struct {
        struct str text;
        const char *written;
    } CASES[] = {
        { STR("a\xFFz"), "\"a" MARK "z\"" },
        { STR("\xC3\x80\xC3\xA9\xFF\xE2\x82\xAC"), "\"\xC3\x80\xC3\xA9" MARK "\xE2\x82\xAC\"" },
        { STR("\xE2\x82"), "\"" MARK "\"" },
        { STR("\xF0\x9F\x98z"), "\"" MARK "z\"" },
        { STR("a\0b"), "\"a" MARK "b\"" }, /* our own reader refuses an escaped NUL */
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct buf out = { 0 };
        struct jsonw w = jsonw_to(&out);
        jsonw_str(&w, CASES[i].text);
        CHECK_TEXT(out.ptr, CASES[i].written);
        buf_fini(&out);
    }
}

/* What Ava writes, Ava reads, whatever bytes it was given. */
TEST(what_is_written_of_any_bytes_can_be_read) {
    uint64_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        struct arena *a = arena_new(1 << 20);
        struct buf out = { 0 };
        struct jsonw w = jsonw_to(&out);
        char bytes[24];
        const char *why = "";
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            bytes[i] = (char)(seed >> 33 & (seed >> 60 ? 0xFF : 0));
        }
        jsonw_object(&w);
        jsonw_key_str(&w, (struct str){ bytes, 8 });
        jsonw_str(&w, (struct str){ bytes + 8, sizeof bytes - 8 });
        jsonw_object_end(&w);
        CHECK(json_parse(a, buf_view(&out), &why));
        buf_fini(&out);
        arena_free(a);
    }
}
