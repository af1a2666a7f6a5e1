#include "test.h"

#include "base/defs.h"
#include "base/mailbox.h"

TEST(addresses_that_people_have_are_taken) {
    static const char *const GOOD[] = {
        "a@b.example",
        "first.last+tag@mail.example.co.uk",
        "o'neil@example.com",
        "x_y-z=1@example.com",
        "1234567890@example.com",
        "user%other@example.com",
        "jürgen@bücher.example",
        "用户@例子.example",
        "a@xn--bcher-kva.example",
        "UPPER.Case@Example.COM",
        "a@b-c.d1.example",
    };
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
        CHECK(!mailbox_wrong(str_of(GOOD[i])));
}

TEST(what_is_no_address_or_would_be_taken_for_two_is_refused) {
    static const char *const BAD[] = {
        "",
        "a",
        "@example.com",
        "a@",
        "a@b",
        "a@localhost",
        ".a@example.com",
        "a.@example.com",
        "a..b@example.com",
        "a b@example.com",
        "a@exa mple.com",
        "a@-example.com",
        "a@example-.com",
        "a@example..com",
        "a@.example.com",
        "a@example.com.",
        "a,b@example.com",
        "a@example.com,b@example.com",
        "a@example.com;b@example.com",
        "a@b@example.com",
        "\"a b\"@example.com",
        "a@[192.0.2.1]",
        "a\n@example.com",
        "a@example.com\r\nBcc: c@example.com",
        "a\xc2\x85@example.com",
        "a\xe2\x80\xa8@example.com",
        "a\xe2\x80\xae@example.com",
        "a\xff@example.com",
        "<a@example.com>",
        "(c)a@example.com",
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        CHECK(mailbox_wrong(str_of(BAD[i])));
    CHECK(mailbox_wrong((struct str){ "a\0b@example.com", 15 }));
}

static const char *letters(struct arena *a, size_t count) {
    char *text = arena_alloc(a, count + 1);
    memset(text, 'a', count);
    text[count] = 0;
    return text;
}

TEST(lengths_are_those_of_the_standard) {
    struct arena *a = arena_new(1 << 16);
    const char *local64 = letters(a, 64), *label63 = letters(a, 63);
    CHECK(!mailbox_wrong(str_of(arena_join(a, local64, "@example.com"))));
    CHECK(mailbox_wrong(str_of(arena_join(a, local64, "a@example.com"))));
    CHECK(!mailbox_wrong(str_of(arena_join(a, "a@", label63, ".example"))));
    CHECK(mailbox_wrong(str_of(arena_join(a, "a@a", label63, ".example"))));
    const char *long_domain =
        arena_join(a, label63, ".", label63, ".", label63, ".", letters(a, 60));
    CHECK_INT(strlen(long_domain), 252);
    CHECK(!mailbox_wrong(str_of(arena_join(a, "a@", long_domain))));
    CHECK(mailbox_wrong(str_of(arena_join(a, "ab@", long_domain))));
    arena_free(a);
}

TEST(a_name_may_stand_before_it) {
    static const struct {
        const char *text, *name, *address;
    } CASES[] = {
        { "a@b.example", "", "a@b.example" },
        { " a@b.example ", "", "a@b.example" },
        { "Ada <a@b.example>", "Ada", "a@b.example" },
        { "\"Lovelace, Ada\" <a@b.example>", "Lovelace, Ada", "a@b.example" },
        { "<a@b.example>", "", "a@b.example" },
        { "Åsa Öberg <a@b.example>", "Åsa Öberg", "a@b.example" },
    };
    struct arena *a = arena_new(1 << 14);
    const char *name, *address;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        CHECK(!mailbox_split(a, str_of(CASES[i].text), &name, &address));
        CHECK_TEXT(name ? name : "", CASES[i].name);
        CHECK_TEXT(address, CASES[i].address);
    }
    static const char *const BAD[] = { "Ada a@b.example",
                                       "Ada <a@b.example",
                                       "Ada <>",
                                       "A<B> <a@b.example>",
                                       "Ada\r\nBcc: x@y.example <a@b.example>",
                                       "Ada\xe2\x80\xa9 <a@b.example>",
                                       "<a@b.example> <c@d.example>" };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        CHECK(mailbox_split(a, str_of(BAD[i]), &name, &address));
    arena_free(a);
}

TEST(addresses_are_compared_in_small_letters) {
    struct arena *a = arena_new(1 << 12);
    CHECK_TEXT(mailbox_key(a, STR("Ada.L@Example.COM")), "ada.l@example.com");
    arena_free(a);
}
