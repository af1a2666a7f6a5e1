#include "test.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/lift.h"

static struct arena *arena;
static struct lift lift;

/* No hash at all: the length and the first byte. */
static void hash(unsigned char out[LIFT_HASH_BYTES], struct str bytes) {
    memset(out, 0, LIFT_HASH_BYTES);
    out[0] = (unsigned char)bytes.len;
    out[1] = bytes.len ? (unsigned char)bytes.ptr[0] : 0;
}

static struct str lifted(const char *text) {
    return lift_files(arena, str_of(text), hash, &lift);
}

static struct str one(const char *content) {
    lifted(arena_printf(arena, "{\"attachments\":[{\"content\":\"%s\"}]}", content));
    CHECK_INT(lift.count, 1);
    CHECK(!lift.items[0].why);
    return lift.items[0].bytes;
}

static const char *why(const char *content) {
    lifted(arena_printf(arena, "{\"attachments\":[{\"content\":\"%s\"}]}", content));
    CHECK_INT(lift.count, 1);
    CHECK(lift.items[0].why != NULL);
    return lift.items[0].why ? lift.items[0].why : "";
}

TEST(a_file_is_taken_out_and_found_by_what_stands_in_its_place) {
    const char *wrong;
    arena = arena_new(1 << 20);
    struct str rest =
        lifted("{\"to\":\"a\", \"attachments\": [ { \"filename\" : \"a\", \"content\" : "
               "\"aGVsbG8=\" }, {\"content\":\"eA==\",\"x\":{\"content\":\"stays\"}} ] }");
    json_t *tree = json_parse(arena, rest, &wrong);
    CHECK(tree != NULL);
    CHECK_INT(lift.count, 2);
    json_t *list = json_object_get(tree, "attachments");
    const char *mark = json_text(json_array_get(list, 0), "content");
    CHECK(lift_find(&lift, mark) == &lift.items[0]);
    CHECK(str_is(lift.items[0].bytes, "hello"));
    CHECK(str_is(lift.items[1].bytes, "x"));
    CHECK_TEXT(json_text(json_object_get(json_array_get(list, 1), "x"), "content"), "stays");
    CHECK(!lift_find(&lift, "0"));
    CHECK(!lift_find(NULL, mark));
    CHECK(str_starts(str_of(lift_hex(&lift.items[0])), STR("0568")));
    arena_free(arena);
}

TEST(only_what_stands_where_files_do_is_taken) {
    arena = arena_new(1 << 20);
    static const char *const STAY[] = { "{\"content\":\"aGVsbG8=\"}",
                                        "[{\"content\":\"aGVsbG8=\"}]",
                                        "{\"a\":{\"b\":{\"content\":\"aGVsbG8=\"}}}",
                                        "{\"a\":[{\"b\":[{\"content\":\"aGVsbG8=\"}]}]}",
                                        "{\"a\":[{\"content\":5}]}",
                                        "{\"a\":[{\"text\":\"\\\"content\\\":\\\"x\\\"\"}]}",
                                        "{\"a\":[{\"x\":\"content\"}]}",
                                        "{\"a\":[{\"content\":\"never ends",
                                        "{\"a\":[{\"content\":\"never ends\\\"",
                                        "{\"a\":[{\"content\"",
                                        "{\"a\":[{\"content\":",
                                        "\"",
                                        "" };
    for (size_t i = 0; i < ARRAY_LEN(STAY); i++) {
        CHECK(str_is(lifted(STAY[i]), STAY[i]));
        CHECK_INT(lift.count, 0);
    }
    arena_free(arena);
}

TEST(base64_is_read_as_encoders_write_it) {
    arena = arena_new(1 << 20);
    CHECK(str_is(one("aGVsbG8="), "hello"));
    CHECK(str_is(one("aGVs\\nbG8=\\n"), "hello"));                   /* openssl, Ruby */
    CHECK(str_is(one("aGVs\\r\\nbG8=\\r\\n"), "hello"));             /* MIME */
    CHECK(str_is(one("aGVsbG8\\u003d"), "hello"));                   /* Gson */
    CHECK(str_eq(one("\\u002B\\/\\u002b\\/"), STR("\xfb\xff\xbf"))); /* .NET, PHP */
    CHECK(str_is(one("eHg="), "xx"));
    CHECK_INT(one("").len, 0);
    arena_free(arena);
}

TEST(what_is_no_base64_is_told_by_what_it_is) {
    arena = arena_new(1 << 20);
    CHECK(strstr(why("data:text/plain;base64,aGVsbG8="), "data:") != NULL);
    CHECK(strstr(why("_-8="), "base64url") != NULL);
    CHECK(strstr(why("aGVsbG8"), "cut off") != NULL);
    CHECK(strstr(why("aGVsb"), "cut off") != NULL);
    CHECK(strstr(why("aGVsbG8=="), "cut off") != NULL);
    CHECK(strstr(why("aGVsbG8=eA=="), "behind") != NULL);
    CHECK(strstr(why("Hello, world!"), "no base64") != NULL);
    CHECK(strstr(why("aG\\u00e9="), "no base64") != NULL);
    CHECK(strstr(why("aG\nVs"), "no base64") != NULL);
    CHECK(strstr(why("=aGVs"), "behind") != NULL);
    arena_free(arena);
}

TEST(the_same_files_written_otherwise_are_the_same_text) {
    arena = arena_new(1 << 20);
    struct str a = lifted("{\"a\":[{\"content\":\"aGVsbG8=\"}]}");
    CHECK(str_eq(a, lifted("{\"a\":[{\"content\":\"aGVs\\nbG8=\"}]}")));
    CHECK(!str_eq(a, lifted("{\"a\":[{\"content\":\"aGVsbG8hISE=\"}]}")));
    arena_free(arena);
}

TEST(of_too_many_the_rest_is_not_kept) {
    arena = arena_new(1 << 20);
    struct buf b = { 0 };
    buf_text(&b, "{\"a\":[");
    for (int i = 0; i < 30; i++)
        buf_printf(&b, "%s{\"content\":\"aGVsbG8=\"}", i ? "," : "");
    buf_text(&b, "]}");
    const char *wrong;
    json_t *tree = json_parse(arena, lift_files(arena, buf_view(&b), hash, &lift), &wrong);
    CHECK_INT(lift.count, LIFT_MAX);
    CHECK_TEXT(json_text(json_array_get(json_object_get(tree, "a"), 29), "content"), "-");
    CHECK(!lift_find(&lift, "-"));
    buf_fini(&b);
    arena_free(arena);
}
