#include "service/calls/missed.h"

#include "base/phone.h"
#include "test.h"

enum { TALKED = 1000 };

/* A call that came in; started_ms 0: nobody picked up. */
static struct call_row inbound(const char *provider, const char *status, const char *reason,
                               int64_t started_ms) {
    return (struct call_row){ .provider = provider,
                              .direction = "inbound",
                              .status = status,
                              .ended_reason = reason,
                              .started_ms = started_ms,
                              .ended_ms = 9000 };
}

static bool at_twilio(const char *status, int64_t started_ms, bool heard_fallback) {
    struct call_row row = inbound("twilio", status, status, started_ms);
    return call_is_missed(&row, heard_fallback);
}

static bool at_vapi(const char *reason, int64_t started_ms) {
    struct call_row row = inbound("vapi", "ended", reason, started_ms);
    return call_is_missed(&row, false);
}

TEST(rang_until_it_ended) {
    CHECK(at_twilio("no-answer", 0, false));
    CHECK(at_twilio("busy", 0, false));
    CHECK(at_twilio("failed", 0, false));
}

TEST(hung_up_before_an_answer) {
    CHECK(at_twilio("canceled", 0, false));
    CHECK(at_vapi("call.ringing.sip-inbound-caller-hungup-before-call-connect", 0));
    CHECK(at_vapi("customer-ended-call", 0));
}

TEST(a_voicemail_or_the_fallback_is_nobody) {
    CHECK(at_vapi("voicemail", TALKED));
    CHECK(at_twilio("completed", TALKED, true));
    CHECK(at_vapi("assistant-request-returned-error", TALKED));
}

TEST(no_assistant_was_there) {
    CHECK(at_vapi("assistant-not-found", 0));
    CHECK(at_vapi("assistant-request-failed", TALKED));
    CHECK(at_vapi("call.start.error-subscription-concurrency-limit-reached", TALKED));
}

TEST(passed_on_in_vain) {
    CHECK(at_vapi("call.forwarding.no-answer", TALKED));
    CHECK(at_vapi("call.forwarding.operator-busy", TALKED));
    struct call_row row = inbound("twilio", "completed", "call.forwarding.no-answer", TALKED);
    CHECK(call_is_missed(&row, false));
}

TEST(who_was_talked_to_is_not_missed_however_short) {
    CHECK(!at_twilio("completed", TALKED, false));
    CHECK(!at_vapi("customer-ended-call", TALKED));
    CHECK(!at_vapi("assistant-ended-call", TALKED));
    CHECK(!at_vapi("silence-timed-out", TALKED));
}

TEST(somebody_else_has_it) {
    CHECK(!at_vapi("assistant-forwarded-call", TALKED));
    CHECK(!at_vapi("assistant-request-returned-forwarding-phone-number", 0));
    CHECK(!at_vapi("call.ringing.hook-executed-transfer", 0));
}

TEST(what_nobody_knows_is_not_missed) {
    CHECK(!at_vapi("no-longer-known", 0));
    CHECK(!at_vapi("never-told", 0));
    CHECK(!at_vapi("call.deleted", 0));
}

TEST(whom_we_called_is_not_missed) {
    struct call_row row = inbound("twilio", "no-answer", "no-answer", 0);
    row.direction = "outbound";
    CHECK(!call_is_missed(&row, false));
}

TEST(one_that_goes_on_is_not_missed_yet) {
    struct call_row row = { .provider = "twilio", .direction = "inbound", .status = "ringing" };
    CHECK(!call_is_missed(&row, false));
}

TEST(withheld_and_impossible_numbers_take_no_texts) {
    CHECK(phone_takes_texts(STR("+33612345678")));
    const char *none[] = { "",
                           "anonymous",
                           "+266696687",
                           "266696687",
                           "+86282452253",
                           "+7378742833",
                           "+112",
                           "+0612345678",
                           "0612345678",
                           "+1234567890123456",
                           "sip:ada@example.com",
                           "+3361234567a",
                           "client:ada" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        CHECK(!phone_takes_texts(str_of(none[i])));
}
