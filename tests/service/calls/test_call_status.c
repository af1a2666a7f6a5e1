#include "service/calls/call_status.h"

#include "base/defs.h"
#include "test.h"

/* In the order in which they happen; every pair is tried both ways. */
static void rises(bool (*follows)(const char *from, const char *to), const char *const *order,
                  size_t count) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++) {
            if (follows(order[i], order[k]) != (k > i))
                print_error("%s > %s\n", order[i], order[k]);
            CHECK_INT(follows(order[i], order[k]), k > i);
        }
}

static bool twilio_follows(const char *from, const char *to) {
    return call_status_follows(PROVIDER_TWILIO, from, to);
}

static bool vapi_follows(const char *from, const char *to) {
    return call_status_follows(PROVIDER_VAPI, from, to);
}

TEST(a_call_through_twilio_only_goes_on) {
    static const char *const ORDER[] = { "queued", "initiated", "ringing", "in-progress",
                                         "completed" };
    static const char *const ENDS[] = { "completed", "busy", "failed", "no-answer", "canceled" };
    rises(twilio_follows, ORDER, ARRAY_LEN(ORDER));
    for (size_t i = 0; i < ARRAY_LEN(ENDS); i++) {
        CHECK(call_status_is_last(PROVIDER_TWILIO, ENDS[i]));
        CHECK(twilio_follows("ringing", ENDS[i]) && !twilio_follows(ENDS[i], "in-progress"));
        CHECK(!twilio_follows("completed", ENDS[i])); /* the first end stays */
    }
    CHECK(!call_status_is_last(PROVIDER_TWILIO, "in-progress"));
}

TEST(a_call_through_vapi_only_goes_on) {
    static const char *const ORDER[] = { "scheduled",   "queued",     "ringing",
                                         "in-progress", "forwarding", "ended" };
    rises(vapi_follows, ORDER, ARRAY_LEN(ORDER));
    CHECK(call_status_is_last(PROVIDER_VAPI, "ended"));
    CHECK(!call_status_is_last(PROVIDER_VAPI, "completed"));
}

TEST(avas_own_words_give_way_to_every_word_of_the_provider) {
    static const char *const OWN[] = { "requested", "unknown", "unconfirmed" };
    for (size_t i = 0; i < ARRAY_LEN(OWN); i++) {
        CHECK(twilio_follows(OWN[i], "queued"));
        CHECK(vapi_follows(OWN[i], "scheduled") && !vapi_follows("ended", OWN[i]));
    }
}

TEST(a_word_nobody_documented_is_shown_until_a_known_one_comes) {
    CHECK(twilio_follows("ringing", "warbling") && twilio_follows("warbling", "in-progress"));
    CHECK(twilio_follows("requested", "warbling") && twilio_follows("warbling", "chirping"));
    CHECK(!twilio_follows("completed", "warbling") && !vapi_follows("ended", "warbling"));
    CHECK(!twilio_follows("ringing", NULL));
}

TEST(a_provider_without_a_dialect_is_taken_for_no_other) {
    CHECK_INT(call_status_rank(PROVIDER_GOOGLE, "completed"), 0);
    CHECK_INT(call_status_rank(PROVIDER_COUNT, "ended"), 0);
    CHECK(!call_status_is_last(PROVIDER_GOOGLE, "ended"));
}
