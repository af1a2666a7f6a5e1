#include "service/messages/message_status.h"

#include "base/defs.h"
#include "test.h"

TEST(a_text_only_goes_on_and_may_be_read_after_it_was_delivered) {
    static const char *const ORDER[] = { "accepted", "scheduled", "queued", "sending",
                                         "sent",     "delivered", "read" };
    for (size_t i = 0; i < ARRAY_LEN(ORDER); i++)
        for (size_t k = 0; k < ARRAY_LEN(ORDER); k++)
            CHECK_INT(message_status_follows(PROVIDER_TWILIO, ORDER[i], ORDER[k]), k > i);
    CHECK(!message_status_follows(PROVIDER_TWILIO, "undelivered", "sent"));
    CHECK(message_status_follows(PROVIDER_TWILIO, "receiving", "received"));
    CHECK(message_status_is_last(PROVIDER_TWILIO, "failed") &&
          !message_status_is_last(PROVIDER_TWILIO, "partially_delivered"));
}

TEST(a_failure_stands_over_everything) {
    static const char *const BEFORE[] = { "queued", "sent", "delivered", "read" };
    static const char *const FAILURES[] = { "undelivered", "failed" };
    for (size_t i = 0; i < ARRAY_LEN(BEFORE); i++)
        for (size_t k = 0; k < ARRAY_LEN(FAILURES); k++) {
            CHECK(message_status_follows(PROVIDER_TWILIO, BEFORE[i], FAILURES[k]));
            CHECK(!message_status_follows(PROVIDER_TWILIO, FAILURES[k], BEFORE[i]));
        }
}

TEST(avas_own_words_give_way_to_every_word_of_the_provider) {
    static const char *const OWN[] = { "requested", "unknown", "unconfirmed" };
    for (size_t i = 0; i < ARRAY_LEN(OWN); i++)
        CHECK(message_status_follows(PROVIDER_TWILIO, OWN[i], "accepted"));
}

TEST(a_word_nobody_documented_is_shown_until_a_known_one_comes) {
    CHECK(message_status_follows(PROVIDER_TWILIO, "sent", "warbled"));
    CHECK(message_status_follows(PROVIDER_TWILIO, "warbled", "delivered"));
    CHECK(message_status_follows(PROVIDER_TWILIO, "warbled", "chirped"));
    CHECK(message_status_follows(PROVIDER_TWILIO, "requested", "warbled"));
    CHECK(!message_status_follows(PROVIDER_TWILIO, "delivered", "warbled")); /* that is over */
    CHECK(!message_status_follows(PROVIDER_TWILIO, "requested", NULL) &&
          message_status_follows(PROVIDER_TWILIO, NULL, "queued"));
}

TEST(a_provider_without_a_dialect_is_taken_for_no_other) {
    CHECK_INT(message_status_rank(PROVIDER_GOOGLE, "delivered"), 0);
    CHECK_INT(message_status_rank(PROVIDER_VAPI, "delivered"), 0); /* it sends no texts */
    CHECK(!message_status_is_last(PROVIDER_COUNT, "delivered"));
}
