#include "test.h"

#include <string.h>

#include "base/clock.h"
#include "resilience/breaker.h"

static const struct breaker_conf CONF = { .failures_to_open = 3,
                                          .successes_to_close = 2,
                                          .rest_ms = 30000,
                                          .memory_ms = 60000,
                                          .lease_ms = 6000 };

static void call(struct breaker *b, enum outcome o, int64_t now_ms) {
    breaker_settle(b, breaker_admit(b, now_ms), o, now_ms);
}

static void calls(struct breaker *b, int n, enum outcome o, int64_t now_ms) {
    while (n--)
        call(b, o, now_ms);
}

static struct breaker opened_at(int64_t now_ms) {
    struct breaker b;
    breaker_init(&b, &CONF);
    calls(&b, 3, OUTCOME_FAIL, now_ms);
    return b;
}

TEST(a_new_one_is_closed_and_admits) {
    struct breaker b;
    breaker_init(&b, &CONF);
    CHECK(breaker_state(&b, 0) == BREAKER_CLOSED);
    CHECK(breaker_admit(&b, 0) != 0);
    breaker_fini(&b);
}

TEST(opens_after_three_failures_in_a_row) {
    struct breaker b;
    breaker_init(&b, &CONF);
    calls(&b, 2, OUTCOME_FAIL, 0);
    CHECK(breaker_state(&b, 0) == BREAKER_CLOSED);
    call(&b, OUTCOME_FAIL, 0);
    CHECK(breaker_state(&b, 0) == BREAKER_OPEN);
    CHECK(breaker_admit(&b, 0) == 0);
    breaker_fini(&b);
}

TEST(a_success_starts_the_count_again) {
    struct breaker b;
    breaker_init(&b, &CONF);
    calls(&b, 2, OUTCOME_FAIL, 0);
    call(&b, OUTCOME_OK, 0);
    CHECK_INT(breaker_failures(&b, 0), 0);
    calls(&b, 2, OUTCOME_FAIL, 0);
    CHECK(breaker_state(&b, 0) == BREAKER_CLOSED);
    breaker_fini(&b);
}

TEST(a_slow_answer_is_a_success) {
    struct breaker b;
    breaker_init(&b, &CONF);
    calls(&b, 2, OUTCOME_FAIL, 0);
    call(&b, OUTCOME_SLOW, 0);
    CHECK_INT(breaker_failures(&b, 0), 0);
    breaker_fini(&b);
}

TEST(refused_credentials_patience_and_our_own_doing_neither_count_nor_reset) {
    struct breaker b;
    breaker_init(&b, &CONF);
    calls(&b, 2, OUTCOME_FAIL, 0);
    call(&b, OUTCOME_AUTH, 0);
    call(&b, OUTCOME_THROTTLE, 0);
    call(&b, OUTCOME_LOCAL, 0);
    CHECK_INT(breaker_failures(&b, 0), 2);
    call(&b, OUTCOME_FAIL, 0);
    CHECK(breaker_state(&b, 0) == BREAKER_OPEN);
    breaker_fini(&b);
}

TEST(a_failure_older_than_a_minute_is_forgotten) {
    struct breaker b;
    breaker_init(&b, &CONF);
    call(&b, OUTCOME_FAIL, 0);
    call(&b, OUTCOME_FAIL, 50000);
    CHECK_INT(breaker_failures(&b, 60000), 2);
    CHECK_INT(breaker_failures(&b, 60001), 1);
    call(&b, OUTCOME_FAIL, 60001);
    CHECK(breaker_state(&b, 60001) == BREAKER_CLOSED);
    call(&b, OUTCOME_FAIL, 60002);
    CHECK(breaker_state(&b, 60002) == BREAKER_OPEN);
    breaker_fini(&b);
}

TEST(says_how_long_it_will_rest) {
    struct breaker b = opened_at(1000);
    CHECK_INT(breaker_remaining_ms(&b, 1000), 30000);
    CHECK_INT(breaker_remaining_ms(&b, 14000), 17000);
    CHECK_INT(breaker_remaining_ms(&b, 31000), 0);
}

TEST(is_half_open_when_its_time_came_even_if_only_looked_at) {
    struct breaker b = opened_at(0);
    CHECK(breaker_state(&b, 29999) == BREAKER_OPEN);
    CHECK(breaker_state(&b, 30000) == BREAKER_HALF_OPEN);
}

TEST(half_open_lets_one_probe_through_at_a_time) {
    struct breaker b = opened_at(0);
    uint64_t probe = breaker_admit(&b, 30000);
    CHECK(breaker_is_probe(probe));
    CHECK(breaker_admit(&b, 30000) == 0);
    CHECK_INT(breaker_remaining_ms(&b, 31000), 5000);
    breaker_settle(&b, probe, OUTCOME_OK, 31000);
    CHECK(breaker_is_probe(breaker_admit(&b, 31000)));
}

TEST(closes_after_two_good_probes) {
    struct breaker b = opened_at(0);
    call(&b, OUTCOME_OK, 30000);
    CHECK(breaker_state(&b, 30000) == BREAKER_HALF_OPEN);
    call(&b, OUTCOME_SLOW, 30001);
    CHECK(breaker_state(&b, 30001) == BREAKER_CLOSED);
    CHECK_INT(breaker_failures(&b, 30001), 0);
    CHECK(!breaker_is_probe(breaker_admit(&b, 30001)));
}

TEST(a_failed_probe_opens_it_again_for_a_whole_rest) {
    struct breaker b = opened_at(0);
    call(&b, OUTCOME_OK, 30000);
    call(&b, OUTCOME_FAIL, 40000);
    CHECK(breaker_state(&b, 69999) == BREAKER_OPEN);
    CHECK(breaker_state(&b, 70000) == BREAKER_HALF_OPEN);
    call(&b, OUTCOME_OK, 70000); /* the good probe of before counts no more */
    CHECK(breaker_state(&b, 70000) == BREAKER_HALF_OPEN);
}

TEST(a_probe_that_learned_nothing_returns_its_permit) {
    static const enum outcome NEUTRAL[] = { OUTCOME_AUTH, OUTCOME_THROTTLE, OUTCOME_LOCAL };
    struct breaker b = opened_at(0);
    for (size_t i = 0; i < 3; i++) {
        uint64_t probe = breaker_admit(&b, 30000);
        CHECK(probe != 0);
        breaker_settle(&b, probe, NEUTRAL[i], 30000);
        CHECK(breaker_state(&b, 30000) == BREAKER_HALF_OPEN);
    }
}

TEST(a_probe_that_never_comes_back_has_failed_when_its_lease_ends) {
    struct breaker b = opened_at(0);
    uint64_t lost = breaker_admit(&b, 30000);
    breaker_take_events(&b);
    CHECK(breaker_state(&b, 35999) == BREAKER_HALF_OPEN);
    CHECK(breaker_state(&b, 36000) == BREAKER_OPEN);
    CHECK_INT(breaker_take_events(&b), BREAKER_FAILED | BREAKER_OPENED | BREAKER_PROBE_LOST);
    CHECK(!breaker_settle(&b, lost, OUTCOME_OK, 36001));
    CHECK(breaker_state(&b, 65999) == BREAKER_OPEN); /* the rest began when the lease ended */
    CHECK(breaker_state(&b, 66000) == BREAKER_HALF_OPEN);
}

TEST(ignores_a_verdict_from_before_it_opened) {
    struct breaker b;
    breaker_init(&b, &CONF);
    uint64_t slow = breaker_admit(&b, 0), late = breaker_admit(&b, 0);
    calls(&b, 3, OUTCOME_FAIL, 10);
    CHECK(!breaker_settle(&b, slow, OUTCOME_OK, 20));
    CHECK(breaker_state(&b, 20) == BREAKER_OPEN);
    call(&b, OUTCOME_OK, 30010);
    CHECK(!breaker_settle(&b, late, OUTCOME_FAIL, 30011));
    CHECK(breaker_state(&b, 30011) == BREAKER_HALF_OPEN);
}

TEST(disabled_it_counts_but_never_refuses) {
    struct breaker_conf conf = CONF;
    conf.is_disabled = true;
    struct breaker b;
    breaker_init(&b, &conf);
    for (int i = 0; i < 10; i++) {
        uint64_t ticket = breaker_admit(&b, 0);
        CHECK(ticket != 0);
        breaker_settle(&b, ticket, OUTCOME_FAIL, 0);
        CHECK_INT(breaker_take_events(&b), BREAKER_FAILED);
    }
    breaker_open(&b, 0);
    CHECK(breaker_state(&b, 0) == BREAKER_CLOSED);
    CHECK_INT(breaker_failures(&b, 0), 3);
    breaker_fini(&b);
}

TEST(can_be_opened_and_reset_by_hand) {
    struct breaker b;
    breaker_init(&b, &CONF);
    breaker_open(&b, 5000);
    CHECK(breaker_state(&b, 34999) == BREAKER_OPEN);
    CHECK(breaker_state(&b, 35000) == BREAKER_HALF_OPEN);
    breaker_reset(&b);
    CHECK(breaker_state(&b, 35000) == BREAKER_CLOSED);
    breaker_fini(&b);
}

TEST(tells_each_change_once) {
    struct breaker b = opened_at(0);
    CHECK_INT(breaker_take_events(&b), BREAKER_FAILED | BREAKER_OPENED);
    CHECK_INT(breaker_take_events(&b), 0);
    calls(&b, 2, OUTCOME_OK, 30000);
    CHECK_INT(breaker_take_events(&b), BREAKER_SHUT);
}

/* The specification once more, as plainly as it can be said: everything that happened is kept,
 * and the state is found by reading it from the start. */
struct model {
    enum breaker_state state;
    int64_t failed[64], opened, probe; /* probe < 0: none is out */
    int failures, good, epoch;
};

static void model_time(struct model *m, int64_t now) {
    if (m->state == BREAKER_HALF_OPEN && m->probe >= 0 && now >= m->probe + CONF.lease_ms)
        *m =
            (struct model){ BREAKER_OPEN, { 0 }, m->probe + CONF.lease_ms, -1, 0, 0, m->epoch + 1 };
    if (m->state == BREAKER_OPEN && now >= m->opened + CONF.rest_ms)
        *m = (struct model){ BREAKER_HALF_OPEN, { 0 }, 0, -1, 0, 0, m->epoch + 1 };
    int kept = 0;
    for (int i = 0; i < m->failures; i++)
        if (now - m->failed[i] <= CONF.memory_ms)
            m->failed[kept++] = m->failed[i];
    m->failures = kept;
}

static int model_admit(struct model *m, int64_t now) {
    model_time(m, now);
    if (m->state == BREAKER_OPEN || (m->state == BREAKER_HALF_OPEN && m->probe >= 0))
        return -1;
    if (m->state == BREAKER_HALF_OPEN)
        m->probe = now;
    return m->epoch;
}

static void model_settle(struct model *m, int epoch, enum outcome o, int64_t now) {
    model_time(m, now);
    if (epoch != m->epoch)
        return;
    bool is_probe = m->state == BREAKER_HALF_OPEN;
    m->probe = -1;
    if (o == OUTCOME_FAIL) {
        m->failed[m->failures++] = now;
        if (is_probe || m->failures == 3)
            *m = (struct model){ BREAKER_OPEN, { 0 }, now, -1, 0, 0, m->epoch + 1 };
    } else if (o == OUTCOME_OK || o == OUTCOME_SLOW) {
        m->failures = 0;
        if (is_probe && ++m->good == 2)
            *m = (struct model){ BREAKER_CLOSED, { 0 }, 0, -1, 0, 0, m->epoch + 1 };
    }
}

static uint64_t seed;

static void seeded(void *out, size_t bytes) {
    for (unsigned char *p = out; bytes--; p++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        *p = (unsigned char)(seed >> 56);
    }
}

enum { HISTORY = 30, OUT_MAX = 8 };

static void live_one_history(void) {
    struct breaker b;
    struct model m = { .probe = -1 };
    uint64_t tickets[OUT_MAX];
    int epochs[OUT_MAX], out = 0;
    int64_t now = 0;
    breaker_init(&b, &CONF);
    for (int step = 0; step < HISTORY; step++) {
        static const int64_t STEPS[] = { 0, 1, 500, 5999, 6000, 29999, 30000, 60000 };
        now += STEPS[ava_rand_below(8)] * (int64_t)ava_rand_below(2);
        if (out < OUT_MAX && ava_rand_below(2)) {
            tickets[out] = breaker_admit(&b, now);
            epochs[out] = model_admit(&m, now);
            CHECK((tickets[out] != 0) == (epochs[out] >= 0));
            out += tickets[out] != 0;
        } else if (out) {
            int which = (int)ava_rand_below((uint64_t)out);
            enum outcome o =
                ava_rand_below(2) ? OUTCOME_FAIL : (enum outcome)ava_rand_below(OUTCOME_COUNT);
            breaker_settle(&b, tickets[which], o, now);
            model_settle(&m, epochs[which], o, now);
            tickets[which] = tickets[--out];
            epochs[which] = epochs[out];
        }
        model_time(&m, now);
        CHECK(breaker_state(&b, now) == m.state);
        CHECK_INT(breaker_failures(&b, now), m.failures);
    }
    breaker_fini(&b);
}

TEST(agrees_with_the_model_over_a_hundred_thousand_histories) {
    clock_replace(&(struct clock_seams){ .rand = seeded });
    for (int i = 0; i < 100000; i++) {
        seed = (uint64_t)i;
        live_one_history();
    }
    clock_replace(NULL);
}
