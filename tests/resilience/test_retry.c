#include "test.h"

#include <string.h>

#include "base/clock.h"
#include "obs/metrics.h"
#include "resilience/retry.h"

static void highest(void *out, size_t bytes) { /* ava_rand_below(n) gives n - 1 or close to it */
    memset(out, 0xff, bytes);
}

static uint64_t fixed;

static void from_fixed(void *out, size_t bytes) {
    memcpy(out, &fixed, bytes);
}

/* The most a delay can be, by trying every value a small modulus can give. */
static int64_t longest(enum outcome why, bool is_job, unsigned k) {
    int64_t most = 0;
    clock_replace(&(struct clock_seams){ .rand = from_fixed });
    for (uint64_t i = 0; i <= 25000; i++) {
        fixed = UINT64_MAX / 2 + i;
        int64_t ms = retry_delay_ms(why, is_job, k);
        CHECK(ms >= 0);
        most = ms > most ? ms : most;
    }
    clock_replace(NULL);
    return most;
}

TEST(waits_anything_up_to_the_doubled_base_and_at_most_five_seconds) {
    CHECK_INT(longest(OUTCOME_FAIL, false, 1), 250);
    CHECK_INT(longest(OUTCOME_FAIL, false, 2), 500);
    CHECK_INT(longest(OUTCOME_FAIL, false, 5), 4000);
    CHECK_INT(longest(OUTCOME_FAIL, false, 6), 5000);
    CHECK_INT(longest(OUTCOME_FAIL, false, 4000000000u), 5000);
    CHECK_INT(longest(OUTCOME_THROTTLE, false, 1), 1000);
    CHECK_INT(longest(OUTCOME_THROTTLE, false, 3), 4000);
    CHECK_INT(longest(OUTCOME_THROTTLE, false, 4), 5000);
}

TEST(a_job_starts_at_five_seconds_and_ends_at_six_hours) {
    CHECK_INT(longest(OUTCOME_FAIL, true, 1), 5000);
    CHECK_INT(longest(OUTCOME_FAIL, true, 3), 20000);
    clock_replace(&(struct clock_seams){ .rand = highest });
    CHECK(retry_delay_ms(OUTCOME_FAIL, true, 1000) <= 6 * 3600 * 1000);
    clock_replace(NULL);
}

static int64_t after(const char *value) {
    return retry_after_parse(str_of(value), (struct str){ 0 });
}

TEST(reads_retry_after_in_seconds) {
    CHECK_INT(after("0"), 0);
    CHECK_INT(after("120"), 120);
    CHECK_INT(after(" 7 "), 7);
}

TEST(rounds_a_decimal_retry_after_up) {
    CHECK_INT(after("1.2"), 2);
    CHECK_INT(after("1.0"), 1);
    CHECK_INT(after("0.001"), 1);
}

TEST(a_garbled_or_negative_retry_after_is_no_retry_after) {
    static const char *const BAD[] = { "",   "-1",  "+5",  "soon", "1e3",   "1.",  ".5",
                                       "5s", "5 5", "1,5", "0x10", "1.2.3", "5.-1" };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        CHECK_INT(after(BAD[i]), RETRY_NO_RETRY_AFTER);
}

TEST(more_than_a_day_of_seconds_is_no_retry_after) {
    CHECK_INT(after("86400"), 86400);
    CHECK_INT(after("86399.5"), 86400);
    CHECK_INT(after("86401"), RETRY_NO_RETRY_AFTER);
    CHECK_INT(after("86400.5"), RETRY_NO_RETRY_AFTER);
    CHECK_INT(after("1795999999"), RETRY_NO_RETRY_AFTER); /* a time since 1970 */
    CHECK_INT(after("99999999999999999999999999999999"), RETRY_NO_RETRY_AFTER);
}

TEST(a_date_counts_from_the_responses_own_date) {
    struct str date = STR("Fri, 20 Nov 2026 08:00:00 GMT");
    CHECK_INT(retry_after_parse(STR("Fri, 20 Nov 2026 08:00:30 GMT"), date), 30);
    CHECK_INT(retry_after_parse(date, date), 0);
    CHECK_INT(retry_after_parse(STR("Fri, 20 Nov 2026 07:59:59 GMT"), date), RETRY_NO_RETRY_AFTER);
    CHECK_INT(retry_after_parse(STR("Sun, 22 Nov 2026 08:00:00 GMT"), date), 86400);
    CHECK_INT(retry_after_parse(STR("Friday, 20-Nov-26 08:05:00 GMT"), date), 300);
    CHECK_INT(retry_after_parse(STR("Fri Nov 20 08:05:00 2026"), date), 300);
    CHECK_INT(retry_after_parse(date, STR("Fri Nov 20 07:55:00 2026")), 300);
}

static int64_t at_eight(void) {
    return 1795161600500; /* 2026-11-20T08:00:00.500Z */
}

TEST(a_date_without_a_date_to_count_from_counts_from_avas_own_clock) {
    clock_replace(&(struct clock_seams){ .wall_ms = at_eight });
    CHECK_INT(after("Fri, 20 Nov 2026 08:05:00 GMT"), 300);
    CHECK_INT(after("Fri, 20 Nov 2026 07:59:59 GMT"), RETRY_NO_RETRY_AFTER);
    CHECK_INT(retry_after_parse(STR("Fri Nov 20 08:05:00 2026"), STR("yesterday")), 300);
    clock_replace(NULL);
}

TEST(the_safe_rule_allows_each_of_its_cases_and_nothing_else) {
    struct retry_request post = { .left_host = true };
    CHECK(!retry_is_safe(&post, OUTCOME_FAIL));
    CHECK(!retry_is_safe(&post, OUTCOME_THROTTLE));
    struct retry_request r = post;
    r.is_idempotent = true;
    CHECK(retry_is_safe(&r, OUTCOME_FAIL));
    r = post;
    r.left_host = false;
    CHECK(retry_is_safe(&r, OUTCOME_FAIL));
    r = post;
    r.throttle_did_nothing = true;
    CHECK(retry_is_safe(&r, OUTCOME_THROTTLE) && !retry_is_safe(&r, OUTCOME_FAIL));
    r = post;
    r.has_idempotency_key = true;
    CHECK(retry_is_safe(&r, OUTCOME_FAIL));
    r = post;
    r.is_repeatable = true;
    CHECK(retry_is_safe(&r, OUTCOME_FAIL));
}

TEST(get_head_put_and_delete_are_idempotent) {
    CHECK(retry_method_is_idempotent(STR("GET")) && retry_method_is_idempotent(STR("HEAD")));
    CHECK(retry_method_is_idempotent(STR("PUT")) && retry_method_is_idempotent(STR("DELETE")));
    CHECK(!retry_method_is_idempotent(STR("POST")) && !retry_method_is_idempotent(STR("PATCH")));
}

static struct retry_question question(enum outcome o) {
    return (struct retry_question){
        .request = { .throttle_did_nothing = true, .is_idempotent = true, .left_host = true },
        .outcome = o,
        .attempts_max = 3,
        .left_ms = 10000,
        .retry_after_s = RETRY_NO_RETRY_AFTER,
    };
}

/* What is decided after the first attempt of a fresh call. */
static struct retry_decision decide(const struct retry_question *q) {
    struct retry_budget *b = retry_budget_new();
    struct retry_call c = retry_begin(b, PROVIDER_VAPI);
    struct retry_decision d = retry_decide(b, &c, q);
    retry_end(b, &c, q->outcome);
    retry_budget_free(b);
    return d;
}

TEST(makes_three_attempts_and_no_more) {
    struct retry_budget *b = retry_budget_new();
    struct retry_call c = retry_begin(b, PROVIDER_VAPI);
    struct retry_question q = question(OUTCOME_FAIL);
    CHECK(retry_decide(b, &c, &q).answer == RETRY_AGAIN);
    CHECK(retry_decide(b, &c, &q).answer == RETRY_AGAIN);
    CHECK(retry_decide(b, &c, &q).answer == RETRY_ATTEMPTS);
    CHECK_INT(c.attempts, 3);
    retry_end(b, &c, OUTCOME_FAIL);
    retry_budget_free(b);
}

TEST(never_retries_what_is_final) {
    static const enum outcome FINAL[] = { OUTCOME_OK, OUTCOME_SLOW, OUTCOME_LOCAL, OUTCOME_AUTH };
    for (size_t i = 0; i < 4; i++) {
        struct retry_question q = question(FINAL[i]);
        CHECK(decide(&q).answer == RETRY_POINTLESS);
    }
}

TEST(a_new_token_is_tried_once_and_at_once_even_for_a_post) {
    struct retry_budget *b = retry_budget_new();
    struct retry_call c = retry_begin(b, PROVIDER_GOOGLE);
    struct retry_question q = question(OUTCOME_AUTH);
    q.request = (struct retry_request){ .left_host = true };
    q.has_new_token = true;
    struct retry_decision d = retry_decide(b, &c, &q);
    CHECK(d.answer == RETRY_AGAIN);
    CHECK_INT(d.wait_ms, 0);
    CHECK(retry_decide(b, &c, &q).answer == RETRY_POINTLESS);
    retry_end(b, &c, OUTCOME_AUTH);
    retry_budget_free(b);
}

TEST(a_new_token_is_tried_whatever_the_budget_is) {
    struct retry_budget *b = retry_budget_new();
    struct retry_question failed = question(OUTCOME_FAIL), q = question(OUTCOME_AUTH);
    struct retry_call calls[20];
    for (size_t i = 0; i < 20; i++)
        calls[i] = retry_begin(b, PROVIDER_GOOGLE);
    while (retry_decide(b, &calls[0], &failed).answer == RETRY_AGAIN)
        calls[0].attempts = 1;
    q.has_new_token = true;
    for (size_t i = 1; i < 20; i++)
        CHECK(retry_decide(b, &calls[i], &q).answer == RETRY_AGAIN);
    for (size_t i = 0; i < 20; i++)
        retry_end(b, &calls[i], OUTCOME_OK);
    retry_budget_free(b);
}

TEST(what_may_have_happened_is_unknown_and_not_sent_again) {
    struct retry_question q = question(OUTCOME_FAIL);
    q.request.is_idempotent = false;
    CHECK(decide(&q).answer == RETRY_UNKNOWN);
    q.attempts_max = 1; /* the caller must hear it also at the last attempt, */
    CHECK(decide(&q).answer == RETRY_UNKNOWN);
    q.is_probe = true; /* of a probe, */
    CHECK(decide(&q).answer == RETRY_UNKNOWN);
    q.left_ms = 0; /* and too late */
    CHECK(decide(&q).answer == RETRY_UNKNOWN);
    q = question(OUTCOME_THROTTLE);
    q.request.is_idempotent = false;
    q.request.throttle_did_nothing = false;
    CHECK(decide(&q).answer == RETRY_UNSAFE);
}

TEST(never_retries_a_probe_while_draining_or_after_the_answer) {
    struct retry_question q = question(OUTCOME_FAIL);
    q.is_probe = true;
    CHECK(decide(&q).answer == RETRY_NOT_NOW);
    q = question(OUTCOME_FAIL);
    q.is_draining = true;
    CHECK(decide(&q).answer == RETRY_NOT_NOW);
    q = question(OUTCOME_FAIL);
    q.is_answered = true;
    CHECK(decide(&q).answer == RETRY_NOT_NOW);
}

TEST(never_retries_with_less_than_200_ms_or_a_usual_attempt_left) {
    struct retry_question q = question(OUTCOME_FAIL);
    q.left_ms = 199;
    CHECK(decide(&q).answer == RETRY_TOO_LATE);
    q.left_ms = 200;
    CHECK(decide(&q).answer == RETRY_AGAIN);
    CHECK_INT(decide(&q).wait_ms, 0);
    q.left_ms = 899;
    q.median_ms = 900;
    CHECK(decide(&q).answer == RETRY_TOO_LATE);
    q.left_ms = 900;
    CHECK(decide(&q).answer == RETRY_AGAIN);
}

TEST(waits_a_short_retry_after_and_a_little_more) {
    struct retry_question q = question(OUTCOME_THROTTLE);
    q.retry_after_s = 5;
    for (int i = 0; i < 1000; i++) {
        struct retry_decision d = decide(&q);
        CHECK(d.answer == RETRY_AGAIN);
        CHECK(d.wait_ms >= 5000 && d.wait_ms <= 5250);
    }
}

TEST(a_long_retry_after_or_one_past_the_deadline_is_passed_on) {
    struct retry_question q = question(OUTCOME_THROTTLE);
    q.retry_after_s = 6;
    CHECK(decide(&q).answer == RETRY_TOO_LATE);
    q.retry_after_s = 3;
    q.left_ms = 3199;
    CHECK(decide(&q).answer == RETRY_TOO_LATE);
    q.left_ms = 3200;
    CHECK(decide(&q).answer == RETRY_AGAIN);
    CHECK_INT(decide(&q).wait_ms, 3000);
}

TEST(without_retry_after_a_throttled_call_waits_out_the_gate_of_one_second) {
    struct retry_question q = question(OUTCOME_THROTTLE);
    for (int i = 0; i < 200; i++) {
        struct retry_decision d = decide(&q);
        CHECK(d.answer == RETRY_AGAIN);
        CHECK(d.wait_ms >= 1000 && d.wait_ms <= 1250);
    }
    q.left_ms = 1199;
    CHECK(decide(&q).answer == RETRY_TOO_LATE);
}

TEST(a_failed_call_waits_at_most_the_first_quarter_second) {
    struct retry_question q = question(OUTCOME_FAIL);
    for (int i = 0; i < 200; i++)
        CHECK(decide(&q).wait_ms <= 250);
}

TEST(a_job_waits_as_long_as_it_is_told) {
    struct retry_question q = question(OUTCOME_THROTTLE);
    q.is_job = true;
    q.retry_after_s = 3600;
    q.left_ms = 100;
    struct retry_decision d = decide(&q);
    CHECK(d.answer == RETRY_AGAIN);
    CHECK(d.wait_ms >= 3600000 && d.wait_ms <= 3600250);
}

TEST(a_retry_costs_ten_tokens_and_ten_make_the_budget_empty) {
    struct retry_budget *b = retry_budget_new();
    struct retry_question q = question(OUTCOME_FAIL);
    double empty = metric_value(METRIC_RETRY_BUDGET_EMPTY, (const char *[4]){ "vapi" });
    for (int i = 0; i < 10; i++) {
        struct retry_call c = retry_begin(b, PROVIDER_VAPI);
        CHECK(retry_decide(b, &c, &q).answer == RETRY_AGAIN);
        retry_end(b, &c, OUTCOME_FAIL);
    }
    struct retry_call c = retry_begin(b, PROVIDER_VAPI);
    CHECK(retry_decide(b, &c, &q).answer == RETRY_BUDGET_EMPTY);
    CHECK_INT(metric_value(METRIC_RETRY_BUDGET_EMPTY, (const char *[4]){ "vapi" }) - empty, 1);
    CHECK_INT(retry_budget_tokens(b, PROVIDER_TWILIO), 100);
    retry_end(b, &c, OUTCOME_FAIL);
    retry_budget_free(b);
}

TEST(a_success_at_the_first_attempt_adds_one_up_to_a_hundred) {
    struct retry_budget *b = retry_budget_new();
    struct retry_question q = question(OUTCOME_FAIL);
    struct retry_call c = retry_begin(b, PROVIDER_VAPI);
    retry_decide(b, &c, &q);
    retry_end(b, &c, OUTCOME_OK); /* not the first attempt */
    CHECK_INT(retry_budget_tokens(b, PROVIDER_VAPI), 90);
    for (int i = 0; i < 20; i++) {
        c = retry_begin(b, PROVIDER_VAPI);
        retry_end(b, &c, i % 2 ? OUTCOME_OK : OUTCOME_SLOW);
    }
    CHECK_INT(retry_budget_tokens(b, PROVIDER_VAPI), 100);
    retry_budget_free(b);
}

TEST(three_calls_or_a_tenth_of_those_in_flight_may_retry_at_once) {
    struct retry_budget *b = retry_budget_new();
    struct retry_question q = question(OUTCOME_FAIL);
    struct retry_call calls[60];
    for (int i = 0; i < 4; i++)
        calls[i] = retry_begin(b, PROVIDER_VAPI);
    for (int i = 0; i < 3; i++)
        CHECK(retry_decide(b, &calls[i], &q).answer == RETRY_AGAIN);
    CHECK(retry_decide(b, &calls[3], &q).answer == RETRY_BUDGET_EMPTY);
    CHECK(retry_decide(b, &calls[0], &q).answer == RETRY_AGAIN); /* it is one of the three */
    for (int i = 4; i < 40; i++)
        calls[i] = retry_begin(b, PROVIDER_VAPI);
    CHECK(retry_decide(b, &calls[3], &q).answer == RETRY_AGAIN); /* 40 in flight: four */
    CHECK(retry_decide(b, &calls[4], &q).answer == RETRY_BUDGET_EMPTY);
    retry_end(b, &calls[0], OUTCOME_OK);
    calls[0] = retry_begin(b, PROVIDER_VAPI);
    CHECK(retry_decide(b, &calls[4], &q).answer == RETRY_AGAIN);
    for (int i = 0; i < 40; i++)
        retry_end(b, &calls[i], OUTCOME_FAIL);
    retry_budget_free(b);
}

TEST(counts_retries_by_reason_and_successes_that_needed_one) {
    const char *const labels[4] = { "vapi", "throttle" }, *const vapi[4] = { "vapi" };
    double retries = metric_value(METRIC_RETRIES, labels);
    double saved = metric_value(METRIC_RETRY_SUCCESS, vapi);
    struct retry_budget *b = retry_budget_new();
    struct retry_question q = question(OUTCOME_THROTTLE);
    struct retry_call c = retry_begin(b, PROVIDER_VAPI);
    retry_decide(b, &c, &q);
    retry_end(b, &c, OUTCOME_OK);
    CHECK_INT(metric_value(METRIC_RETRIES, labels) - retries, 1);
    CHECK_INT(metric_value(METRIC_RETRY_SUCCESS, vapi) - saved, 1);
    CHECK_INT(metric_value(METRIC_RETRY_BUDGET, vapi), 90);
    retry_budget_free(b);
}

TEST(learns_the_median_of_how_long_attempts_take) {
    struct retry_budget *b = retry_budget_new();
    CHECK_INT(retry_median_ms(b, PROVIDER_VAPI), 0);
    retry_learn(b, PROVIDER_VAPI, 50000);
    CHECK_INT(retry_median_ms(b, PROVIDER_VAPI), 50);
    /* nine quick ones for each slow one, in an order that is not random: 20 ms is the median */
    for (int i = 0; i < 2000; i++)
        retry_learn(b, PROVIDER_VAPI, i % 10 == 0 ? 4000000 : i % 2 ? 18000 : 22000);
    CHECK(retry_median_ms(b, PROVIDER_VAPI) >= 15 && retry_median_ms(b, PROVIDER_VAPI) <= 26);
    for (int i = 0; i < 200; i++)
        retry_learn(b, PROVIDER_VAPI, 900000);
    CHECK(retry_median_ms(b, PROVIDER_VAPI) > 800);
    CHECK_INT(retry_median_ms(b, PROVIDER_TWILIO), 0);
    retry_budget_free(b);
}
