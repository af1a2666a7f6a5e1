#include "base/tree_index.h"

#include "base/json.h"
#include "base/tree.h"
#include "test.h"

static struct arena *a;

static json_t *tree(const char *text) {
    const char *why = "";
    json_t *t = json_parse(a, str_of(text), &why);
    CHECK(t != NULL);
    return t;
}

static bool same_hash(const char *one, const char *two) {
    const json_t *x = tree(one), *y = tree(two);
    const struct tree_index *ix = tree_index_of(a, x, y);
    return tree_index_hash(ix, x) == tree_index_hash(ix, y);
}

TEST(values_that_are_the_same_have_one_hash) {
    a = arena_new(1 << 20);
    CHECK(same_hash("{\"a\":1,\"b\":[null,\"x\"]}", "{\"b\":[null,\"x\"],\"a\":1.0}"));
    CHECK(same_hash("[0.0]", "[-0.0]"));
    CHECK(same_hash("{}", "{}"));
    arena_free(a);
}

TEST(other_values_have_others) {
    static const char *const ALL[] = { "null",
                                       "true",
                                       "false",
                                       "0",
                                       "1",
                                       "\"\"",
                                       "\"0\"",
                                       "[]",
                                       "{}",
                                       "[[]]",
                                       "[{}]",
                                       "{\"a\":0}",
                                       "{\"b\":0}",
                                       "{\"a\":1}",
                                       "[0,1]",
                                       "[1,0]",
                                       "[01]",
                                       "[1]",
                                       "[[1]]",
                                       "[\"ab\"]",
                                       "[\"ba\"]",
                                       "[true]",
                                       "\"12345678\"",
                                       "[null]",
                                       "[0]",
                                       "[]",
                                       "\"a\"",
                                       "\"\\u0061b\"",
                                       "{\"a\":\"b\"}",
                                       "{\"b\":\"a\"}" };
    a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(ALL); i++)
        for (size_t k = 0; k < ARRAY_LEN(ALL); k++) {
            const char *why;
            json_t *x = json_parse(a, str_of(ALL[i]), &why),
                   *y = json_parse(a, str_of(ALL[k]), &why);
            if (x && y)
                CHECK(same_hash(ALL[i], ALL[k]) == tree_same(x, y));
        }
    arena_free(a);
}

TEST(an_entry_is_found_from_a_place_on_and_around) {
    a = arena_new(1 << 20);
    const json_t *list = tree("[{\"k\":1},2,{\"k\":1.0},\"x\"]"), *asked = tree("[{\"k\":1},3]");
    const struct tree_index *ix = tree_index_of(a, list, asked);
    const struct tree_places p = tree_places_of(a, ix, list);
    CHECK_INT(tree_places_find(&p, json_array_get(asked, 0), 0), 0);
    CHECK_INT(tree_places_find(&p, json_array_get(asked, 0), 1), 2);
    CHECK_INT(tree_places_find(&p, json_array_get(asked, 0), 3), 0);
    CHECK_INT(tree_places_find(&p, json_array_get(asked, 1), 0), 4);
    arena_free(a);
}
