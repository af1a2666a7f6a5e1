#include "test.h"

#include "auth/home.h"

static const char *login(struct home *h) {
    struct grant g;
    CHECK_INT(auth_login(home_ctx(h), "ada@example.com", STR(PASSWORD), &g), OK);
    return g.cookie;
}

TEST(signing_in_gives_a_cookie_that_names_the_user_and_its_csrf_token) {
    struct home h;
    struct grant g;
    home_open(&h);
    CHECK_INT(auth_login(home_ctx(&h), "Ada@Example.com", STR(PASSWORD), &g), OK);
    CHECK(strlen(g.cookie) == 43 && strcmp(g.user.id, h.admin.id) == 0);
    CHECK(home_session_is_good(&h, g.cookie));
    CHECK_TEXT(h.t.ctx.who.user_id, h.admin.id);
    CHECK(h.t.ctx.who.is_admin && h.t.ctx.who.role == ROLE_OWNER);
    CHECK(auth_csrf_matches(&h.t.ctx, str_of(g.csrf)));
    CHECK(!auth_csrf_matches(&h.t.ctx, STR("")) && !auth_csrf_matches(&h.t.ctx, str_of(g.cookie)));
    CHECK_TEXT(temp_sql(&h.t, arena_printf(
                                  h.t.arena,
                                  "SELECT count(*) FROM sessions WHERE hex(id_hash) LIKE '%%%s%%'",
                                  g.cookie)),
               "0");
    home_close(&h);
}

TEST(a_wrong_password_and_an_unknown_address_are_told_the_same_words) {
    struct home h;
    struct grant g;
    home_open(&h);
    CHECK_INT(auth_login(home_ctx(&h), "ada@example.com", STR("not the password"), &g),
              ERR_INVALID);
    const char *words = h.t.ctx.problem.fields[0].message;
    int64_t began = ava_now_us();
    CHECK_INT(auth_login(home_ctx(&h), "bob@example.com", STR(PASSWORD), &g), ERR_INVALID);
    CHECK(ava_now_us() - began > 10000); /* it took the way of a password */
    CHECK_TEXT(h.t.ctx.problem.fields[0].message, words);
    CHECK_TEXT(h.t.ctx.problem.fields[0].field, "password");
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM audit_log WHERE action = 'login.failed'"), "1");
    CHECK_TEXT(temp_sql(&h.t, "SELECT sum(count) FROM stranger_failures"), "1");
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM sessions"), "0");
    home_close(&h);
}

TEST(an_id_serves_fifteen_minutes_and_can_be_refreshed_for_eight_idle_hours) {
    struct home h;
    struct grant g;
    home_open(&h);
    const char *cookie = login(&h);
    home_later(&h, 15 * 60 * 1000 - 1);
    CHECK(home_session_is_good(&h, cookie));
    home_later(&h, 1001);
    CHECK(!home_session_is_good(&h, cookie));
    CHECK_INT(auth_refresh(home_ctx(&h), str_of(cookie), &g), OK);
    CHECK(home_session_is_good(&h, g.cookie) && strcmp(g.cookie, cookie) != 0);
    home_later(&h, INT64_C(8) * 3600 * 1000);
    struct grant late;
    CHECK_INT(auth_refresh(home_ctx(&h), str_of(g.cookie), &late), ERR_SESSION_REQUIRED);
    home_close(&h);
}

TEST(no_refresh_leads_past_seven_days) {
    struct home h;
    struct grant g;
    home_open(&h);
    const char *cookie = login(&h);
    int refreshes = 0;
    for (; refreshes < 100; refreshes++) {
        home_later(&h, INT64_C(7) * 3600 * 1000);
        if (auth_refresh(home_ctx(&h), str_of(cookie), &g) != OK)
            break;
        cookie = g.cookie;
    }
    CHECK_INT(refreshes, 23); /* 161 hours of 168 */
    home_close(&h);
}

TEST(the_old_id_serves_thirty_seconds_more_and_its_later_use_ends_them_all) {
    struct home h;
    struct grant g, again;
    home_open(&h);
    const char *old = login(&h);
    CHECK_INT(auth_refresh(home_ctx(&h), str_of(old), &g), OK);
    home_later(&h, 29000);
    CHECK(home_session_is_good(&h, old) && home_session_is_good(&h, g.cookie));
    home_later(&h, 1500);
    CHECK_INT(auth_refresh(home_ctx(&h), str_of(old), &again), ERR_SESSION_REQUIRED);
    CHECK(strstr(h.t.ctx.problem.detail, "old copy") != NULL);
    CHECK(!home_session_is_good(&h, g.cookie) && !home_session_is_good(&h, old));
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM sessions"), "0");
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM audit_log WHERE action = 'session.reused'"),
               "1");
    home_close(&h);
}

TEST(an_old_id_used_as_a_session_ends_them_all_too) {
    struct home h;
    struct grant g;
    home_open(&h);
    const char *old = login(&h), *other = login(&h);
    CHECK_INT(auth_refresh(home_ctx(&h), str_of(old), &g), OK);
    home_later(&h, 31500);
    CHECK(!home_session_is_good(&h, old));
    CHECK(!home_session_is_good(&h, g.cookie));
    CHECK(home_session_is_good(&h, other)); /* another sign-in is another family */
    home_close(&h);
}

TEST(signing_out_ends_the_session_at_once_for_every_id_of_it) {
    struct home h;
    struct grant g;
    home_open(&h);
    const char *cookie = login(&h);
    CHECK_INT(auth_refresh(home_ctx(&h), str_of(cookie), &g), OK);
    CHECK(home_session_is_good(&h, cookie));
    CHECK_INT(auth_logout(home_ctx(&h), str_of(g.cookie)), OK);
    CHECK(!home_session_is_good(&h, g.cookie) && !home_session_is_good(&h, cookie));
    CHECK_INT(auth_logout(home_ctx(&h), STR("what is this")), OK);
    home_close(&h);
}

TEST(a_setup_token_works_once_and_thirty_minutes) {
    struct home h;
    struct grant g;
    const char *token, *late;
    home_open(&h);
    CHECK_INT(auth_setup_token(home_ctx(&h), &token), OK);
    token = arena_strdup(h.t.arena, token);
    CHECK_INT(auth_setup(home_ctx(&h), STR("another"), "b@x.yz", STR(PASSWORD), NULL, &g),
              ERR_FORBIDDEN);
    CHECK_INT(auth_setup(home_ctx(&h), str_of(token), "b@x.yz", STR("short"), NULL, &g),
              ERR_INVALID);
    CHECK_INT(auth_setup(home_ctx(&h), str_of(token), "b@x.yz", STR(PASSWORD), NULL, &g), OK);
    CHECK(home_session_is_good(&h, g.cookie));
    CHECK_INT(auth_setup(home_ctx(&h), str_of(token), "c@x.yz", STR(PASSWORD), NULL, &g),
              ERR_FORBIDDEN);
    CHECK_INT(auth_setup_token(home_ctx(&h), &late), OK);
    home_later(&h, SETUP_LINK_MINUTES * 60 * 1000);
    CHECK_INT(auth_setup(home_ctx(&h), str_of(late), "c@x.yz", STR(PASSWORD), NULL, &g),
              ERR_FORBIDDEN);
    bool needed = true;
    CHECK_INT(auth_setup_needed(home_ctx(&h), &needed), OK);
    CHECK(!needed);
    home_close(&h);
}

TEST(sweeping_removes_only_what_is_over) {
    struct home h;
    home_open(&h);
    login(&h);
    home_later(&h, INT64_C(9) * 3600 * 1000);
    const char *young = login(&h);
    CHECK_INT(auth_sweep(home_ctx(&h)), OK);
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM sessions"), "1");
    CHECK(home_session_is_good(&h, young));
    home_close(&h);
}
