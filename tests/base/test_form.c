#include "test.h"

#include <string.h>

#include "base/form.h"

static bool parse(struct arena *a, const char *text, struct form *f) {
    return form_parse(a, str_of(text), f);
}

TEST(pairs_come_decoded_in_their_order_with_repeats) {
    struct arena *a = arena_new(1 << 20);
    struct form f;
    CHECK(parse(a, "a=1&b=x+y%2B%26&a=2&&c&=d&e=", &f));
    CHECK_INT(f.count, 6);
    CHECK(str_is(f.pairs[1].name, "b") && str_is(f.pairs[1].value, "x y+&"));
    CHECK(str_is(form_find(&f, "a"), "1") && str_is(f.pairs[2].value, "2"));
    CHECK(str_is(f.pairs[3].name, "c") && f.pairs[3].value.len == 0 && form_find(&f, "e").ptr);
    CHECK(form_find(&f, "nothing").ptr == NULL);
    CHECK(parse(a, "", &f) && f.count == 0);
    arena_free(a);
}

TEST(a_broken_escape_or_too_many_pairs_are_refused) {
    static const char *const BAD[] = { "a=%", "a=%4", "a=%4g", "%zz=1", "a=1&b=%-1" };
    struct arena *a = arena_new(1 << 20);
    struct form f;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        CHECK(!parse(a, BAD[i], &f));
    char many[2 * FORM_PAIRS_MAX + 2];
    for (int i = 0; i <= FORM_PAIRS_MAX; i++)
        memcpy(many + 2 * i, "a&", 2);
    CHECK(form_parse(a, (struct str){ many, 2 * FORM_PAIRS_MAX - 1 }, &f));
    CHECK(!form_parse(a, (struct str){ many, 2 * FORM_PAIRS_MAX + 1 }, &f));
    arena_free(a);
}
