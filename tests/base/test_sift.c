#include "base/sift.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "test.h"

static const char *text_of(struct arena *a, const json_t *tree) {
    struct buf *b = buf_in(a);
    struct jsonw w = jsonw_to(b);
    if (!tree)
        return "nothing";
    jsonw_tree(&w, tree);
    return str_dup(a, buf_view(b));
}

static const char *kept(struct arena *a, struct str text, const char *const *paths) {
    enum sift_end how;
    return text_of(a, sift_text(a, text, paths, &how));
}

/* --- what is asked for ------------------------------------------------------------------------- */

TEST(keeps_what_is_asked_for_and_nothing_else) {
    static const char *const PATHS[] = { "message.type", "message.call.id", "message.list[].id",
                                         NULL };
    struct arena *a = arena_new(1 << 20);
    CHECK_TEXT(
        kept(a,
             STR("{\"x\":[1,{\"y\":2}],\"message\":{\"type\":\"t\",\"other\":{\"id\":1},\"call\":"
                 "{\"id\":\"c\",\"more\":[]},\"list\":[{\"id\":1,\"n\":2},{\"n\":3}]},\"z\":null}"),
             PATHS),
        "{\"message\":{\"type\":\"t\",\"call\":{\"id\":\"c\"},\"list\":[{\"id\":1},{}]}}");
    arena_free(a);
}

TEST(a_path_that_ends_at_an_object_keeps_all_of_it) {
    static const char *const PATHS[] = { "a.b", NULL }, *const LIST[] = { "[].id", NULL };
    struct arena *a = arena_new(1 << 20);
    CHECK_TEXT(kept(a, STR("{\"a\":{\"b\":{\"c\":[1,{\"d\":true}]},\"e\":2}}"), PATHS),
               "{\"a\":{\"b\":{\"c\":[1,{\"d\":true}]}}}");
    CHECK_TEXT(kept(a, STR("[{\"id\":1,\"x\":{}},{\"id\":\"2\"}]"), LIST),
               "[{\"id\":1},{\"id\":\"2\"}]");
    CHECK_TEXT(kept(a, STR("{\"a\":1,\"b\":[2]}"), NULL), "{\"a\":1,\"b\":[2]}");
    arena_free(a);
}

TEST(a_name_of_odata_is_one_name_with_its_dots) {
    static const char *const PATHS[] = { "v[].@a.b", "@odata.nextLink", NULL };
    struct arena *a = arena_new(1 << 20);
    CHECK_TEXT(kept(a,
                    STR("{\"@odata.nextLink\":\"n\",\"@odata\":{\"nextLink\":1},\"v\":[{\"@a.b\":1,"
                        "\"b\":2}]}"),
                    PATHS),
               "{\"@odata.nextLink\":\"n\",\"v\":[{\"@a.b\":1}]}");
    arena_free(a);
}

TEST(where_a_path_leads_through_the_wrong_kind_there_is_null) {
    static const char *const PATHS[] = { "a.b", "l[].id", NULL };
    struct arena *a = arena_new(1 << 20);
    CHECK_TEXT(kept(a, STR("{\"a\":7,\"l\":{\"id\":1}}"), PATHS), "{\"a\":null,\"l\":null}");
    CHECK_TEXT(kept(a, STR("{\"a\":[{\"b\":1}],\"l\":[1,[2],\"x\"]}"), PATHS),
               "{\"a\":null,\"l\":[null,null,null]}");
    CHECK_TEXT(kept(a, STR("7"), PATHS), "null");
    arena_free(a);
}

/* --- what stands beside it ---------------------------------------------------------------------- */

/* Each in a field nobody asks for: the answer is the same as without. */
static const char *const ODD[] = {
    "\"\\udf1e\"",
    "\"\\ud83c\"",
    "\"\\ud83c\\ud83c\\udf1e\"",
    "\"a\\u0000b\"",
    "-92233720368547758080",
    "18446744073709551616",
    "4e4000",
    "-1e-5000",
    "0.1e400",
    "\"caf\xC3\"",
    "\"\xED\xA0\x80\"",
    "\"\xFF\xFE\"",
    "{\"n\":1,\"n\":2}",
    "\"\\uD8\"",
    "\"\\x\"",
    "\"tab\tand\nline\"",
    "NaN",
    "-Infinity",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
    "]]]]]]]]"
    "]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    "{\"\xC3\":[\"}\",\"]\"]}",
};

TEST(an_odd_thing_beside_what_is_kept_changes_nothing) {
    static const char *const PATHS[] = { "type", "call.id", NULL };
    struct arena *a = arena_new(4 << 20);
    for (size_t i = 0; i < ARRAY_LEN(ODD); i++) {
        const char *all[] = {
            arena_printf(a, "{\"odd\":%s,\"type\":\"t\",\"call\":{\"id\":\"c\"}}", ODD[i]),
            arena_printf(a, "{\"type\":\"t\",\"call\":{\"odd\":%s,\"id\":\"c\"}}", ODD[i]),
            arena_printf(a,
                         "\xEF\xBB\xBF {\"type\":\"t\",\"call\":{\"id\":\"c\"},\"odd\":[%s]}\n%s",
                         ODD[i], ODD[i]),
        };
        for (size_t k = 0; k < 3; k++) {
            enum sift_end how;
            json_t *tree = sift_text(a, str_of(all[k]), PATHS, &how);
            CHECK_TEXT(text_of(a, tree), "{\"type\":\"t\",\"call\":{\"id\":\"c\"}}");
            CHECK_INT(how, SIFT_WHOLE);
        }
    }
    arena_free(a);
}

TEST(an_odd_thing_that_is_kept_can_be_read_again) {
    struct arena *a = arena_new(16 << 20);
    for (size_t i = 0; i < ARRAY_LEN(ODD); i++) {
        const char *first = kept(a, str_of(arena_printf(a, "{\"odd\":%s}", ODD[i])), NULL), *why;
        CHECK_TEXT(kept(a, str_of(first), NULL), first);
        CHECK(strstr(ODD[i], "[[[[") || json_parse(a, str_of(first), &why));
    }
    arena_free(a);
}

/* --- letters and numbers ------------------------------------------------------------------------ */

static const char *letters(struct arena *a, const char *json) {
    enum sift_end how;
    const char *text = json_string_value(sift_text(a, str_of(json), NULL, &how));
    return text ? text : "none";
}

#define MARK "\xEF\xBF\xBD"

TEST(each_maximal_bad_part_of_a_text_is_one_mark_and_the_letters_stay) {
    struct arena *a = arena_new(1 << 20);
    CHECK_TEXT(letters(a, "\"\xC3\x80\xC3\xA9\xFF\xE2\x82\xAC\""),
               "\xC3\x80\xC3\xA9" MARK "\xE2\x82\xAC");
    CHECK_TEXT(letters(a, "\"a\xE2\x82z\""), "a" MARK "z"); /* a cut character is one bad part */
    CHECK_TEXT(letters(a, "\"\xF0\x9F\x98\""), MARK);
    CHECK_TEXT(letters(a, "\"\xED\xA0\x80\""), MARK MARK MARK); /* a surrogate in UTF-8: no lead */
    CHECK_TEXT(letters(a, "\"\xC0\xAF\""), MARK MARK);
    CHECK_TEXT(letters(a, "\"\\ud83d\\ude00\""), "\xF0\x9F\x98\x80");
    CHECK_TEXT(letters(a, "\"x\\ud83dy\""), "x" MARK "y");
    CHECK_TEXT(letters(a, "\"\\ude00\\ud83d\\n\""), MARK MARK "\n");
    CHECK_TEXT(letters(a, "\"\\u0000\""), MARK);
    CHECK_TEXT(letters(a, "\"\\u00e9\\/\\q\""), "\xC3\xA9/q");
    CHECK_TEXT(letters(a, "\"\\u12\""), MARK);
    arena_free(a);
}

TEST(numbers_stay_as_exact_as_they_can) {
    struct arena *a = arena_new(1 << 20);
    CHECK_TEXT(kept(a, STR("[9223372036854775807,-9223372036854775808,1.5,-0]"), NULL),
               "[9223372036854775807,-9223372036854775808,1.5,0]");
    CHECK_TEXT(kept(a, STR("[9223372036854775808,1e999,NaN]"), NULL),
               "[9.2233720368547758e+18,\"1e999\",null]");
    arena_free(a);
}

/* --- what is not JSON --------------------------------------------------------------------------- */

TEST(what_was_read_before_it_ends_or_breaks_is_kept) {
    static const struct {
        const char *text, *kept;
        enum sift_end how;
    } CASES[] = {
        { "{\"a\":1,\"b\":\"cut", "{\"a\":1}", SIFT_SHORT },
        { "{\"a\":{\"b\":[1,2", "{\"a\":{\"b\":[1]}}", SIFT_SHORT },
        { "{\"a\":1 \"b\":2}", "{\"a\":1}", SIFT_BROKEN },
        { "{\"a\":1]", "{\"a\":1}", SIFT_BROKEN },
        { "{a:1}", "{}", SIFT_BROKEN },
        { "{\"a\":undefined,\"b\":1}", "{}", SIFT_BROKEN },
        { "<html>", "nothing", SIFT_BROKEN },
        { "", "nothing", SIFT_SHORT },
        { "  \xEF\xBB", "nothing", SIFT_BROKEN },
        { "{\"a\":1} trailing", "{\"a\":1}", SIFT_WHOLE },
        { "12", "12", SIFT_WHOLE },
    };
    struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        enum sift_end how;
        json_t *tree = sift_text(a, str_of(CASES[i].text), NULL, &how);
        CHECK_TEXT(text_of(a, tree), CASES[i].kept);
        CHECK_INT(how, CASES[i].how);
    }
    arena_free(a);
}

/* --- bounds ------------------------------------------------------------------------------------- */

TEST(what_is_too_much_is_null_and_what_follows_is_kept) {
    static const char *const PATHS[] = { "big", "id", NULL };
    struct arena *a = arena_new(1 << 20);
    struct sift *s = sift_new(a, PATHS, 4096);
    struct str piece = STR("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    enum sift_end how;
    bool is_cut;
    sift_feed(s, STR("{\"big\":\""));
    for (int i = 0; i < 100000; i++) /* 6.4 MB of it, in an arena of one */
        sift_feed(s, piece);
    sift_feed(s, STR("\",\"junk\":["));
    for (int i = 0; i < 100000; i++)
        sift_feed(s, STR("{\"deep\":[[1]]},"));
    sift_feed(s, STR("0],\"id\":\"c\"}"));
    CHECK_TEXT(text_of(a, sift_end(s, &how, &is_cut)), "{\"big\":null,\"id\":\"c\"}");
    CHECK(how == SIFT_WHOLE && is_cut && !arena_is_spent(a));
    arena_free(a);
}

TEST(depth_costs_nothing_where_nothing_is_kept_and_ends_in_null_where_it_is) {
    static const char *const PATHS[] = { "id", NULL };
    struct arena *a = arena_new(4 << 20);
    struct buf *deep = buf_in(a);
    enum sift_end how;
    buf_text(deep, "{\"d\":");
    for (int i = 0; i < 100000; i++)
        buf_char(deep, '[');
    for (int i = 0; i < 100000; i++)
        buf_char(deep, ']');
    buf_text(deep, ",\"id\":1}");
    CHECK_TEXT(kept(a, buf_view(deep), PATHS), "{\"id\":1}");
    json_t *all = sift_text(a, buf_view(deep), NULL, &how);
    CHECK(how == SIFT_WHOLE && json_integer_value(json_object_get(all, "id")) == 1);
    arena_free(a);
}

/* --- against jansson ----------------------------------------------------------------------------- */

static uint64_t seed = 1;

static unsigned roll(unsigned below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % below;
}

static void write_random(struct jsonw *w, int depth) {
    static const char *const WORDS[] = { "",      "id",       "\xC3\xA9",
                                         "\"\\/", "\n\t\x01", "\xF0\x9F\x98\x80" };
    char name[24];
    switch (depth > 6 ? 2 + roll(5) : roll(7)) {
    case 0:
        jsonw_object(w);
        for (unsigned i = 0, n = roll(6); i < n; i++) {
            snprintf(name, sizeof name, "%s%u", WORDS[roll(6)], i);
            jsonw_key_str(w, str_of(name));
            write_random(w, depth + 1);
        }
        jsonw_object_end(w);
        break;
    case 1:
        jsonw_list(w);
        for (unsigned i = 0, n = roll(6); i < n; i++)
            write_random(w, depth + 1);
        jsonw_list_end(w);
        break;
    case 2:
        jsonw_text(w, WORDS[roll(6)]);
        break;
    case 3:
        jsonw_i64(w, (int64_t)roll(1000) - 500);
        break;
    case 4:
        jsonw_double(w, (double)roll(1000) / 8);
        break;
    case 5:
        jsonw_bool(w, roll(2));
        break;
    default:
        jsonw_null(w);
    }
}

TEST(reads_what_jansson_reads_however_it_is_cut) {
    for (int round = 0; round < 3000; round++) {
        struct arena *a = arena_new(16 << 20);
        struct buf *text = buf_in(a);
        struct jsonw w = jsonw_to(text);
        const char *why;
        enum sift_end how;
        write_random(&w, 0);
        json_t *theirs = json_parse(a, buf_view(text), &why);
        struct sift *s = sift_new(a, NULL, 4 << 20);
        for (size_t at = 0; at < text->len;) {
            size_t n = 1 + roll(7);
            n = n < text->len - at ? n : text->len - at;
            sift_feed(s, (struct str){ text->ptr + at, n });
            at += n;
        }
        json_t *ours = sift_end(s, &how, NULL);
        CHECK(theirs && how == SIFT_WHOLE && json_equal(ours, theirs));
        arena_free(a);
    }
}
