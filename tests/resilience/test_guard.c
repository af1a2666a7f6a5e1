#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "obs/metrics.h"
#include "resilience/guard.h"

static const struct guard_conf CONF = {
    .is_enabled = true, .failures_to_open = 3, .recovery_ms = 30000, .attempt_timeout_ms = 5000
};

static int64_t now_us;

static int64_t test_now_us(void) {
    return now_us;
}

static struct guard_call call_of(const char *credential) {
    return (struct guard_call){ .provider = PROVIDER_VAPI, .credential = credential, .version = 1 };
}

static struct guard_verdict attempt(struct guard *g, struct guard_call *call, enum outcome o,
                                    int64_t now_ms) {
    struct guard_verdict v = guard_admit(g, call, now_ms);
    if (v.answer == GUARD_ADMITTED)
        guard_settle(g, call, o, GUARD_NO_RETRY_AFTER, now_ms);
    return v;
}

static struct guard_verdict one(struct guard *g, const char *credential, enum outcome o,
                                int64_t now_ms) {
    struct guard_call call = call_of(credential);
    return attempt(g, &call, o, now_ms);
}

static enum guard_answer ask(struct guard *g, const char *credential, int64_t now_ms) {
    return one(g, credential, OUTCOME_LOCAL, now_ms).answer;
}

static void fails(struct guard *g, const char *credential, int n, int64_t now_ms) {
    while (n--)
        one(g, credential, OUTCOME_FAIL, now_ms);
}

static double metric(enum metric m) {
    return metric_value(m, (const char *[4]){ "vapi" });
}

TEST(three_failed_calls_stop_their_credential_and_nobody_else) {
    struct guard *g = guard_new(&CONF);
    fails(g, "cred_a", 3, 0);
    struct guard_verdict v = one(g, "cred_a", OUTCOME_OK, 13000);
    CHECK(v.answer == GUARD_BREAKER_OPEN);
    CHECK_INT(v.remaining_ms, 17000);
    CHECK(ask(g, "cred_b", 13000) == GUARD_ADMITTED);
    guard_free(g);
}

TEST(all_attempts_of_one_call_are_one_failure) {
    struct guard *g = guard_new(&CONF);
    struct guard_call call = call_of("cred_a");
    for (int i = 0; i < 3; i++)
        CHECK(attempt(g, &call, OUTCOME_FAIL, 0).answer == GUARD_ADMITTED);
    CHECK_INT(guard_state(g, PROVIDER_VAPI, NULL, "cred_a", 0).failures, 1);
    fails(g, "cred_a", 1, 0);
    CHECK(ask(g, "cred_a", 0) == GUARD_ADMITTED);
    fails(g, "cred_a", 1, 0);
    CHECK(ask(g, "cred_a", 0) == GUARD_BREAKER_OPEN);
    guard_free(g);
}

TEST(a_call_that_succeeds_after_a_retry_clears_the_count) {
    struct guard *g = guard_new(&CONF);
    struct guard_call call = call_of("cred_a");
    attempt(g, &call, OUTCOME_FAIL, 0);
    attempt(g, &call, OUTCOME_OK, 0);
    CHECK_INT(guard_state(g, PROVIDER_VAPI, NULL, "cred_a", 0).failures, 0);
    guard_free(g);
}

TEST(failures_of_two_credentials_stop_the_whole_provider) {
    struct guard *g = guard_new(&CONF);
    fails(g, "cred_a", 2, 0);
    fails(g, "cred_b", 1, 0);
    CHECK(ask(g, "cred_c", 0) == GUARD_BREAKER_OPEN);
    CHECK(guard_state(g, PROVIDER_VAPI, NULL, NULL, 0).breaker == BREAKER_OPEN);
    CHECK(guard_state(g, PROVIDER_VAPI, NULL, "cred_c", 0).breaker == BREAKER_CLOSED);
    CHECK(guard_state(g, PROVIDER_TWILIO, NULL, NULL, 0).breaker == BREAKER_CLOSED);
    guard_free(g);
}

TEST(mail_servers_are_judged_each_for_itself) {
    struct guard *g = guard_new(&CONF);
    const char *who[] = { "cred_a", "cred_a", "cred_b" };
    struct guard_call call;
    for (int i = 0; i < 3; i++) {
        call = call_of(who[i]);
        call.provider = PROVIDER_SMTP;
        call.host = "mail.one.example";
        attempt(g, &call, OUTCOME_FAIL, 0);
    }
    call = call_of("cred_c");
    call.provider = PROVIDER_SMTP;
    call.host = "mail.one.example";
    CHECK(attempt(g, &call, OUTCOME_OK, 0).answer == GUARD_BREAKER_OPEN);
    call.host = "mail.two.example";
    CHECK(attempt(g, &call, OUTCOME_OK, 0).answer == GUARD_ADMITTED);
    CHECK(guard_state(g, PROVIDER_SMTP, "mail.one.example", NULL, 0).breaker == BREAKER_OPEN);
    CHECK(guard_state(g, PROVIDER_SMTP, "mail.two.example", NULL, 0).breaker == BREAKER_CLOSED);
    guard_free(g);
}

TEST(a_permit_of_the_credential_is_returned_when_the_provider_refuses) {
    struct guard *g = guard_new(&CONF);
    fails(g, "cred_a", 3, 0);
    guard_force_open(g, PROVIDER_VAPI, NULL, NULL, 20000);
    CHECK(ask(g, "cred_a", 30000) == GUARD_BREAKER_OPEN); /* own is half open, shared is not */
    guard_reset(g, PROVIDER_VAPI, NULL, NULL);
    CHECK(one(g, "cred_a", OUTCOME_OK, 30000).is_probe);
    guard_free(g);
}

TEST(two_good_probes_close_and_say_which_breaker) {
    struct guard *g = guard_new(&CONF);
    struct guard_call call = call_of("cred_a");
    fails(g, "cred_a", 3, 0);
    CHECK(guard_admit(g, &call, 30000).is_probe);
    CHECK_INT(guard_settle(g, &call, OUTCOME_OK, -1, 30000), GUARD_NOT_CLOSED);
    CHECK(guard_admit(g, &call, 30000).is_probe);
    CHECK_INT(guard_settle(g, &call, OUTCOME_OK, -1, 30000), GUARD_CLOSED_CREDENTIAL);
    CHECK(!guard_admit(g, &call, 30000).is_probe);
    guard_free(g);
}

TEST(says_when_a_breaker_opened_and_a_retry_would_only_be_refused) {
    struct guard *g = guard_new(&CONF);
    struct guard_call call = call_of("cred_a");
    fails(g, "cred_a", 1, 0);
    guard_admit(g, &call, 0);
    CHECK_INT(guard_settle(g, &call, OUTCOME_FAIL, -1, 0), 0);
    call = call_of("cred_a");
    guard_admit(g, &call, 0);
    CHECK_INT(guard_settle(g, &call, OUTCOME_FAIL, -1, 0),
              GUARD_NOT_CLOSED | GUARD_OPENED_CREDENTIAL);
    guard_free(g);
}

TEST(a_throttle_holds_back_the_credential_until_retry_after) {
    struct guard *g = guard_new(&CONF);
    struct guard_call call = call_of("cred_a");
    guard_admit(g, &call, 0);
    guard_settle(g, &call, OUTCOME_THROTTLE, 7000, 0);
    struct guard_verdict v = guard_admit(g, &call, 2000); /* its own retry included */
    CHECK(v.answer == GUARD_THROTTLED);
    CHECK_INT(v.remaining_ms, 5000);
    CHECK(ask(g, "cred_b", 2000) == GUARD_ADMITTED);
    CHECK_INT(guard_state(g, PROVIDER_VAPI, NULL, "cred_a", 2000).throttled_ms, 5000);
    CHECK(ask(g, "cred_a", 7000) == GUARD_ADMITTED);
    guard_free(g);
}

TEST(a_throttle_without_retry_after_is_a_second_and_never_more_than_five_minutes) {
    struct guard *g = guard_new(&CONF);
    struct guard_call call = call_of("cred_a");
    one(g, "cred_a", OUTCOME_THROTTLE, 0);
    CHECK(ask(g, "cred_a", 999) == GUARD_THROTTLED);
    CHECK(ask(g, "cred_a", 1000) == GUARD_ADMITTED);
    guard_admit(g, &call, 1000);
    guard_settle(g, &call, OUTCOME_THROTTLE, 86400000, 1000);
    CHECK(ask(g, "cred_a", 300999) == GUARD_THROTTLED);
    CHECK(ask(g, "cred_a", 301000) == GUARD_ADMITTED);
    guard_free(g);
}

TEST(a_refused_credential_waits_a_minute_or_for_a_new_version) {
    struct guard *g = guard_new(&CONF);
    one(g, "cred_a", OUTCOME_AUTH, 0);
    struct guard_verdict v = one(g, "cred_a", OUTCOME_OK, 1000);
    CHECK(v.answer == GUARD_NEEDS_REAUTH);
    CHECK_INT(v.remaining_ms, 59000);
    CHECK(guard_state(g, PROVIDER_VAPI, NULL, "cred_a", 1000).needs_reauth);
    CHECK(ask(g, "cred_a", 60000) == GUARD_ADMITTED);

    one(g, "cred_a", OUTCOME_AUTH, 60000);
    struct guard_call newer = call_of("cred_a");
    newer.version = 2;
    CHECK(attempt(g, &newer, OUTCOME_OK, 60001).answer == GUARD_ADMITTED);
    CHECK(!guard_state(g, PROVIDER_VAPI, NULL, "cred_a", 60001).needs_reauth);
    guard_free(g);
}

TEST(the_first_401_of_a_call_that_may_refresh_is_not_believed_yet) {
    struct guard *g = guard_new(&CONF);
    struct guard_call call = call_of("cred_a");
    call.may_refresh = true;
    CHECK(attempt(g, &call, OUTCOME_AUTH, 0).answer == GUARD_ADMITTED);
    CHECK(attempt(g, &call, OUTCOME_AUTH, 0).answer == GUARD_ADMITTED);
    CHECK(attempt(g, &call, OUTCOME_OK, 0).answer == GUARD_NEEDS_REAUTH);
    guard_free(g);
}

TEST(a_late_401_of_an_older_version_says_nothing_about_the_new_one) {
    struct guard *g = guard_new(&CONF);
    struct guard_call old = call_of("cred_a"), new = call_of("cred_a");
    new.version = 2;
    guard_admit(g, &old, 0);
    attempt(g, &new, OUTCOME_OK, 1);
    guard_settle(g, &old, OUTCOME_AUTH, -1, 2);
    CHECK(attempt(g, &new, OUTCOME_OK, 3).answer == GUARD_ADMITTED);
    guard_free(g);
}

TEST(disabled_it_refuses_nobody_and_still_counts) {
    struct guard_conf conf = CONF;
    conf.is_enabled = false;
    struct guard *g = guard_new(&conf);
    double before = metric(METRIC_BREAKER_FAILURES);
    fails(g, "cred_a", 5, 0);
    fails(g, "cred_b", 5, 0);
    CHECK(ask(g, "cred_a", 0) == GUARD_ADMITTED);
    CHECK_INT(metric(METRIC_BREAKER_FAILURES) - before, 10);
    guard_collect(g);
    CHECK_INT(metric(METRIC_BREAKER_STATE), 0);
    guard_free(g);
}

TEST(other_rules_hold_at_once_and_what_was_learned_stays) {
    struct guard *g = guard_new(&CONF);
    struct guard_conf next = CONF;
    fails(g, "cred_a", 2, 0);
    one(g, "cred_c", OUTCOME_OK, 0); /* keeps the provider's own breaker out of it */
    fails(g, "cred_b", 3, 0);
    one(g, "cred_c", OUTCOME_OK, 0);
    next.failures_to_open = 4;
    next.recovery_ms = 10000;
    guard_retune(g, &next);
    CHECK_INT(guard_state(g, PROVIDER_VAPI, NULL, "cred_a", 0).failures, 2);
    CHECK_INT(one(g, "cred_b", OUTCOME_OK, 1000).remaining_ms, 9000); /* open as before */
    fails(g, "cred_a", 1, 1000);
    CHECK(ask(g, "cred_a", 1000) == GUARD_ADMITTED);
    fails(g, "cred_a", 1, 1000);
    CHECK(ask(g, "cred_a", 1000) == GUARD_BREAKER_OPEN);
    guard_free(g);
}

TEST(a_lower_threshold_opens_at_the_next_failure) {
    struct guard *g = guard_new(&(struct guard_conf){ true, 9, 30000, 5000, 0 });
    fails(g, "cred_a", 7, 0);
    guard_retune(g, &CONF);
    CHECK(ask(g, "cred_a", 0) == GUARD_ADMITTED);
    CHECK_INT(guard_state(g, PROVIDER_VAPI, NULL, "cred_a", 0).failures, 2);
    fails(g, "cred_a", 1, 0);
    CHECK(ask(g, "cred_a", 0) == GUARD_BREAKER_OPEN);
    guard_free(g);
}

TEST(the_providers_own_breaker_follows_other_rules_too) {
    struct guard *g = guard_new(&CONF);
    struct guard_conf next = CONF;
    next.failures_to_open = 2;
    guard_retune(g, &next);
    fails(g, "cred_a", 1, 0);
    fails(g, "cred_b", 1, 0);
    CHECK(ask(g, "cred_c", 0) == GUARD_BREAKER_OPEN);
    guard_free(g);
}

TEST(switched_off_it_lets_through_whom_it_held_back_and_switched_on_it_begins_anew) {
    struct guard *g = guard_new(&CONF);
    struct guard_conf next = CONF;
    fails(g, "cred_a", 3, 0);
    next.is_enabled = false;
    guard_retune(g, &next);
    CHECK(ask(g, "cred_a", 0) == GUARD_ADMITTED);
    guard_retune(g, &CONF);
    CHECK(ask(g, "cred_a", 0) == GUARD_ADMITTED);
    fails(g, "cred_a", 3, 0);
    CHECK(ask(g, "cred_a", 0) == GUARD_BREAKER_OPEN);
    guard_free(g);
}

TEST(a_call_that_moves_both_breakers_counts_once) {
    struct guard *g = guard_new(&CONF);
    double failures = metric(METRIC_BREAKER_FAILURES), opens = metric(METRIC_BREAKER_OPENS),
           closes = metric(METRIC_BREAKER_CLOSES), refusals = metric(METRIC_BREAKER_REJECTIONS);
    fails(g, "cred_b", 1, 0);
    fails(g, "cred_a", 2, 0); /* the second opens the provider's */
    CHECK_INT(metric(METRIC_BREAKER_FAILURES) - failures, 3);
    CHECK_INT(metric(METRIC_BREAKER_OPENS) - opens, 1);
    CHECK(ask(g, "cred_a", 1) == GUARD_BREAKER_OPEN);
    CHECK_INT(metric(METRIC_BREAKER_REJECTIONS) - refusals, 1);
    one(g, "cred_a", OUTCOME_OK, 30000);
    one(g, "cred_a", OUTCOME_OK, 30000);
    CHECK_INT(metric(METRIC_BREAKER_CLOSES) - closes, 1);
    guard_free(g);
}

TEST(a_probe_is_leased_for_as_long_as_its_own_attempt_may_take) {
    struct guard *g = guard_new(&CONF);
    struct guard_call slow = call_of("cred_a");
    slow.attempt_ms = 20000;
    fails(g, "cred_a", 3, 0);
    CHECK(guard_admit(g, &slow, 30000).is_probe);
    CHECK(ask(g, "cred_a", 50999) == GUARD_BREAKER_OPEN);
    CHECK(guard_state(g, PROVIDER_VAPI, NULL, "cred_a", 50999).breaker == BREAKER_HALF_OPEN);
    guard_settle(g, &slow, OUTCOME_OK, -1, 50999);
    one(g, "cred_a", OUTCOME_OK, 51000);
    CHECK(guard_state(g, PROVIDER_VAPI, NULL, "cred_a", 51000).breaker == BREAKER_CLOSED);

    fails(g, "cred_a", 3, 60000);
    CHECK(guard_admit(g, &slow, 90000).is_probe);
    CHECK(guard_state(g, PROVIDER_VAPI, NULL, "cred_a", 111000).breaker == BREAKER_OPEN);
    guard_settle(g, &slow, OUTCOME_LOCAL, -1, 111000);
    one(g, "cred_a", OUTCOME_OK, 141000); /* the next probe has the usual lease again */
    struct guard_call usual = call_of("cred_a");
    CHECK(guard_admit(g, &usual, 141000).is_probe);
    CHECK(guard_state(g, PROVIDER_VAPI, NULL, "cred_a", 147000).breaker == BREAKER_OPEN);
    guard_free(g);
}

TEST(probes_are_counted_by_outcome_and_a_lost_one_as_failed) {
    struct guard *g = guard_new(&CONF);
    struct guard_call lost = call_of("cred_a");
    const char *const ok[4] = { "vapi", "ok" }, *const failed[4] = { "vapi", "fail" };
    double ok_before = metric_value(METRIC_BREAKER_PROBES, ok),
           failed_before = metric_value(METRIC_BREAKER_PROBES, failed);
    fails(g, "cred_a", 3, 0);
    one(g, "cred_a", OUTCOME_OK, 30000);
    CHECK_INT(metric_value(METRIC_BREAKER_PROBES, ok) - ok_before, 1);
    CHECK(guard_admit(g, &lost, 30000).is_probe);
    CHECK(ask(g, "cred_a", 36000) == GUARD_BREAKER_OPEN);
    CHECK_INT(metric_value(METRIC_BREAKER_PROBES, failed) - failed_before, 1);
    guard_settle(g, &lost, OUTCOME_OK, -1, 36001);
    CHECK_INT(metric_value(METRIC_BREAKER_PROBES, ok) - ok_before, 1);
    guard_free(g);
}

TEST(the_time_until_it_closed_again_counts_from_the_first_opening) {
    struct guard *g = guard_new(&CONF);
    double before = metric(METRIC_BREAKER_RECOVERY);
    fails(g, "cred_a", 3, 1000);
    one(g, "cred_a", OUTCOME_FAIL, 31000); /* a probe fails, and it opens once more */
    one(g, "cred_a", OUTCOME_OK, 61000);
    one(g, "cred_a", OUTCOME_OK, 62500);
    CHECK_INT(metric(METRIC_BREAKER_RECOVERY) - before, 61500000);
    guard_free(g);
}

TEST(a_key_that_was_only_tried_out_hides_no_open_breaker) {
    struct guard *g = guard_new(&CONF);
    clock_replace(&(struct clock_seams){ .now_us = test_now_us });
    now_us = 0;
    struct guard_call trial = { .provider = PROVIDER_VAPI, .credential = "new", .is_trial = true };
    CHECK(guard_admit(g, &trial, 0).answer == GUARD_ADMITTED);
    guard_settle(g, &trial, OUTCOME_OK, -1, 0);
    fails(g, "cred_a", 3, 0);
    guard_collect(g);
    CHECK_INT(metric(METRIC_BREAKER_STATE), 2);
    clock_replace(NULL);
    guard_free(g);
}

TEST(the_gauge_is_the_least_open_credential_in_use_or_the_provider_if_worse) {
    struct guard *g = guard_new(&CONF);
    clock_replace(&(struct clock_seams){ .now_us = test_now_us });
    now_us = 0;
    one(g, "cred_b", OUTCOME_OK, 0);
    fails(g, "cred_a", 3, 0);
    guard_collect(g);
    CHECK_INT(metric(METRIC_BREAKER_STATE), 0); /* cred_b works */
    CHECK_INT(metric(METRIC_BREAKER_OPEN_CREDENTIALS), 1);
    now_us = 29999 * 1000;
    guard_force_open(g, PROVIDER_VAPI, NULL, "cred_a", 29999);
    guard_force_open(g, PROVIDER_VAPI, NULL, "cred_b", 29999);
    guard_collect(g);
    CHECK_INT(metric(METRIC_BREAKER_STATE), 2);
    CHECK_INT(metric(METRIC_BREAKER_OPEN_CREDENTIALS), 2);
    now_us = 59999 * 1000; /* only looked at */
    guard_collect(g);
    CHECK_INT(metric(METRIC_BREAKER_STATE), 1);
    guard_reset(g, PROVIDER_VAPI, NULL, "cred_b");
    guard_collect(g);
    CHECK_INT(metric(METRIC_BREAKER_STATE), 0);
    now_us = 60001 * 1000; /* cred_b was not called for a minute: cred_a alone is left */
    guard_collect(g);
    CHECK_INT(metric(METRIC_BREAKER_STATE), 1);
    guard_force_open(g, PROVIDER_VAPI, NULL, NULL, 60001);
    guard_collect(g);
    CHECK_INT(metric(METRIC_BREAKER_STATE), 2);
    clock_replace(NULL);
    guard_free(g);
}

TEST(forgets_the_longest_unused_credential_but_not_an_open_one) {
    struct guard_conf conf = CONF;
    conf.credentials_max = 10;
    struct guard *g = guard_new(&conf);
    fails(g, "cred_open", 3, 0);
    fails(g, "cred_closed", 2, 0);
    for (int i = 0; i < 50; i++) {
        char name[32];
        snprintf(name, sizeof name, "cred_%d", i);
        one(g, name, OUTCOME_OK, 1);
    }
    CHECK_INT(guard_state(g, PROVIDER_VAPI, NULL, "cred_closed", 1).failures, 0);
    CHECK(guard_state(g, PROVIDER_VAPI, NULL, "cred_open", 1).breaker == BREAKER_OPEN);
    guard_free(g);
}

TEST(a_ticket_of_a_forgotten_credential_meets_no_later_one) {
    struct guard_conf conf = CONF;
    conf.credentials_max = 1;
    struct guard *g = guard_new(&conf);
    struct guard_call old = call_of("cred_a");
    guard_admit(g, &old, 0);
    one(g, "cred_b", OUTCOME_OK, 0); /* cred_a is forgotten */
    fails(g, "cred_a", 1, 0);
    guard_settle(g, &old, OUTCOME_OK, -1, 0);
    CHECK_INT(guard_state(g, PROVIDER_VAPI, NULL, "cred_a", 0).failures, 1);
    guard_free(g);
}

enum { THREADS = 20, CALLS = 50 };

struct crowd {
    struct guard *guard;
    pthread_barrier_t start;
    atomic_int probes, refusals;
};

static void *rush(void *arg) {
    struct crowd *c = arg;
    pthread_barrier_wait(&c->start);
    for (int i = 0; i < CALLS; i++) {
        struct guard_call call = call_of("cred_a");
        struct guard_verdict v = guard_admit(c->guard, &call, 30000);
        atomic_fetch_add(v.answer == GUARD_ADMITTED ? &c->probes : &c->refusals, 1);
    }
    return NULL;
}

TEST(of_a_thousand_callers_at_once_exactly_one_is_the_probe) {
    struct crowd c = { .guard = guard_new(&CONF) };
    pthread_t threads[THREADS];
    fails(c.guard, "cred_a", 3, 0);
    pthread_barrier_init(&c.start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, rush, &c);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(c.probes, 1);
    CHECK_INT(c.refusals, THREADS * CALLS - 1);
    pthread_barrier_destroy(&c.start);
    guard_free(c.guard);
}
