#include "base/tree.h"

#include <string.h>
#include <time.h>

#include <string.h>

#include "base/json.h"
#include "base/jsonw.h"
#include "test.h"

static struct arena *a;

static json_t *tree(const char *text) {
    const char *why = "";
    json_t *t = json_parse(a, str_of(text), &why);
    if (!t)
        print_error("%s: %s\n", text, why);
    CHECK(t != NULL);
    return t;
}

static const char *text_of(const json_t *t) {
    return str_dup(a, tree_text(a, t));
}

/* RFC 7396, appendix A; those whose result holds null are left out: what Ava merges into has none. */
TEST(a_merge_patch_does_what_its_rfc_says) {
    static const char *const CASES[][3] = {
        { "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
        { "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
        { "{\"a\":\"b\"}", "{\"a\":null}", "{}" },
        { "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
        { "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
        { "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}" },
        { "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}" },
        { "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
        { "[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]" },
        { "{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]" },
        { "[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}" },
        { "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
    };
    a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        json_t *target = tree(CASES[i][0]);
        json_t *merged = tree_in(a, tree_merged(target, tree(CASES[i][1])));
        CHECK_TEXT(text_of(merged), CASES[i][2]);
        CHECK_TEXT(text_of(target), CASES[i][0]);
    }
    CHECK_TEXT(text_of(tree_in(a, tree_merged(NULL, tree("{\"a\":1}")))), "{\"a\":1}");
    arena_free(a);
}

TEST(numbers_are_compared_by_value_and_nothing_only_with_nothing) {
    a = arena_new(1 << 20);
    CHECK(tree_same(tree("{\"a\":[1,{\"b\":2}]}"), tree("{\"a\":[1.0,{\"b\":2.0}]}")));
    CHECK(tree_same(tree("{\"a\":1,\"b\":2}"), tree("{\"b\":2,\"a\":1}")));
    CHECK(!tree_same(tree("[1,2]"), tree("[2,1]")));
    CHECK(!tree_same(tree("[1]"), tree("[1,1]")));
    CHECK(!tree_same(tree("{\"a\":null}"), tree("{}")));
    CHECK(!tree_same(tree("1"), tree("\"1\"")));
    CHECK(!tree_same(tree("null"), NULL) && tree_same(NULL, NULL));
    arena_free(a);
}

static void note(void *arg, struct str pointer, const json_t *before, const json_t *after) {
    struct buf *out = arg;
    buf_printf(out, "%.*s: %s > %s\n", STR_FMT(pointer), before ? text_of(before) : "-",
               after ? text_of(after) : "-");
}

static const char *differences(const char *before, const char *after) {
    struct buf *out = buf_in(a);
    struct tree_pair was = { tree(before), tree(before) }, is = { tree(after), tree(after) };
    tree_diff(was, is, note, out);
    return buf_view(out).ptr;
}

TEST(differences_are_told_as_deep_as_both_have_the_same_shape) {
    a = arena_new(1 << 20);
    CHECK_TEXT(differences("{\"a\":1}", "{\"a\":1.0}"), "");
    CHECK_TEXT(
        differences("{\"a\":1,\"b\":{\"c\":2,\"d\":3}}", "{\"b\":{\"c\":4,\"d\":3},\"e\":5}"),
        "/a: 1 > -\n/b/c: 2 > 4\n/e: - > 5\n");
    CHECK_TEXT(differences("[{\"a\":1},2]", "[{\"a\":3},2]"), "/0/a: 1 > 3\n");
    CHECK_TEXT(differences("{\"l\":[1]}", "{\"l\":[1,2]}"), "/l: [1] > [1,2]\n");
    CHECK_TEXT(differences("{\"x\":{\"y\":1}}", "{\"x\":[1]}"), "/x: {\"y\":1} > [1]\n");
    CHECK_TEXT(differences("{\"a/b\":{\"c~d\":1}}", "{\"a/b\":{\"c~d\":2}}"),
               "/a~1b/c~0d: 1 > 2\n");
    arena_free(a);
}

TEST(what_is_told_is_what_may_be_shown_also_where_that_looks_the_same) {
    a = arena_new(1 << 20);
    struct buf *out = buf_in(a);
    struct tree_pair was = { tree("{\"k\":\"one\"}"), tree("{\"k\":\"**\"}") };
    struct tree_pair is = { tree("{\"k\":\"two\"}"), tree("{\"k\":\"**\"}") };
    tree_diff(was, is, note, out);
    CHECK_TEXT(buf_view(out).ptr, "/k: \"**\" > \"**\"\n");
    arena_free(a);
}

TEST(what_is_long_differs_as_a_whole) {
    a = arena_new(8 << 20);
    char *name = arena_alloc(a, 301), *one = arena_printf(a, "[0"), *two = arena_printf(a, "[1");
    memset(name, 'n', 300);
    CHECK_TEXT(differences(arena_printf(a, "{\"%s\":[0,{\"x\":1}]}", name),
                           arena_printf(a, "{\"%s\":[0,{\"x\":2}]}", name)),
               arena_printf(a, "/%s: [0,{\"x\":1}] > [0,{\"x\":2}]\n", name));
    for (int i = 0; i < 1000; i++) {
        one = arena_join(a, one, ",0");
        two = arena_join(a, two, ",1");
    }
    const char *whole = arena_join(a, "/x: ", one, "] > ", two, "]\n");
    CHECK_TEXT(
        differences(arena_join(a, "{\"x\":", one, "]}"), arena_join(a, "{\"x\":", two, "]}")),
        whole);
    arena_free(a);
}

/* Thirty objects in each other, the innermost with many members. */
static json_t *deep(size_t members, int value) {
    json_t *tree = json_object();
    for (size_t i = 0; i < members; i++)
        json_object_set_new(tree, arena_printf(a, "m%zu", i), json_integer(value));
    for (int i = 0; i < 30; i++)
        tree = json_pack("{s:o}", "d", tree);
    return tree_in(a, tree);
}

static int64_t cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void count(void *arg, struct str pointer, const json_t *before, const json_t *after) {
    ++*(size_t *)arg;
}

TEST(depth_does_not_multiply_the_work) {
    a = arena_new(64 << 20);
    json_t *was = deep(30000, 0), *is = deep(30000, 1);
    size_t told = 0;
    int64_t begun = cpu_us();
    json_t *copy = json_deep_copy(is);
    int64_t a_copy = cpu_us() - begun;
    begun = cpu_us();
    json_t *merged = tree_merged(was, is);
    tree_diff((struct tree_pair){ was, was }, (struct tree_pair){ merged, merged }, count, &told);
    int64_t took = cpu_us() - begun;
    CHECK(tree_same(merged, is));
    CHECK_INT(told, 30000);
    CHECK(took <
          12 * a_copy + 10000); /* thirty times as much, and more, when each level is a copy */
    json_decref(copy);
    json_decref(merged);
    arena_free(a);
}
