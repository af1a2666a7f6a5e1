#include "test.h"

#include "base/defs.h"
#include "service/forwarding/forward_rules.h"

static const int64_t DAY = INT64_C(24) * 3600 * 1000, HOUR = 3600 * 1000;

TEST(every_event_has_a_name_for_customers) {
    static const struct {
        const char *provider, *type, *status, *name;
    } CASES[] = {
        { "twilio", "voice", "ringing", "call.incoming" },
        { "twilio", "voice", "in-progress", "call.status" },
        { "twilio", "status", "initiated", "call.status" },
        { "twilio", "status", "completed", "call.ended" },
        { "twilio", "status", "no-answer", "call.ended" },
        { "twilio", "voice", NULL, "webhook.twilio" },
        { "twilio", "message", NULL, "message.incoming" },
        { "twilio", "message-status", NULL, "message.status" },
        { "vapi", "assistant-request", "ringing", "call.incoming" },
        { "vapi", "status-update", "in-progress", "call.status" },
        { "vapi", "status-update", "ended", "call.ended" },
        { "vapi", "status-update", NULL, "webhook.vapi" },
        { "vapi", "end-of-call-report", "ended", "call.report" },
        { "vapi", "tool-calls", NULL, "call.tool" },
        { "vapi", "transcript", NULL, "call.transcript" },
        { "vapi", "transcript[transcriptType=\"final\"]", NULL, "call.transcript" },
        { "vapi", "hang", NULL, "webhook.vapi" },
        { "resend", "email.sent", NULL, "email.sent" },
        { "resend", "contact.created", NULL, "webhook.resend" },
    };
    struct arena *a = arena_new(1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        CHECK_TEXT(forward_type(a, CASES[i].provider, CASES[i].type, CASES[i].status),
                   CASES[i].name);
    arena_free(a);
}

TEST(patterns_name_all_some_or_one) {
    static const struct {
        const char *patterns, *type;
        bool matches;
    } CASES[] = {
        { "*", "call.ended", true },
        { "*", "webhook.vapi", true },
        { "call.*", "call.ended", true },
        { "call.*", "message.status", false },
        { "call.*", "caller.id", false },
        { "call.ended", "call.ended", true },
        { "call.ended", "call.ende", false },
        { "call.end", "call.ended", false },
        { "message.*,call.ended", "call.ended", true },
        { "message.*,call.ended", "call.status", false },
        { "message.*,call.ended", "message.incoming", true },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        CHECK(forward_matches(CASES[i].patterns, CASES[i].type) == CASES[i].matches);
}

TEST(patterns_that_nothing_could_match_are_refused) {
    static const char *const GOOD[] = { "*",         "call.*",        "message.*",
                                        "webhook.*", "webhook.vapi",  "webhook.resend",
                                        "call.tool", "message.status" };
    static const char *const BAD[] = {
        "",          "calls.*",          "call",
        "call.",     "call.end",         "*.ended",
        "call.**",   "webhook.",         "webhook.a1",
        "test.ping", "CALL.*",           "c*",
        " call.*",   "call.*,message.*", "webhook.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    };
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
        CHECK(forward_pattern_is_good(str_of(GOOD[i])));
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        CHECK(!forward_pattern_is_good(str_of(BAD[i])));
}

TEST(what_failed_is_tried_again_from_five_seconds_to_twelve_hours) {
    static const int64_t WAITS[] = { 5000,    30000,       120000,   600000,
                                     1800000, 2 * 3600000, 21600000, 43200000 };
    for (size_t i = 0; i < ARRAY_LEN(WAITS); i++) {
        int64_t tries = (int64_t)i + 1;
        CHECK(forward_wait_ms(tries, 0, -1) == WAITS[i]);
        CHECK(forward_wait_ms(tries, FORWARD_CHANCES - 1, -1) > WAITS[i]);
        CHECK(forward_wait_ms(tries, FORWARD_CHANCES - 1, -1) <= WAITS[i] + WAITS[i] / 10);
    }
    CHECK(forward_wait_ms(FORWARD_TRIES_MAX, 0, -1) == -1);
    CHECK(forward_wait_ms(FORWARD_TRIES_MAX, 0, 60) == -1);
}

TEST(who_asks_to_wait_is_heard_within_reason) {
    CHECK(forward_wait_ms(1, 0, 0) == 5000);
    CHECK(forward_wait_ms(1, 0, 20) == 20000);
    CHECK(forward_wait_ms(5, 0, 20) == 1800000);
    CHECK(forward_wait_ms(1, 0, 86400) == 3600000);
}

/* Fails every step_ms until it is given up; returns when, or -1 after twenty days. */
static int64_t given_up_after(struct forward_health *h, int64_t from_ms, int64_t step_ms) {
    for (int64_t now = from_ms; now <= from_ms + 20 * DAY; now += step_ms)
        if (forward_failed(h, now))
            return now - from_ms;
    return -1;
}

TEST(five_days_of_failures_end_it_and_nothing_shorter) {
    struct forward_health h = { 0 };
    CHECK(given_up_after(&h, DAY, HOUR) == 5 * DAY);
    h = (struct forward_health){ 0 };
    CHECK(given_up_after(&h, DAY, 12 * HOUR) == 5 * DAY);
}

TEST(one_success_begins_anew) {
    struct forward_health h = { 0 };
    for (int64_t now = DAY; now < 6 * DAY; now += HOUR)
        CHECK(!forward_failed(&h, now));
    forward_succeeded(&h, 6 * DAY - 1);
    CHECK(h.failing_since_ms == 0 && h.last_success_ms == 6 * DAY - 1);
    CHECK(given_up_after(&h, 6 * DAY, HOUR) == 5 * DAY);
}

TEST(who_is_asked_seldom_is_not_given_up_for_it) {
    struct forward_health h = { 0 };
    CHECK(given_up_after(&h, DAY, 2 * DAY) == -1);
    CHECK(!forward_failed(&h, 40 * DAY));
    CHECK(h.failing_since_ms == 40 * DAY);
}
