#include "service/messages/message_status.h"

#include "base/defs.h"
#include "test.h"

TEST(a_text_only_goes_on_and_may_be_read_after_it_was_delivered) {
    static const char *const ORDER[] = { "accepted", "scheduled", "queued", "sending",
                                         "sent",     "delivered", "read" };
    for (size_t i = 0; i < ARRAY_LEN(ORDER); i++)
        for (size_t k = 0; k < ARRAY_LEN(ORDER); k++)
            CHECK_INT(message_status_follows(ORDER[i], ORDER[k]), k > i);
    CHECK(!message_status_follows("delivered", "undelivered"));
    CHECK(!message_status_follows("undelivered", "sent"));
    CHECK(message_status_follows("receiving", "received"));
    CHECK(message_status_is_last("failed") && !message_status_is_last("partially_delivered"));
}

TEST(avas_own_words_give_way_to_every_word_of_the_provider) {
    static const char *const OWN[] = { "requested", "unknown", "unconfirmed" };
    for (size_t i = 0; i < ARRAY_LEN(OWN); i++)
        CHECK(message_status_follows(OWN[i], "accepted") &&
              !message_status_follows("sent", OWN[i]));
}

TEST(a_word_nobody_documented_never_replaces_one_that_is_known) {
    CHECK(!message_status_follows("sent", "warbled"));
    CHECK(message_status_follows("requested", "warbled")); /* better than nothing */
    CHECK(!message_status_follows("requested", NULL) && message_status_follows(NULL, "queued"));
}
