#include "service/notices/quiet.h"

#include "base/clock.h"
#include "test.h"

static struct arena *arena;
static struct zone *zone;

/* When the quiet ends, as text; "" when it is not quiet. */
static const char *ends(const char *from, const char *to, const char *zone_name, const char *now) {
    static char text[32];
    struct quiet_hours q;
    int64_t now_ms = 0;
    arena = arena_new(1 << 16);
    zone = zone_open(arena, str_of(zone_name));
    CHECK(zone && quiet_parse(from, &q.from_min) && quiet_parse(to, &q.to_min));
    CHECK(clock_parse_rfc3339(now, strlen(now), &now_ms));
    int64_t until_ms = quiet_until(&q, zone, now_ms);
    if (until_ms)
        clock_rfc3339(until_ms, text);
    else
        text[0] = 0;
    text[until_ms ? 16 : 0] = 0; /* to the minute */
    arena_free(arena);
    return text;
}

TEST(times_of_the_day_are_read_strictly) {
    int minutes = -1;
    CHECK(quiet_parse("00:00", &minutes) && minutes == 0);
    CHECK(quiet_parse("23:59", &minutes) && minutes == 23 * 60 + 59);
    const char *wrong[] = {
        NULL, "", "7:00", "24:00", "12:60", "12.30", "12:3x", "12:300", "+1:00"
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(!quiet_parse(wrong[i], &minutes));
}

TEST(it_is_quiet_from_the_first_minute_until_before_the_last) {
    CHECK_TEXT(ends("12:00", "14:00", "UTC", "2026-11-29T11:59:59Z"), "");
    CHECK_TEXT(ends("12:00", "14:00", "UTC", "2026-11-29T12:00:00Z"), "2026-11-29T14:00");
    CHECK_TEXT(ends("12:00", "14:00", "UTC", "2026-11-29T13:59:59Z"), "2026-11-29T14:00");
    CHECK_TEXT(ends("12:00", "14:00", "UTC", "2026-11-29T14:00:00Z"), "");
}

TEST(over_midnight_it_ends_the_next_morning) {
    CHECK_TEXT(ends("22:00", "07:00", "UTC", "2026-12-31T23:30:00Z"), "2027-01-01T07:00");
    CHECK_TEXT(ends("22:00", "07:00", "UTC", "2027-01-01T03:00:00Z"), "2027-01-01T07:00");
    CHECK_TEXT(ends("22:00", "07:00", "UTC", "2027-01-01T12:00:00Z"), "");
}

TEST(hours_are_those_of_the_zone) {
    CHECK_TEXT(ends("22:00", "07:00", "Europe/Berlin", "2026-11-29T21:30:00Z"), "2026-11-30T06:00");
    CHECK_TEXT(ends("22:00", "07:00", "Europe/Berlin", "2026-07-29T20:30:00Z"), "2026-07-30T05:00");
    CHECK_TEXT(ends("22:00", "07:00", "Asia/Kathmandu", "2026-11-29T16:20:00Z"),
               "2026-11-30T01:15");
}

/* In Berlin the clocks go from 2 to 3 on 2026-03-29, and from 3 back to 2 on 2026-10-25; both at 01:00 UTC. */
TEST(the_night_of_summer_time_is_shorter_or_longer) {
    CHECK_TEXT(ends("22:00", "07:00", "Europe/Berlin", "2026-03-28T22:00:00Z"), "2026-03-29T05:00");
    CHECK_TEXT(ends("22:00", "07:00", "Europe/Berlin", "2026-10-24T21:00:00Z"), "2026-10-25T06:00");
}

TEST(an_end_that_the_clocks_pass_over_is_when_they_do) {
    CHECK_TEXT(ends("22:00", "02:30", "Europe/Berlin", "2026-03-29T00:30:00Z"), "2026-03-29T01:30");
    CHECK_TEXT(ends("22:00", "02:30", "Europe/Berlin", "2026-03-29T01:30:00Z"), "");
}

TEST(an_end_that_they_show_twice_is_the_first_of_them) {
    CHECK_TEXT(ends("22:00", "02:30", "Europe/Berlin", "2026-10-25T00:10:00Z"), "2026-10-25T00:30");
}

TEST(and_the_second_time_round_it_ends_again) {
    CHECK_TEXT(ends("22:00", "02:30", "Europe/Berlin", "2026-10-25T01:10:00Z"), "2026-10-25T01:30");
}
