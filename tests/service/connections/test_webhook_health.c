#include "test.h"

#include "service/connections/webhook_health.h"

enum { HOUR_MS = 3600 * 1000 };

static const int64_t NOW = INT64_C(1800000000000);

static enum webhook_health of(struct webhook_signs s) {
    return webhook_health_of(&s, NOW);
}

TEST(nothing_sent_and_nothing_refused_is_fine) {
    CHECK_INT(of((struct webhook_signs){ .saved_ms = NOW }), WEBHOOKS_FINE);
}

TEST(a_third_refusal_in_a_row_needs_attention) {
    CHECK_INT(of((struct webhook_signs){ .refused = 2, .refused_ms = NOW }), WEBHOOKS_FINE);
    CHECK_INT(of((struct webhook_signs){ .refused = 3, .refused_ms = NOW }), WEBHOOKS_REFUSED);
}

TEST(what_was_refused_before_the_secret_was_saved_counts_no_more) {
    struct webhook_signs s = { .refused = 9, .refused_ms = NOW - 1, .saved_ms = NOW };
    CHECK_INT(of(s), WEBHOOKS_FINE);
    s.refused_ms = NOW + 1;
    CHECK_INT(of(s), WEBHOOKS_REFUSED);
}

TEST(a_day_without_a_word_of_a_mail_is_silence_and_an_hour_less_is_not) {
    CHECK_INT(of((struct webhook_signs){ .sent_ms = NOW - 23 * HOUR_MS }), WEBHOOKS_FINE);
    CHECK_INT(of((struct webhook_signs){ .sent_ms = NOW - 24 * HOUR_MS }), WEBHOOKS_SILENT);
}

TEST(refusals_say_more_than_silence) {
    CHECK_INT(of((struct webhook_signs){ .refused = 3, .refused_ms = NOW, .sent_ms = 1 }),
              WEBHOOKS_REFUSED);
}
