#include "test.h"

#include "resilience/provider_breaker.h"

static const struct breaker_conf CONF = { .failures_to_open = 3,
                                          .successes_to_close = 2,
                                          .rest_ms = 30000,
                                          .memory_ms = 60000,
                                          .lease_ms = 6000 };

static void call(struct provider_breaker *p, uint64_t credential, enum outcome o, int64_t now_ms) {
    provider_breaker_settle(p, provider_breaker_admit(p, now_ms), credential, o, now_ms);
}

static void calls(struct provider_breaker *p, int n, uint64_t credential, enum outcome o,
                  int64_t now_ms) {
    while (n--)
        call(p, credential, o, now_ms);
}

static enum breaker_state state_at(struct provider_breaker *p, int64_t now_ms) {
    return breaker_state(&p->breaker, now_ms);
}

TEST(no_single_credential_can_open_it) {
    struct provider_breaker p;
    provider_breaker_init(&p, &CONF);
    calls(&p, 100, 1, OUTCOME_FAIL, 0);
    CHECK(state_at(&p, 0) == BREAKER_CLOSED);
    provider_breaker_fini(&p);
}

TEST(three_failures_in_a_row_of_two_credentials_open_it) {
    struct provider_breaker p;
    provider_breaker_init(&p, &CONF);
    calls(&p, 2, 1, OUTCOME_FAIL, 0);
    CHECK(state_at(&p, 0) == BREAKER_CLOSED);
    call(&p, 2, OUTCOME_FAIL, 0);
    CHECK(state_at(&p, 0) == BREAKER_OPEN);
    provider_breaker_fini(&p);
}

TEST(anyones_success_ends_the_row) {
    struct provider_breaker p;
    provider_breaker_init(&p, &CONF);
    calls(&p, 2, 1, OUTCOME_FAIL, 0);
    call(&p, 3, OUTCOME_OK, 0);
    call(&p, 2, OUTCOME_FAIL, 0);
    CHECK(state_at(&p, 0) == BREAKER_CLOSED);
    calls(&p, 2, 2, OUTCOME_FAIL, 0); /* three in a row, but of one */
    CHECK(state_at(&p, 0) == BREAKER_CLOSED);
    call(&p, 1, OUTCOME_FAIL, 0);
    CHECK(state_at(&p, 0) == BREAKER_OPEN);
    provider_breaker_fini(&p);
}

TEST(the_row_forgets_after_a_minute) {
    struct provider_breaker p;
    provider_breaker_init(&p, &CONF);
    call(&p, 1, OUTCOME_FAIL, 0);
    calls(&p, 2, 2, OUTCOME_FAIL, 60001);
    CHECK(state_at(&p, 60001) == BREAKER_CLOSED);
    call(&p, 2, OUTCOME_FAIL, 60002); /* three, but the other one's is forgotten */
    CHECK(state_at(&p, 60002) == BREAKER_CLOSED);
    provider_breaker_fini(&p);
}

TEST(half_of_ten_calls_failing_open_it) {
    struct provider_breaker p;
    provider_breaker_init(&p, &CONF);
    for (int i = 0; i < 5; i++) {
        CHECK(state_at(&p, 0) == BREAKER_CLOSED);
        call(&p, 3, OUTCOME_OK, i * 1000);
        call(&p, 1 + (uint64_t)i % 2, OUTCOME_FAIL, i * 1000);
    }
    CHECK(state_at(&p, 5000) == BREAKER_OPEN);
    provider_breaker_fini(&p);
}

TEST(nine_calls_are_too_few_to_judge_by_share) {
    struct provider_breaker p;
    provider_breaker_init(&p, &CONF);
    for (int i = 0; i < 4; i++) {
        call(&p, 1 + (uint64_t)i % 2, OUTCOME_FAIL, 0);
        call(&p, 3, OUTCOME_OK, 0);
    }
    call(&p, 1, OUTCOME_FAIL, 0);
    CHECK(state_at(&p, 0) == BREAKER_CLOSED);
    provider_breaker_fini(&p);
}

TEST(less_than_half_failing_is_borne) {
    struct provider_breaker p;
    provider_breaker_init(&p, &CONF);
    for (int i = 0; i < 20; i++) {
        calls(&p, 2, 3, OUTCOME_OK, 0);
        call(&p, 1 + (uint64_t)i % 2, OUTCOME_FAIL, 0);
    }
    CHECK(state_at(&p, 0) == BREAKER_CLOSED);
    provider_breaker_fini(&p);
}

TEST(one_workspace_failing_among_others_takes_the_provider_from_nobody) {
    struct provider_breaker p;
    provider_breaker_init(&p, &CONF);
    for (int i = 0; i < 20; i++) {
        calls(&p, 2, 1, OUTCOME_FAIL, 0);
        call(&p, 2, OUTCOME_OK, 0);
    }
    CHECK(state_at(&p, 0) == BREAKER_CLOSED);
    provider_breaker_fini(&p);
}

TEST(four_of_five_calls_slow_open_it) {
    struct provider_breaker p;
    provider_breaker_init(&p, &CONF);
    calls(&p, 2, 3, OUTCOME_OK, 0);
    calls(&p, 7, 1, OUTCOME_SLOW, 0);
    CHECK(state_at(&p, 0) == BREAKER_CLOSED);
    call(&p, 2, OUTCOME_SLOW, 0);
    CHECK(state_at(&p, 0) == BREAKER_OPEN);
    provider_breaker_fini(&p);
}

TEST(what_is_older_than_thirty_seconds_is_no_part_of_the_share) {
    struct provider_breaker p;
    provider_breaker_init(&p, &CONF);
    for (int i = 0; i < 4; i++) {
        call(&p, 1 + (uint64_t)i % 2, OUTCOME_FAIL, 0);
        call(&p, 3, OUTCOME_OK, 0);
    }
    call(&p, 1, OUTCOME_FAIL, 30000);
    call(&p, 2, OUTCOME_FAIL, 30000);
    CHECK(state_at(&p, 30000) == BREAKER_CLOSED);
    provider_breaker_fini(&p);
}

TEST(neutral_outcomes_are_no_evidence) {
    struct provider_breaker p;
    provider_breaker_init(&p, &CONF);
    calls(&p, 2, 1, OUTCOME_FAIL, 0);
    calls(&p, 20, 2, OUTCOME_AUTH, 0);
    calls(&p, 20, 2, OUTCOME_THROTTLE, 0);
    calls(&p, 20, 2, OUTCOME_LOCAL, 0);
    CHECK(state_at(&p, 0) == BREAKER_CLOSED);
    call(&p, 2, OUTCOME_FAIL, 0);
    CHECK(state_at(&p, 0) == BREAKER_OPEN);
    provider_breaker_fini(&p);
}

TEST(closes_like_any_breaker_and_begins_with_no_memory) {
    struct provider_breaker p;
    provider_breaker_init(&p, &CONF);
    calls(&p, 2, 1, OUTCOME_FAIL, 0);
    call(&p, 2, OUTCOME_FAIL, 0);
    CHECK(provider_breaker_admit(&p, 29999) == 0);
    calls(&p, 2, 1, OUTCOME_OK, 30000);
    CHECK(state_at(&p, 30000) == BREAKER_CLOSED);
    calls(&p, 2, 1, OUTCOME_FAIL, 30000);
    CHECK(state_at(&p, 30000) == BREAKER_CLOSED);
    provider_breaker_fini(&p);
}
