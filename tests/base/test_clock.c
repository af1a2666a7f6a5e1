#include "base/defs.h"
#include "test.h"

#include "base/clock.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

TEST(rfc3339_round_trips) {
    char text[32];
    int64_t ms;
    clock_rfc3339(1795168800123, text);
    CHECK_TEXT(text, "2026-11-20T10:00:00.123Z");
    CHECK(clock_parse_rfc3339(text, strlen(text), &ms));
    CHECK(ms == 1795168800123);
    CHECK(clock_parse_rfc3339("1970-01-01T01:00:00+01:00", 25, &ms) && ms == 0);
    CHECK(clock_parse_rfc3339("2024-02-29T00:00:00Z", 20, &ms));
    clock_rfc3339(-1, text);
    CHECK_TEXT(text, "1969-12-31T23:59:59.999Z");
}

TEST(rfc3339_refuses_what_is_no_time) {
    int64_t ms;
    CHECK(!clock_parse_rfc3339("2023-02-29T00:00:00Z", 20, &ms));
    CHECK(!clock_parse_rfc3339("2023-13-01T00:00:00Z", 20, &ms));
    CHECK(!clock_parse_rfc3339("2023-01-01T00:00:00", 19, &ms));
    CHECK(!clock_parse_rfc3339("2023-01-01 00:00:00Z", 20, &ms));
    CHECK(!clock_parse_rfc3339("2023-01-01T00:00:00.Z", 21, &ms));
}

TEST(http_dates_round_trip) {
    char text[32];
    int64_t ms;
    clock_http_date(784111777000, text);
    CHECK_TEXT(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(clock_parse_http_date(text, strlen(text), &ms) && ms == 784111777000);
    CHECK(!clock_parse_http_date("Sun, 06 Nov 1994 08:49:37 CET", 29, &ms));
}

static int64_t in_2026(void) {
    return 1795161600000;
}

/* -1: refused. */
static int64_t http_date(const char *text) {
    int64_t ms = -1;
    clock_parse_http_date(text, strlen(text), &ms);
    return ms;
}

TEST(http_dates_are_read_in_their_two_older_forms_too) {
    clock_replace(&(struct clock_seams){ .wall_ms = in_2026 });
    CHECK(http_date("Sunday, 06-Nov-94 08:49:37 GMT") == 784111777000);
    CHECK(http_date("Sun Nov  6 08:49:37 1994") == 784111777000);
    CHECK(http_date("Wednesday, 16-Nov-94 08:49:37 GMT") == 784975777000);
    CHECK(http_date("Wed Nov 16 08:49:37 1994") == 784975777000);
    CHECK(http_date("Friday, 20-Nov-26 08:00:00 GMT") == in_2026());
    CHECK(http_date("Friday, 20-Nov-76 08:00:00 GMT") > in_2026()); /* 50 years ahead at most */
    CHECK(http_date("Sunday, 20-Nov-77 08:00:00 GMT") < in_2026());
    static const char *const BAD[] = { "Sunday, 06-Nov-1994 08:49:37 GMT",
                                       "Sunday, 06 Nov 94 08:49:37 GMT",
                                       "Sunday, 06-Nov-94 08:49:37 CET",
                                       "Sundaaaaay, 06-Nov-94 08:49:37 GMT",
                                       "Sun, 31-Feb-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 94",
                                       "Sun Nov 6 08:49:37 1994",
                                       "Sun Nov  6 08:49:37 1994 GMT",
                                       "Sun Foo  6 08:49:37 1994",
                                       "Sun Nov  6 08.49.37 1994",
                                       ",",
                                       "" };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        CHECK(http_date(BAD[i]) == -1);
    clock_replace(NULL);
}

static int64_t frozen_us(void) {
    return 42000000;
}

TEST(the_seam_replaces_time) {
    clock_replace(&(struct clock_seams){ .now_us = frozen_us });
    CHECK(ava_now_ms() == 42000);
    clock_replace(NULL);
    CHECK(ava_now_ms() != 42000);
}

TEST(random_numbers_stay_below_their_bound) {
    for (int i = 0; i < 1000; i++)
        CHECK(ava_rand_below(7) < 7);
}

/* --- a server's clock ------------------------------------------------------------------------------- */

static int64_t real_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool is_about(int64_t ms, int64_t expected) {
    return ms >= expected - 50 && ms <= expected + 50;
}

TEST(a_servers_clock_is_followed_by_both_and_back) {
    int64_t wall = ava_wall_ms(), steady = ava_steady_ms(), moves[] = { 6000, -86400000, 0 };
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        clock_follow(real_us() + moves[i] * 1000, ava_now_us());
        CHECK(is_about(ava_wall_ms() - wall, moves[i]));
        CHECK(is_about(ava_steady_ms() - steady, moves[i]));
        CHECK(is_about(clock_off_ms(), moves[i]));
    }
}

TEST(what_a_server_says_changes_nothing_while_ours_may_be_right) {
    clock_follow(real_us(), ava_now_us());
    int64_t off = clock_off_ms();
    clock_follow(real_us() - 400000, ava_now_us() - 800000); /* up to 800 ms ago */
    CHECK(clock_off_ms() == off);
    clock_follow(real_us() + 900000, ava_now_us() - 100000);
    CHECK(is_about(clock_off_ms(), 950));
    clock_follow(real_us(), ava_now_us());
    CHECK(is_about(clock_off_ms(), 0));
}
