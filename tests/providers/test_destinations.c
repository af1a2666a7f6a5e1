#include "test.h"

#include <string.h>

#include "base/encode.h"
#include "providers/destinations.h"

/* The example of the specification (standardwebhooks.com, read 2026-11-21). */
static const char SECRET[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char ID[] = "msg_p5jXN8AQM9LWM0D4loKWxJek";

TEST(signs_as_the_specification_does) {
    struct arena *a = arena_new(1 << 16);
    struct secret s = { 0 };
    secret_field_add(&s, STR("secret"), str_of(SECRET));
    CHECK_TEXT(destination_signature(a, &s, ID, 1614265330, STR("{\"test\": 2432232314}")),
               "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    arena_free(a);
}

TEST(a_former_secret_signs_beside_the_new_one) {
    struct arena *a = arena_new(1 << 16);
    struct secret old = { 0 }, both = { 0 };
    const char *fresh = destination_secret_make(a);
    secret_field_add(&old, STR("secret"), str_of(SECRET));
    secret_field_add(&both, STR("secret"), str_of(fresh));
    secret_field_add(&both, STR("former"), str_of(SECRET));
    const char *one = destination_signature(a, &old, ID, 1, STR("{}"));
    const char *two = destination_signature(a, &both, ID, 1, STR("{}"));
    struct str rest, first = str_cut(str_of(two), ' ', &rest);
    CHECK(str_starts(first, STR("v1,")) && !str_is(first, one));
    CHECK(str_is(rest, one));
    arena_free(a);
}

TEST(secrets_are_what_the_specification_says) {
    struct arena *a = arena_new(1 << 16);
    struct str key;
    const char *one = destination_secret_make(a), *other = destination_secret_make(a);
    CHECK(str_starts(str_of(one), STR("whsec_")) && strcmp(one, other) != 0);
    CHECK(base64_decode(a, str_of(one + 6), &key));
    CHECK_INT(key.len, DESTINATION_SECRET_BYTES);
    arena_free(a);
}

TEST(what_is_no_secret_signs_nothing) {
    struct arena *a = arena_new(1 << 16);
    struct secret s = { 0 }, none = { 0 };
    secret_field_add(&s, STR("secret"), STR("whsec_not base64"));
    CHECK(!destination_signature(a, &s, ID, 1, STR("{}")));
    CHECK(!destination_signature(a, &none, ID, 1, STR("{}")));
    arena_free(a);
}
