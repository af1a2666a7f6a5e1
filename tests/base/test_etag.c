#include "base/etag.h"

#include "base/defs.h"
#include "test.h"

struct row {
    const char *tags;
    bool is_match; /* of "7" */
};

static void check_rows(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (etag_matches(str_of(rows[i].tags), "\"7\"") != rows[i].is_match)
            fail_msg("If-Match: %s", rows[i].tags);
}

TEST(one_tag_is_compared_whole) {
    static const struct row ROWS[] = {
        { "\"7\"", true },   { " \"7\"\t", true }, { "\"6\"", false },   { "\"77\"", false },
        { "7", false },      { "\"7", false },     { "7\"", false },     { "", false },
        { "\"7\"x", false }, { "x\"7\"", false },  { "\"7\"\"", false },
    };
    check_rows(ROWS, ARRAY_LEN(ROWS));
}

TEST(a_weak_tag_names_the_same_version) {
    static const struct row ROWS[] = {
        { "W/\"7\"", true },  { "W/\"6\"", false },
        { "w/\"7\"", false }, /* the W is case-sensitive */
        { "W/7", false },     { "W/W/\"7\"", false },
        { "W/", false },
    };
    check_rows(ROWS, ARRAY_LEN(ROWS));
}

TEST(any_tag_of_a_list_will_do) {
    static const struct row ROWS[] = {
        { "\"6\", \"7\"", true },    { "\"7\" , W/\"x\"", true },
        { "\"6\",\"5\"", false },    { ",, \"6\" ,\t,\"7\",", true },
        { "\"6\", W/\"7\"", true },  { "nonsense, \"7\"", true },
        { "\"6,\"7\"", false },      /* "6," and then 7" */
        { "\"6,7\", \"8\"", false }, /* a comma in quotes divides nothing */
        { "\"a,\", \"7\"", true },   { ",", false },
    };
    check_rows(ROWS, ARRAY_LEN(ROWS));
}

TEST(a_star_is_any_version_and_stands_alone) {
    static const struct row ROWS[] = {
        { "*", true },    { "\t* ", true },      { "\"*\"", false },
        { "W/*", false }, { "\"6\", *", false },
    };
    check_rows(ROWS, ARRAY_LEN(ROWS));
}

TEST(a_list_that_is_not_there_matches_nothing) {
    CHECK(!etag_matches((struct str){ NULL, 0 }, "\"7\""));
}
