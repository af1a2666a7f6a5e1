#include "test.h"

#include <stdio.h>

#include "resilience/login_limit.h"

static const struct str ANN = { "ann@example.org", 15 }, BOB = { "bob@example.org", 15 };

static struct ratelimit_result guess(struct login_limit *l, struct str account, const char *ip,
                                     int64_t now_ms) {
    struct ratelimit_result r = login_limit_enter(l, account, str_of(ip), now_ms);
    if (r.is_allowed)
        login_limit_settle(l, account, str_of(ip), LOGIN_FAILED, now_ms);
    return r;
}

static int guesses(struct login_limit *l, struct str account, const char *ip, int tries,
                   int64_t now_ms) {
    int n = 0;
    while (tries--)
        n += guess(l, account, ip, now_ms).is_allowed;
    return n;
}

TEST(five_failures_lock_an_address_out_of_an_account_for_a_minute) {
    struct login_limit *l = login_limit_new();
    CHECK_INT(guesses(l, ANN, "1.1.1.1", 20, 0), 5);
    CHECK_INT(guess(l, ANN, "1.1.1.1", 1000).retry_after_s, 59);
    CHECK(guess(l, ANN, "2.2.2.2", 1000).is_allowed);
    CHECK(guess(l, BOB, "1.1.1.1", 1000).is_allowed);
    CHECK(!guess(l, ANN, "1.1.1.1", 59999).is_allowed);
    CHECK(guess(l, ANN, "1.1.1.1", 60000).is_allowed);
    login_limit_free(l);
}

TEST(lockouts_double_up_to_fifteen_minutes) {
    static const int64_t MINUTES[] = { 1, 2, 4, 8, 15, 15 };
    struct login_limit *l = login_limit_new();
    int64_t now = 0;
    for (size_t i = 0; i < 6; i++) {
        CHECK_INT(guesses(l, ANN, "", 20, now), 5);
        CHECK_INT(guess(l, ANN, "", now).retry_after_s, MINUTES[i] * 60);
        now += MINUTES[i] * 60000;
    }
    login_limit_free(l);
}

TEST(four_failures_in_a_minute_are_forgiven_for_ever) {
    struct login_limit *l = login_limit_new();
    for (int64_t now = 0; now < 20 * 60001; now += 60001)
        CHECK_INT(guesses(l, ANN, "", 4, now), 4);
    login_limit_free(l);
}

TEST(a_success_forgets_failures_and_lockouts) {
    struct login_limit *l = login_limit_new();
    CHECK_INT(guesses(l, ANN, "", 5, 0), 5);
    CHECK(login_limit_enter(l, ANN, STR(""), 60000).is_allowed);
    login_limit_settle(l, ANN, STR(""), LOGIN_SUCCEEDED, 60000);
    CHECK_INT(guesses(l, ANN, "", 9, 60000), 5);
    CHECK_INT(guess(l, ANN, "", 60000).retry_after_s, 60);
    login_limit_free(l);
}

TEST(an_hour_of_quiet_forgets_lockouts) {
    struct login_limit *l = login_limit_new();
    guesses(l, ANN, "", 5, 0);
    guesses(l, ANN, "", 5, 60000);
    int64_t later = 180000 + 3600001;
    guesses(l, ANN, "", 5, later);
    CHECK_INT(guess(l, ANN, "", later).retry_after_s, 60);
    login_limit_free(l);
}

TEST(guesses_side_by_side_count_before_they_are_settled) {
    struct login_limit *l = login_limit_new();
    int n = 0;
    for (int i = 0; i < 1000; i++)
        n += login_limit_enter(l, ANN, STR(""), 0).is_allowed;
    CHECK_INT(n, 5);
    login_limit_settle(l, ANN, STR(""), LOGIN_UNDECIDED, 0); /* could not be checked: given back */
    CHECK(login_limit_enter(l, ANN, STR(""), 0).is_allowed);
    CHECK(!login_limit_enter(l, ANN, STR(""), 0).is_allowed);
    login_limit_free(l);
}

TEST(thirty_tries_lock_an_address_whatever_the_account) {
    struct login_limit *l = login_limit_new();
    for (int i = 0; i < 30; i++) {
        char name[16];
        snprintf(name, sizeof name, "user%d", i);
        CHECK(guess(l, str_of(name), "1.1.1.1", 0).is_allowed);
    }
    CHECK_INT(guess(l, BOB, "1.1.1.1", 0).retry_after_s, 60);
    CHECK(guess(l, BOB, "2.2.2.2", 0).is_allowed);
    CHECK(!guess(l, STR(""), "1.1.1.1", 59999).is_allowed);
    CHECK(guess(l, STR(""), "1.1.1.1", 60000).is_allowed);
    login_limit_free(l);
}

TEST(a_try_refused_for_the_account_costs_the_address_nothing) {
    struct login_limit *l = login_limit_new();
    CHECK_INT(guesses(l, ANN, "1.1.1.1", 500, 0), 5);
    CHECK_INT(guesses(l, STR(""), "1.1.1.1", 500, 0), 25);
    login_limit_free(l);
}

/* One guess each from so many addresses; how many were let through. */
static int crowd(struct login_limit *l, struct str account, int addresses, int64_t now_ms) {
    int n = 0;
    for (int i = 0; i < addresses; i++) {
        char ip[32];
        snprintf(ip, sizeof ip, "10.0.%d.%d", i >> 8, i & 255);
        n += guess(l, account, ip, now_ms).is_allowed;
    }
    return n;
}

TEST(ten_thousand_addresses_are_slowed_down_together) {
    struct login_limit *l = login_limit_new();
    CHECK_INT(crowd(l, ANN, 10000, 0), 30);
    CHECK_INT(guess(l, ANN, "2.2.2.2", 1000).retry_after_s, 59);
    CHECK_INT(crowd(l, ANN, 10000, 60000), 30);
    CHECK_INT(crowd(l, ANN, 10000, 120000), 0);
    CHECK(guess(l, BOB, "2.2.2.2", 120000).is_allowed);
    login_limit_free(l);
}

static void sign_in(struct login_limit *l, struct str account, const char *ip, int64_t now_ms) {
    CHECK(login_limit_enter(l, account, str_of(ip), now_ms).is_allowed);
    login_limit_settle(l, account, str_of(ip), LOGIN_SUCCEEDED, now_ms);
}

TEST(an_address_that_signed_in_before_passes_a_crowd_but_guesses_no_more_than_others) {
    static const int64_t DAY = INT64_C(24) * 3600 * 1000;
    struct login_limit *l = login_limit_new();
    sign_in(l, ANN, "2.2.2.2", 0);
    CHECK_INT(crowd(l, ANN, 10000, 10 * DAY), 30);
    CHECK(!guess(l, ANN, "3.3.3.3", 10 * DAY).is_allowed);
    sign_in(l, ANN, "2.2.2.2", 10 * DAY);
    CHECK_INT(crowd(l, ANN, 10000, 10 * DAY), 0); /* a success gives the crowd nothing */
    CHECK_INT(guesses(l, ANN, "2.2.2.2", 20, 10 * DAY), 5);
    CHECK_INT(crowd(l, BOB, 10000, 10 * DAY), 30);
    CHECK(
        !login_limit_enter(l, BOB, STR("2.2.2.2"), 10 * DAY).is_allowed); /* known for Ann alone */
    login_limit_free(l);
}

static int guesses_of_device(struct login_limit *l, const char *device, int tries, int64_t now_ms) {
    int n = 0;
    while (tries--) {
        if (!login_limit_enter_device(l, str_of(device), now_ms).is_allowed)
            continue;
        login_limit_settle_device(l, str_of(device), LOGIN_FAILED, now_ms);
        n++;
    }
    return n;
}

TEST(a_browser_that_signed_in_before_is_counted_apart_from_strangers) {
    struct login_limit *l = login_limit_new();
    CHECK_INT(crowd(l, ANN, 10000, 0), 30);
    CHECK_INT(guesses(l, BOB, "2.2.2.2", 500, 0), 5);
    CHECK(login_limit_enter_device(l, STR("anns"), 0).is_allowed);
    login_limit_settle_device(l, STR("anns"), LOGIN_SUCCEEDED, 0);
    CHECK(!guess(l, ANN, "3.3.3.3", 0).is_allowed); /* its success gives strangers nothing */
    CHECK_INT(guesses_of_device(l, "anns", 20, 0), 5);
    CHECK_INT(login_limit_enter_device(l, STR("anns"), 0).retry_after_s, 60);
    CHECK_INT(guesses_of_device(l, "anns", 20, 60000), 5);
    CHECK_INT(login_limit_enter_device(l, STR("anns"), 60000).retry_after_s, 120);
    CHECK_INT(guesses_of_device(l, "another", 20, 0), 5);
    login_limit_free(l);
}

TEST(tries_of_a_browser_count_before_they_are_settled_and_a_success_forgets_them) {
    struct login_limit *l = login_limit_new();
    int n = 0;
    for (int i = 0; i < 1000; i++)
        n += login_limit_enter_device(l, STR("anns"), 0).is_allowed;
    CHECK_INT(n, 5);
    login_limit_settle_device(l, STR("anns"), LOGIN_UNDECIDED, 0);
    CHECK(login_limit_enter_device(l, STR("anns"), 0).is_allowed);
    CHECK(!login_limit_enter_device(l, STR("anns"), 0).is_allowed);
    login_limit_settle_device(l, STR("anns"), LOGIN_SUCCEEDED, 0);
    CHECK_INT(guesses_of_device(l, "anns", 20, 0), 5);
    login_limit_free(l);
}

TEST(what_strangers_try_makes_nobody_forgotten) {
    struct login_limit *l = login_limit_new();
    sign_in(l, ANN, "2.2.2.2", 0);
    CHECK_INT(guesses_of_device(l, "anns", 20, 0), 5);
    for (int i = 0; i < 300000; i++) {
        char name[16];
        snprintf(name, sizeof name, "user%d", i);
        guess(l, str_of(name), "", 0);
    }
    CHECK_INT(crowd(l, ANN, 100, 0), 30);
    sign_in(l, ANN, "2.2.2.2", 0);
    CHECK_INT(guesses_of_device(l, "anns", 20, 0), 0);
    login_limit_free(l);
}
