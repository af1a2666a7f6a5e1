#include "service/calendars/free.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "test.h"

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS, ALL_DAYS = 0x7f };

static struct arena *a;

static int64_t ms_of(const char *text) {
    int64_t ms = 0;
    CHECK(clock_parse_rfc3339(text, strlen(text), &ms));
    return ms;
}

static struct free_query query_of(const char *from, const char *to) {
    return (struct free_query){ .from_ms = ms_of(from),
                                .to_ms = ms_of(to),
                                .minutes = 60,
                                .step_minutes = 60,
                                .opens_minute = 9 * 60,
                                .ends_minute = 12 * 60,
                                .days = ALL_DAYS,
                                .time_zone = "UTC",
                                .limit = FREE_SLOTS_MAX };
}

/* Where slots begin, by the clocks of the zone, in one line: "09:00 10:00". */
static const char *slots_of(const struct free_query *q, const struct calendar_busy *busy,
                            size_t count) {
    struct free_answer out = { .slots = NULL };
    struct buf *b = buf_in(a);
    struct calendar_busy copy[20];
    struct zone *zone = zone_open(a, str_of(q->time_zone));
    if (count)
        memcpy(copy, busy, count * sizeof *busy);
    free_between(a, zone, q, copy, count, &out);
    buf_text(b, "");
    for (size_t i = 0; i < out.count; i++) {
        char text[32];
        zone_rfc3339(zone, out.slots[i].start_ms, text);
        CHECK_INT(out.slots[i].end_ms - out.slots[i].start_ms, q->minutes * MINUTE_MS);
        buf_printf(b, "%s%.5s", i ? " " : "", text + 11);
    }
    if (out.is_more)
        buf_text(b, " ...");
    return str_dup(a, buf_view(b));
}

#define DAY "2026-11-20T"
#define BUSY(from, to)                               \
    (struct calendar_busy) {                         \
        ms_of(DAY from ":00Z"), ms_of(DAY to ":00Z") \
    }

TEST(slots_lie_within_the_hours_and_begin_a_step_apart) {
    a = arena_new(1 << 20);
    struct free_query q = query_of(DAY "00:00:00Z", "2026-11-21T00:00:00Z");
    CHECK_TEXT(slots_of(&q, NULL, 0), "09:00 10:00 11:00");
    q.step_minutes = 30;
    CHECK_TEXT(slots_of(&q, NULL, 0), "09:00 09:30 10:00 10:30 11:00");
    q.minutes = 181;
    CHECK_TEXT(slots_of(&q, NULL, 0), "");
    q.minutes = 180;
    CHECK_TEXT(slots_of(&q, NULL, 0), "09:00");
    q = query_of(DAY "09:10:00Z", DAY "11:50:00Z"); /* in steps from when the day begins */
    CHECK_TEXT(slots_of(&q, NULL, 0), "10:00");
    q.step_minutes = 20;
    CHECK_TEXT(slots_of(&q, NULL, 0), "09:20 09:40 10:00 10:20 10:40");
    q = query_of(DAY "12:00:00Z", DAY "12:00:00Z");
    CHECK_TEXT(slots_of(&q, NULL, 0), "");
    arena_free(a);
}

TEST(what_is_busy_is_kept_clear_with_its_gap_on_both_sides) {
    a = arena_new(1 << 20);
    struct free_query q = query_of(DAY "00:00:00Z", "2026-11-21T00:00:00Z");
    struct calendar_busy one[] = { BUSY("10:00", "10:30") };
    q.step_minutes = 15;
    q.minutes = 30;
    CHECK_TEXT(slots_of(&q, one, 1), "09:00 09:15 09:30 10:30 10:45 11:00 11:15 11:30");
    q.gap_minutes = 15;
    CHECK_TEXT(slots_of(&q, one, 1), "09:00 09:15 10:45 11:00 11:15 11:30");
    q.gap_minutes = 16;
    CHECK_TEXT(slots_of(&q, one, 1), "09:00 11:00 11:15 11:30");
    struct calendar_busy before[] = { BUSY("08:00", "09:00"), BUSY("12:00", "13:00") };
    q.gap_minutes = 15; /* also from what lies outside of the hours */
    CHECK_TEXT(slots_of(&q, before, 2), "09:15 09:30 09:45 10:00 10:15 10:30 10:45 11:00 11:15");
    arena_free(a);
}

TEST(what_is_busy_may_come_in_any_order_overlap_or_be_nothing) {
    a = arena_new(1 << 20);
    struct free_query q = query_of(DAY "00:00:00Z", "2026-11-21T00:00:00Z");
    struct calendar_busy some[] = { BUSY("11:00", "11:30"), BUSY("08:00", "09:30"),
                                    BUSY("11:10", "11:20"), BUSY("09:30", "09:40"),
                                    BUSY("10:30", "10:30"), BUSY("10:50", "10:10") };
    CHECK_TEXT(slots_of(&q, some, ARRAY_LEN(some)), "10:00");
    struct calendar_busy all[] = { BUSY("00:00", "23:59") };
    CHECK_TEXT(slots_of(&q, all, 1), "");
    arena_free(a);
}

TEST(no_slot_goes_over_midnight_and_days_may_be_left_out) {
    a = arena_new(1 << 20);
    struct free_query q = query_of(DAY "22:00:00Z", "2026-11-21T02:00:00Z"); /* a Friday */
    q.opens_minute = 0;
    q.ends_minute = 24 * 60;
    q.step_minutes = 30;
    CHECK_TEXT(slots_of(&q, NULL, 0), "22:00 22:30 23:00 00:00 00:30 01:00");
    q.days = 1U << 5; /* Saturday */
    CHECK_TEXT(slots_of(&q, NULL, 0), "00:00 00:30 01:00");
    q.time_zone = "Asia/Tokyo"; /* where it is Saturday already */
    CHECK_TEXT(slots_of(&q, NULL, 0), "07:00 07:30 08:00 08:30 09:00 09:30 10:00");
    q.time_zone = "America/Los_Angeles";
    CHECK_TEXT(slots_of(&q, NULL, 0), "");
    arena_free(a);
}

TEST(the_hour_that_clocks_leave_out_is_none_and_the_one_they_show_twice_is_two) {
    a = arena_new(1 << 20);
    struct free_query q = query_of("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
    q.time_zone = "Europe/Berlin";
    q.opens_minute = 60;
    q.ends_minute = 5 * 60;
    CHECK_TEXT(slots_of(&q, NULL, 0), "01:00 03:00 04:00");
    q.from_ms = ms_of("2026-10-24T22:00:00Z");
    q.to_ms = ms_of("2026-10-25T23:00:00Z");
    CHECK_TEXT(slots_of(&q, NULL, 0), "01:00 02:00 02:00 03:00 04:00");
    q.opens_minute = 9 * 60; /* and the hours of the day are the zone's all the same */
    q.ends_minute = 11 * 60;
    CHECK_TEXT(slots_of(&q, NULL, 0), "09:00 10:00");
    arena_free(a);
}

TEST(as_many_as_were_asked_for_and_whether_there_are_more) {
    a = arena_new(1 << 20);
    struct free_query q = query_of(DAY "00:00:00Z", "2026-11-21T00:00:00Z");
    q.limit = 2;
    CHECK_TEXT(slots_of(&q, NULL, 0), "09:00 10:00 ...");
    q.limit = 3;
    CHECK_TEXT(slots_of(&q, NULL, 0), "09:00 10:00 11:00");
    arena_free(a);
}

/* --- against an oracle that looks at every slot there could be ---------------------------------- */

static bool is_taken(const struct free_query *q, int64_t start_ms, const struct calendar_busy *busy,
                     size_t count) {
    int64_t gap = (int64_t)q->gap_minutes * MINUTE_MS,
            end_ms = start_ms + (int64_t)q->minutes * MINUTE_MS;
    for (size_t i = 0; i < count; i++)
        if (busy[i].end_ms > busy[i].start_ms && busy[i].start_ms - gap < end_ms &&
            busy[i].end_ms + gap > start_ms)
            return true;
    return false;
}

static size_t oracle(struct zone *zone, const struct free_query *q,
                     const struct calendar_busy *busy, size_t count, int64_t *starts, size_t room) {
    size_t found = 0;
    int64_t first = q->from_ms / DAY_MS * DAY_MS - 2 * DAY_MS;
    for (int64_t day = first; day < q->to_ms + 2 * DAY_MS; day += DAY_MS) {
        unsigned weekday = (unsigned)((day / DAY_MS + 3) % 7);
        int64_t opens = zone_from_local_ms(zone, day + (int64_t)q->opens_minute * MINUTE_MS),
                ends = zone_from_local_ms(zone, day + (int64_t)q->ends_minute * MINUTE_MS);
        for (int64_t t = opens; (q->days >> weekday & 1) && t < ends;
             t += (int64_t)q->step_minutes * MINUTE_MS) {
            int64_t end = t + (int64_t)q->minutes * MINUTE_MS;
            if (t >= q->from_ms && end <= ends && end <= q->to_ms && found < room &&
                !is_taken(q, t, busy, count))
                starts[found++] = t;
        }
    }
    return found;
}

static unsigned seed = 1;

static int any(int from, int to) {
    return from + (int)(rand_r(&seed) % (unsigned)(to - from + 1));
}

static struct free_query any_query(void) {
    static const char *const ZONES[] = { "UTC",
                                         "Europe/Berlin",
                                         "America/St_Johns",
                                         "Australia/Lord_Howe",
                                         "America/Santiago",
                                         "Pacific/Kiritimati" };
    struct free_query q = query_of("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    q.time_zone = ZONES[any(0, (int)ARRAY_LEN(ZONES) - 1)];
    q.from_ms += (int64_t)any(0, 365 * 24 * 60) * MINUTE_MS + any(0, 1) * any(0, MINUTE_MS);
    q.to_ms = q.from_ms + (int64_t)any(0, 5 * 24 * 60) * MINUTE_MS;
    q.minutes = any(5, any(0, 1) ? 60 : 400);
    q.step_minutes = any(5, 90);
    q.gap_minutes = any(0, 1) ? 0 : any(1, 60);
    q.opens_minute = any(0, 23 * 60);
    q.ends_minute = any(q.opens_minute + 1, 24 * 60);
    q.days = (unsigned)any(1, ALL_DAYS);
    q.limit = any(0, 3) ? FREE_SLOTS_MAX : any(1, 5);
    return q;
}

static void try_one(void) {
    struct free_query q = any_query();
    struct zone *zone = zone_open(a, str_of(q.time_zone));
    struct free_answer out = { .slots = NULL };
    struct calendar_busy busy[12], before[12];
    int64_t starts[3000];
    size_t count = (size_t)any(0, (int)ARRAY_LEN(busy));
    for (size_t i = 0; i < count; i++) {
        busy[i].start_ms = q.from_ms + (int64_t)any(-600, 5 * 24 * 60) * MINUTE_MS;
        busy[i].end_ms = busy[i].start_ms + (int64_t)any(-10, 300) * MINUTE_MS;
    }
    memcpy(before, busy, sizeof before);
    size_t there = oracle(zone, &q, before, count, starts, ARRAY_LEN(starts));
    free_between(a, zone, &q, busy, count, &out);
    CHECK_INT(out.count, there < (size_t)q.limit ? there : (size_t)q.limit);
    CHECK_INT(out.is_more, there > out.count);
    for (size_t i = 0; i < out.count; i++)
        CHECK_INT(out.slots[i].start_ms, starts[i]);
}

TEST(says_the_same_as_looking_at_every_slot_there_could_be) {
    for (int i = 0; i < 3000; i++) {
        a = arena_new(1 << 18);
        try_one();
        arena_free(a);
    }
}

/* --- how hours and days are written ------------------------------------------------------------- */

TEST(hours_are_two_times_of_one_day) {
    int opens = 0, ends = 0;
    CHECK(free_hours_read("09:00-17:30", &opens, &ends) && opens == 540 && ends == 1050);
    CHECK(free_hours_read("00:00-24:00", &opens, &ends) && opens == 0 && ends == 1440);
    CHECK(free_hours_read("9:00-17:00", &opens, &ends) && opens == 540 && ends == 1020);
    static const char *const WRONG[] = {
        "",
        "9-17",
        "09:00",
        "09:00-",
        "09:00-09:00",
        "17:00-09:00",
        "09:00-24:01",
        "24:00-25:00",
        "09:60-17:00",
        "09:00-17:00x",
        " 9:00-17:00",
        "+9:00-17:00",
        "-1:00-17:00",
        "-0:00-17:00",
        "09: 0-17:00",
        "09:00- 9:30",
        "09:00-+9:30",
        "009:00-17:00",
        "09:0-17:00",
        "09:00:17:00",
        "09:00-17:-0",
        "09:00--1:00",
        "09:000-17:00",
        "\n9:00-17:00",
    };
    for (size_t i = 0; i < ARRAY_LEN(WRONG); i++) {
        opens = ends = -7;
        if (free_hours_read(WRONG[i], &opens, &ends))
            fail_msg("taken: %s", WRONG[i]);
        CHECK(opens == -7 && ends == -7);
    }
}

TEST(days_are_names_of_three_letters) {
    unsigned days = 0;
    CHECK(free_days_read("mon,tue,wed,thu,fri", &days) && days == 0x1f);
    CHECK(free_days_read("SUN", &days) && days == 0x40);
    CHECK(free_days_read(" sat , Sun,sat", &days) && days == 0x60);
    static const char *const WRONG[] = { "",     ",",       "mo", "monday", "mon,",
                                         ",mon", "mon;tue", "1",  "mon tue" };
    for (size_t i = 0; i < ARRAY_LEN(WRONG); i++) {
        days = 7;
        if (free_days_read(WRONG[i], &days))
            fail_msg("taken: %s", WRONG[i]);
        CHECK_INT(days, 7);
    }
}
