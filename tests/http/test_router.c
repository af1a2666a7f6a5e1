#include "test.h"

#include <string.h>

#include "http/router.h"

struct row {
    int before;
    struct router_template t;
    int behind;
};

static const struct row TABLE[] = {
    { 0, { METHOD_GET, "/" }, 0 },
    { 0, { METHOD_GET, "/events" }, 0 },
    { 0, { METHOD_GET, "/events/{id}" }, 0 },
    { 0, { METHOD_DELETE, "/events/{id}" }, 0 },
    { 0, { METHOD_POST, "/events/replay" }, 0 },
    { 0, { METHOD_POST, "/events/{id}/replay" }, 0 },
};

static struct router_match find(enum http_method m, const char *path) {
    struct router *r = router_new(&TABLE[0].t, sizeof TABLE[0], sizeof TABLE / sizeof *TABLE);
    struct router_match found;
    router_find(r, m, str_of(path), &found);
    router_free(r);
    return found;
}

TEST(a_path_finds_its_template_and_its_parameters) {
    CHECK_INT(find(METHOD_GET, "/").index, 0);
    CHECK_INT(find(METHOD_GET, "/events").index, 1);
    struct router_match m = find(METHOD_DELETE, "/events/evt%201");
    CHECK_INT(m.index, 3);
    CHECK(str_is(m.params[0], "evt%201"));
    CHECK_INT(find(METHOD_POST, "/events/replay").index, 4);
    CHECK_INT(find(METHOD_POST, "/events/x/replay").index, 5);
}

TEST(head_finds_what_get_has) {
    CHECK_INT(find(METHOD_HEAD, "/events").index, 1);
    CHECK_INT(find(METHOD_HEAD, "/events/x/replay").index, ROUTER_NONE);
}

TEST(an_empty_segment_or_a_slash_too_many_is_another_path) {
    static const char *const BAD[] = { "",
                                       "events",
                                       "//",
                                       "/events/",
                                       "//events",
                                       "/events//replay",
                                       "/events/x/",
                                       "/events/x/replay/",
                                       "/Events",
                                       "/nothing",
                                       "/a/b/c/d/e/f/g/h/i/j/k/l/m" };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct router_match m = find(METHOD_GET, BAD[i]);
        CHECK(m.index == ROUTER_NONE && !m.path_exists);
    }
}

TEST(another_method_on_a_known_path_says_which_there_are) {
    struct arena *a = arena_new(4096);
    struct router_match m = find(METHOD_PUT, "/events/x");
    CHECK(m.index == ROUTER_NONE && m.path_exists);
    CHECK_TEXT(router_allow(a, m.allowed), "GET, HEAD, DELETE");
    arena_free(a);
}
