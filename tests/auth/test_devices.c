#include "auth/devices.h"

#include "auth/home.h"
#include "store/devices.h"
#include "test.h"

static const int64_t DAY = INT64_C(24) * 3600 * 1000;

static bool is_known(struct home *h, const char *cookie, const char *email) {
    bool found = true;
    CHECK_INT(auth_device_find(home_ctx(h), str_of(cookie), email, &found), OK);
    return found;
}

static const char *keep(struct home *h, const char *cookie, const char *user_id) {
    const char *out = NULL;
    CHECK_INT(auth_device_keep(home_ctx(h), str_of(cookie), user_id, &out), OK);
    return out;
}

TEST(a_browser_is_known_for_who_signed_in_with_it_and_nobody_else) {
    struct home h;
    struct user bob;
    home_open(&h);
    CHECK_INT(people_create(home_ctx(&h), "bob@example.com", STR(PASSWORD), "Bob", false, &bob),
              OK);
    const char *cookie = keep(&h, "", h.admin.id);
    CHECK(is_known(&h, cookie, "ADA@example.com"));
    CHECK(!is_known(&h, cookie, "bob@example.com"));
    CHECK(!is_known(&h, "", "ada@example.com"));
    CHECK(!is_known(&h, "0000000000000000000000000000000000000000000", "ada@example.com"));
    CHECK_TEXT(keep(&h, cookie, h.admin.id), cookie);
    /* Whoever else signs in there gets one of their own. */
    assert_string_not_equal(keep(&h, cookie, bob.id), cookie);
    CHECK(!is_known(&h, cookie, "bob@example.com"));
    /* Nothing that a browser brings along becomes known. */
    const char *own = "1111111111111111111111111111111111111111111";
    assert_string_not_equal(keep(&h, own, bob.id), own);
    CHECK(!is_known(&h, own, "bob@example.com"));
    CHECK_TEXT(temp_sql(&h.t, arena_printf(h.t.arena,
                                           "SELECT count(*) FROM devices WHERE instr(token_hash,"
                                           " '%s') > 0",
                                           cookie)),
               "0");
    home_close(&h);
}

TEST(half_a_year_without_a_sign_in_forgets_a_browser) {
    struct home h;
    home_open(&h);
    const char *one = keep(&h, "", h.admin.id), *other = keep(&h, "", h.admin.id);
    home_later(&h, (DEVICE_DAYS - 1) * DAY);
    CHECK_TEXT(keep(&h, one, h.admin.id), one);
    home_later(&h, 2 * DAY);
    CHECK(is_known(&h, one, "ada@example.com"));
    CHECK(!is_known(&h, other, "ada@example.com"));
    CHECK_INT(auth_sweep(home_ctx(&h)), OK);
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM devices"), "1");
    home_close(&h);
}

TEST(of_too_many_browsers_the_one_unused_for_longest_goes) {
    struct home h;
    const char *cookies[DEVICES_MAX + 1];
    home_open(&h);
    for (int i = 0; i <= DEVICES_MAX; i++) {
        home_later(&h, 1000);
        cookies[i] = keep(&h, "", h.admin.id);
        if (i == DEVICES_MAX - 1)
            keep(&h, cookies[0], h.admin.id);
    }
    CHECK(is_known(&h, cookies[0], "ada@example.com"));
    CHECK(!is_known(&h, cookies[1], "ada@example.com"));
    CHECK(is_known(&h, cookies[2], "ada@example.com"));
    home_close(&h);
}

TEST(a_new_password_makes_all_browsers_strangers) {
    struct home h;
    struct user user;
    struct password_changed changed;
    home_open(&h);
    const char *cookie = keep(&h, "", h.admin.id);
    struct user_change name = { .has_name = true, .name = "Ada L." };
    CHECK_INT(people_change(home_operator(&h), h.admin.id, &name, &user), OK);
    CHECK(is_known(&h, cookie, "ada@example.com"));
    struct password_change own = { STR(PASSWORD), STR("another long password"), false };
    CHECK_INT(auth_password_change(home_ctx(&h), &user, &own, &changed), OK);
    CHECK(!is_known(&h, cookie, "ada@example.com"));
    cookie = keep(&h, "", h.admin.id);
    struct user_change given = { .has_password = true, .password = STR("a third long password") };
    CHECK_INT(people_change(home_operator(&h), h.admin.id, &given, &user), OK);
    CHECK(!is_known(&h, cookie, "ada@example.com"));
    home_close(&h);
}
