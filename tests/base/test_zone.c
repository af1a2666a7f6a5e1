#include "test.h"

#include "base/clock.h"
#include "base/defs.h"
#include "base/zone.h"

static void arena_fini(struct arena **a) {
    arena_free(*a);
}

static int64_t at(const char *text) {
    int64_t ms = 0;
    CHECK(clock_parse_rfc3339(text, strlen(text), &ms));
    return ms;
}

TEST(zones_are_known_by_their_names_and_nothing_is_taken_for_one) {
    SCOPED(arena_fini) struct arena *a = arena_new(1 << 20);
    static const char *const GOOD[] = { "Europe/Berlin", "America/Argentina/Buenos_Aires",
                                        "UTC",           "Asia/Kolkata",
                                        "Asia/Calcutta", "Etc/GMT+5" };
    static const char *const BAD[] = { "",
                                       "Europe/Berlim",
                                       "CEST",
                                       "EST",
                                       "W. Europe",
                                       "+02:00",
                                       "GMT+2",
                                       "Etc/Unknown",
                                       "../etc",
                                       "Europe/Berl\xc3\xadn",
                                       "Europe/Berlin\n" };
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
        CHECK(zone_open(a, str_of(GOOD[i])));
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        CHECK(!zone_open(a, str_of(BAD[i])));
}

TEST(windows_has_names_of_its_own) {
    SCOPED(arena_fini) struct arena *a = arena_new(1 << 20);
    CHECK(strcmp(zone_name(zone_open_windows(a, STR("W. Europe Standard Time"))),
                 "Europe/Berlin") == 0);
    CHECK(zone_open_windows(a, STR("Pacific Standard Time")));
    CHECK(zone_open_windows(a, STR("UTC")));
    CHECK(zone_open_windows(a, STR("Asia/Tokyo")));
    CHECK(!zone_open_windows(a, STR("Customized Time Zone")));
    CHECK(!zone_open_windows(a, STR("tzone://Microsoft/Custom")));
}

TEST(clocks_are_put_forward_and_back) {
    SCOPED(arena_fini) struct arena *a = arena_new(1 << 20);
    struct zone *z = zone_open(a, STR("Europe/Berlin"));
    char text[32];
    CHECK(zone_offset_s(z, at("2026-01-15T12:00:00Z")) == 3600);
    CHECK(zone_offset_s(z, at("2026-07-15T12:00:00Z")) == 7200);
    zone_rfc3339(z, at("2026-07-15T07:30:00Z"), text);
    CHECK(strcmp(text, "2026-07-15T09:30:00+02:00") == 0);
    /* 02:30 does not exist on 29 March, and is there twice on 25 October. */
    CHECK(zone_from_local_ms(z, at("2026-03-29T02:30:00Z")) == at("2026-03-29T01:30:00Z"));
    CHECK(zone_from_local_ms(z, at("2026-10-25T02:30:00Z")) == at("2026-10-25T00:30:00Z"));
    CHECK(zone_from_local_ms(z, at("2026-10-25T09:00:00Z")) == at("2026-10-25T08:00:00Z"));
    z = zone_open(a, STR("America/St_Johns"));
    zone_rfc3339(z, at("2026-01-15T12:00:00Z"), text);
    CHECK(strcmp(text, "2026-01-15T08:30:00-03:30") == 0);
}

TEST(times_without_an_offset_are_read_as_they_stand) {
    int64_t ms;
    CHECK(zone_parse_local(STR("2026-11-20T10:00:00.0000000"), &ms) &&
          ms == at("2026-11-20T10:00:00Z"));
    CHECK(zone_parse_local(STR("2026-11-20T10:00"), &ms) && ms == at("2026-11-20T10:00:00Z"));
    CHECK(!zone_parse_local(STR("2026-11-20T10:00:00Z"), &ms));
    CHECK(!zone_parse_local(STR("2026-11-20T10:00:00+01:00"), &ms));
    CHECK(!zone_parse_local(STR("2026-11-31T10:00:00"), &ms));
    CHECK(zone_parse_date(STR("2028-02-29"), &ms) && ms == at("2028-02-29T00:00:00Z"));
    CHECK(!zone_parse_date(STR("2026-02-29"), &ms));
    CHECK(!zone_parse_date(STR("20260229"), &ms));
}
