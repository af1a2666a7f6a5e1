#include "test.h"

#include <pthread.h>

#include "resilience/history.h"

enum { MS = 1000 };
static const int64_t NOW = INT64_C(1764460800000); /* the begin of a slot */

static struct history_slot last(struct history *h, enum provider p, int64_t now_ms) {
    struct history_slot slots[HISTORY_SLOTS];
    history_read(h, p, now_ms, slots);
    return slots[HISTORY_SLOTS - 1];
}

static bool is_near(int64_t value, int64_t wanted) {
    return value * 5 >= wanted * 4 && value * 4 <= wanted * 5;
}

TEST(percentiles_are_right_to_a_fifth) {
    struct history *h = history_new(NOW);
    for (int i = 1; i <= 1000; i++)
        history_attempt(h, PROVIDER_VAPI, i % 10 == 0, i * MS, NOW + i);
    struct history_slot s = last(h, PROVIDER_VAPI, NOW + 2000);
    CHECK_INT(s.at_ms, NOW);
    CHECK_INT(s.attempts, 1000);
    CHECK_INT(s.failures, 100);
    CHECK(is_near(s.p50_ms, 500));
    CHECK(is_near(s.p95_ms, 950));
    CHECK(is_near(s.p99_ms, 990));
    CHECK_INT(last(h, PROVIDER_TWILIO, NOW).at_ms, 0);
    history_free(h);
}

TEST(one_attempt_is_all_its_percentiles_and_extremes_have_a_place) {
    struct history *h = history_new(NOW);
    history_attempt(h, PROVIDER_VAPI, false, 0, NOW);
    CHECK_INT(last(h, PROVIDER_VAPI, NOW).p99_ms, 1);
    history_attempt(h, PROVIDER_TWILIO, true, INT64_MAX / 2, NOW);
    struct history_slot s = last(h, PROVIDER_TWILIO, NOW);
    CHECK(s.p50_ms == s.p99_ms && s.p99_ms > 60 * 1000);
    history_free(h);
}

TEST(a_slot_is_a_quarter_of_an_hour_and_a_day_later_it_is_another) {
    struct history_slot slots[HISTORY_SLOTS];
    struct history *h = history_new(NOW);
    history_attempt(h, PROVIDER_VAPI, false, 5 * MS, NOW);
    history_attempt(h, PROVIDER_VAPI, false, 5 * MS, NOW + HISTORY_SLOT_MS - 1);
    history_attempt(h, PROVIDER_VAPI, false, 5 * MS, NOW + HISTORY_SLOT_MS);
    history_read(h, PROVIDER_VAPI, NOW + HISTORY_SLOT_MS, slots);
    CHECK_INT(slots[HISTORY_SLOTS - 2].attempts, 2);
    CHECK_INT(slots[HISTORY_SLOTS - 1].attempts, 1);
    CHECK_INT(slots[0].at_ms, 0);
    int64_t later = NOW + (int64_t)HISTORY_SLOT_MS * HISTORY_SLOTS;
    history_read(h, PROVIDER_VAPI, later - 1, slots);
    CHECK_INT(slots[0].attempts, 2); /* still within 24 hours */
    history_read(h, PROVIDER_VAPI, later, slots);
    CHECK_INT(slots[0].attempts, 1);
    CHECK_INT(slots[HISTORY_SLOTS - 1].attempts, 0); /* same place, another day */
    history_attempt(h, PROVIDER_VAPI, true, 5 * MS, later);
    CHECK_INT(last(h, PROVIDER_VAPI, later).attempts, 1);
    history_free(h);
}

TEST(turns_of_ones_own_and_of_the_provider_are_seen_and_those_of_others_not) {
    struct history_turn turns[HISTORY_TURNS];
    struct history *h = history_new(NOW);
    history_turn(h, PROVIDER_VAPI, "ws_one", true, NOW);
    history_turn(h, PROVIDER_VAPI, "ws_two", true, NOW + 1);
    history_turn(h, PROVIDER_VAPI, NULL, true, NOW + 2);
    history_turn(h, PROVIDER_VAPI, "ws_one", false, NOW + 3);
    CHECK_INT(history_turns(h, PROVIDER_VAPI, "ws_one", NOW + 4, turns), 3);
    CHECK(turns[0].is_open && turns[0].at_ms == NOW);
    CHECK(turns[1].is_open && !turns[1].workspace_id[0]);
    CHECK(!turns[2].is_open);
    CHECK_INT(history_turns(h, PROVIDER_VAPI, "ws_three", NOW + 4, turns), 1);
    CHECK_INT(history_turns(h, PROVIDER_TWILIO, "ws_one", NOW + 4, turns), 0);
    CHECK_INT(history_turns(h, PROVIDER_VAPI, "ws_one", NOW + 25 * 3600 * 1000, turns), 0);
    history_free(h);
}

TEST(of_very_many_turns_the_newest_stay) {
    struct history_turn turns[HISTORY_TURNS];
    struct history *h = history_new(NOW);
    for (int i = 0; i < 3 * HISTORY_TURNS; i++)
        history_turn(h, PROVIDER_VAPI, NULL, i % 2 == 0, NOW + i);
    CHECK_INT(history_turns(h, PROVIDER_VAPI, "ws", NOW + 1000, turns), HISTORY_TURNS);
    CHECK_INT(turns[0].at_ms, NOW + 2 * HISTORY_TURNS);
    CHECK_INT(turns[HISTORY_TURNS - 1].at_ms, NOW + 3 * HISTORY_TURNS - 1);
    history_free(h);
}

static void *ask_much(void *arg) {
    for (int i = 0; i < 20000; i++)
        history_attempt(arg, PROVIDER_VAPI, i % 2, i, NOW);
    return NULL;
}

TEST(threads_count_together) {
    pthread_t threads[4];
    struct history *h = history_new(NOW);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, ask_much, h);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(last(h, PROVIDER_VAPI, NOW).attempts, 80000);
    CHECK_INT(last(h, PROVIDER_VAPI, NOW).failures, 40000);
    history_free(h);
}
