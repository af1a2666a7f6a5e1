#include "test.h"

#include "base/defs.h"
#include "obs/provider.h"
#include "resilience/keyhash.h"
#include "resilience/table.h"

struct item {
    struct table_node node;
    int number;
};

static bool is_number(const struct table_node *n, const void *key) {
    return CONTAINER_OF(n, struct item, node)->number == *(const int *)key;
}

static struct table_node *find(struct table *t, int number) {
    return table_find(t, (uint64_t)number % 7, is_number, &number);
}

TEST(finds_what_was_added_and_not_what_was_removed) {
    static struct item items[1000];
    struct table t = { 0 };
    for (int i = 0; i < 1000; i++) {
        items[i].number = i;
        table_add(&t, &items[i].node, (uint64_t)i % 7); /* many share a slot and a hash */
    }
    for (int i = 0; i < 1000; i += 2)
        table_remove(&t, &items[i].node);
    for (int i = 0; i < 1000; i++)
        CHECK(find(&t, i) == (i % 2 ? &items[i].node : NULL));
    CHECK_INT(t.count, 500);
    table_fini(&t);
}

TEST(an_empty_table_finds_nothing) {
    struct table t = { 0 };
    CHECK(!find(&t, 1));
    table_fini(&t);
}

TEST(keeps_the_order_of_use) {
    struct item items[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };
    struct table t = { 0 };
    for (int i = 0; i < 3; i++)
        table_add(&t, &items[i].node, (uint64_t)i);
    table_touch(&t, &items[0].node);
    CHECK(t.newest == &items[0].node && t.oldest == &items[1].node);
    table_touch(&t, &items[0].node);
    table_remove(&t, &items[2].node);
    CHECK(t.newest->older == &items[1].node && !items[1].node.older);
    table_remove(&t, &items[1].node);
    table_remove(&t, &items[0].node);
    CHECK(!t.newest && !t.oldest);
    table_fini(&t);
}

TEST(hashes_depend_on_every_byte_and_on_where_a_pair_is_cut) {
    CHECK(keyhash_of(STR("abcdefgh1")) == keyhash_of(STR("abcdefgh1")));
    CHECK(keyhash_of(STR("abcdefgh1")) != keyhash_of(STR("abcdefgh2")));
    CHECK(keyhash_of(STR("bbcdefgh1")) != keyhash_of(STR("abcdefgh1")));
    CHECK(keyhash_of(STR("a")) != keyhash_of(STR("a\0")));
    CHECK(keyhash_pair(STR("a"), STR("bc")) != keyhash_pair(STR("ab"), STR("c")));
}

TEST(providers_have_names_and_are_found_by_them) {
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        CHECK(provider_parse(str_of(provider_name(p))) == p);
    CHECK(provider_parse(STR("nobody")) == PROVIDER_COUNT);
    CHECK_TEXT(provider_title(PROVIDER_VAPI), "Vapi");
}
