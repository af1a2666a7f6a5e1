#include "providers/calendar_time.h"

#include <string.h>

#include "base/clock.h"
#include "test.h"

enum { HOUR_MS = 3600 * 1000 };

static struct arena *a;

static int64_t ms_of(const char *text) {
    int64_t ms = 0;
    CHECK(clock_parse_rfc3339(text, strlen(text), &ms));
    return ms;
}

TEST(a_time_is_read_by_its_offset_or_by_the_zone_beside_it) {
    static const struct {
        const char *time, *zone, *text, *utc;
    } CASES[] = {
        { "2026-11-20T10:00:00+01:00", "Asia/Tokyo", "2026-11-20T10:00:00+01:00",
          "2026-11-20T09:00:00Z" },
        { "2026-11-20T10:00:00Z", NULL, "2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z" },
        { "2026-11-20T10:00:00", "Europe/Paris", "2026-11-20T10:00:00+01:00",
          "2026-11-20T09:00:00Z" },
        { "2026-07-20T10:00:00.0000000", "W. Europe Standard Time", "2026-07-20T10:00:00+02:00",
          "2026-07-20T08:00:00Z" },
        { "2026-07-20T10:00:00.0000000", "UTC", "2026-07-20T10:00:00+00:00",
          "2026-07-20T10:00:00Z" },
        { "2026-07-20T10:00", "tzone://Microsoft/Utc", NULL, "2026-07-20T10:00:00Z" },
        { "2026-01-20T10:00:00", "Pacific Standard Time", "2026-01-20T10:00:00-08:00",
          "2026-01-20T18:00:00Z" },
        { "2026-01-20T10:00:00", "India Standard Time", "2026-01-20T10:00:00+05:30",
          "2026-01-20T04:30:00Z" },
        { "2026-01-20T10:00:00", "Nepal Standard Time", "2026-01-20T10:00:00+05:45",
          "2026-01-20T04:15:00Z" },
    };
    a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const char *text;
        int64_t ms;
        bool is_known = calendar_time(a, CASES[i].time, CASES[i].zone, &text, &ms);
        if (!is_known != !CASES[i].text)
            print_error("%s %s\n", CASES[i].time, CASES[i].zone);
        CHECK_INT(is_known, CASES[i].text != NULL);
        CHECK_TEXT(text, CASES[i].text ? CASES[i].text : CASES[i].time);
        CHECK_INT(ms, ms_of(CASES[i].utc));
    }
    arena_free(a);
}

TEST(a_zone_that_nobody_knows_is_never_guessed_at) {
    static const char *const ZONES[] = {
        "Customized Time Zone", "Mars/Olympus",  "",  "+01:00", "CEST",
        "Europe/Par",           "europe/paris ", NULL
    };
    a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(ZONES); i++) {
        const char *text;
        int64_t ms;
        if (calendar_time(a, "2026-11-20T10:00:00.0000000", ZONES[i], &text, &ms))
            fail_msg("taken for one: %s", ZONES[i]);
        CHECK_TEXT(text, "2026-11-20T10:00:00.0000000");
        CHECK_INT(ms, ms_of("2026-11-20T10:00:00Z")); /* a bound for whoever must have one */
    }
    arena_free(a);
}

TEST(what_is_no_time_is_none) {
    static const char *const TEXTS[] = { NULL,
                                         "",
                                         "soon",
                                         "2026-11-20",
                                         "2026-02-30T10:00:00Z",
                                         "2026-11-20T25:00:00",
                                         "2026-11-20T10:00:00+1",
                                         "2026-11-20 10:00:00 x",
                                         "10:00" };
    a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        const char *text;
        int64_t ms = 7;
        if (calendar_time(a, TEXTS[i], "Europe/Paris", &text, &ms))
            fail_msg("taken for one: %s", TEXTS[i]);
        CHECK(text == TEXTS[i] && ms == 0);
    }
    arena_free(a);
}

TEST(a_time_that_clocks_pass_over_or_show_twice_is_one_time) {
    const char *text;
    int64_t ms;
    a = arena_new(1 << 20);
    CHECK(calendar_time(a, "2026-03-29T02:30:00", "Europe/Berlin", &text, &ms)); /* passed over */
    CHECK_TEXT(text, "2026-03-29T03:30:00+02:00");
    CHECK_INT(ms, ms_of("2026-03-29T01:30:00Z"));
    CHECK(calendar_time(a, "2026-10-25T02:30:00", "Europe/Berlin", &text, &ms)); /* the first */
    CHECK_TEXT(text, "2026-10-25T02:30:00+02:00");
    CHECK_INT(ms, ms_of("2026-10-25T00:30:00Z"));
    CHECK(calendar_time(a, "2026-03-08T02:00:00", "Eastern Standard Time", &text, &ms));
    CHECK_TEXT(text, "2026-03-08T03:00:00-04:00");
    arena_free(a);
}

TEST(a_date_is_cut_from_what_begins_with_one) {
    int64_t ms;
    a = arena_new(1 << 20);
    CHECK_TEXT(calendar_date(a, "2026-11-20", &ms), "2026-11-20");
    CHECK_INT(ms, ms_of("2026-11-20T00:00:00Z"));
    CHECK_TEXT(calendar_date(a, "2026-11-20T00:00:00.0000000", &ms), "2026-11-20");
    CHECK(!calendar_date(a, NULL, &ms) && !calendar_date(a, "", &ms) &&
          !calendar_date(a, "2026-02-30", &ms) && !calendar_date(a, "2026-11-20x", &ms) &&
          !calendar_date(a, "26-11-20", &ms));
    arena_free(a);
}

TEST(days_take_the_time_of_the_zone_of_who_asks) {
    struct calendar_busy b;
    struct calendar_event day = { .is_all_day = true, .is_placed = true };
    a = arena_new(1 << 20);
    struct zone *berlin = zone_open(a, STR("Europe/Berlin"));
    day.start_ms = ms_of("2026-03-29T00:00:00Z");
    day.end_ms = ms_of("2026-03-30T00:00:00Z");
    calendar_takes(&day, berlin, &b);
    CHECK_INT(b.start_ms, ms_of("2026-03-29T00:00:00+01:00"));
    CHECK_INT(b.end_ms - b.start_ms, 23 * HOUR_MS); /* the clocks go forward */
    day.start_ms = ms_of("2026-10-25T00:00:00Z");
    day.end_ms = ms_of("2026-10-26T00:00:00Z");
    calendar_takes(&day, berlin, &b);
    CHECK_INT(b.end_ms - b.start_ms, 25 * HOUR_MS);
    struct calendar_event odd = { .start_ms = ms_of("2026-11-20T10:00:00Z"),
                                  .end_ms = ms_of("2026-11-20T11:00:00Z") };
    calendar_takes(&odd, berlin, &b); /* from Kiribati to Baker Island */
    CHECK_INT(b.start_ms, ms_of("2026-11-19T20:00:00Z"));
    CHECK_INT(b.end_ms, ms_of("2026-11-20T23:00:00Z"));
    arena_free(a);
}
