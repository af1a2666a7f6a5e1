#include "resilience/shed.h"

#include "test.h"

TEST(keeps_three_in_ten_slots_for_webhooks) {
    struct shed *s = shed_new();
    for (int i = 0; i < 7; i++)
        CHECK(shed_enter(s, i % 2 ? SHED_READ : SHED_WRITE, 10));
    CHECK(!shed_enter(s, SHED_READ, 10));
    CHECK(!shed_enter(s, SHED_WRITE, 10));
    for (int i = 0; i < 3; i++)
        CHECK(shed_enter(s, SHED_WEBHOOK, 10));
    CHECK(!shed_enter(s, SHED_WEBHOOK, 10));
    shed_leave(s, SHED_READ);
    CHECK(shed_enter(s, SHED_WEBHOOK, 10));
    CHECK(!shed_enter(s, SHED_READ, 10)); /* its place went to the webhook */
    shed_free(s);
}

TEST(webhooks_alone_may_take_all_slots) {
    struct shed *s = shed_new();
    for (int i = 0; i < 10; i++)
        CHECK(shed_enter(s, SHED_WEBHOOK, 10));
    CHECK(!shed_enter(s, SHED_WEBHOOK, 10));
    CHECK(!shed_enter(s, SHED_WRITE, 10));
    shed_free(s);
}

TEST(health_is_never_refused_and_takes_no_slot) {
    struct shed *s = shed_new();
    for (int i = 0; i < 100; i++)
        CHECK(shed_enter(s, SHED_NEVER, 1));
    CHECK(shed_enter(s, SHED_READ, 1));
    shed_free(s);
}

TEST(being_late_for_a_second_refuses_reads_then_writes_then_webhooks) {
    struct shed *s = shed_new();
    int64_t now = 1000;
    shed_observe(s, false, now);
    for (int i = 0; i < 4; i++)
        shed_observe(s, true, now += 200);
    CHECK_INT(shed_level(s), 0);
    CHECK(shed_enter(s, SHED_READ, 100));
    shed_observe(s, true, now += 200);
    shed_observe(s, true, now += 200);
    CHECK_INT(shed_level(s), 1);
    CHECK(!shed_enter(s, SHED_READ, 100));
    CHECK(shed_enter(s, SHED_WRITE, 100));
    for (int i = 0; i < 5; i++)
        shed_observe(s, true, now += 200);
    CHECK_INT(shed_level(s), 2);
    CHECK(!shed_enter(s, SHED_WRITE, 100));
    CHECK(shed_enter(s, SHED_WEBHOOK, 100));
    for (int i = 0; i < 50; i++)
        shed_observe(s, true, now += 200);
    CHECK_INT(shed_level(s), 3);
    CHECK(!shed_enter(s, SHED_WEBHOOK, 100));
    CHECK(shed_enter(s, SHED_NEVER, 100));
    shed_free(s);
}

TEST(each_second_of_calm_takes_one_step_back) {
    struct shed *s = shed_new();
    int64_t now = 1000;
    for (int i = 0; i < 40; i++)
        shed_observe(s, true, now += 100);
    CHECK_INT(shed_level(s), 3);
    for (int i = 0; i < 11; i++)
        shed_observe(s, false, now += 100);
    CHECK_INT(shed_level(s), 2);
    shed_observe(s, true, now += 100); /* one late turn begins the second anew */
    for (int i = 0; i < 10; i++)
        shed_observe(s, false, now += 100);
    CHECK_INT(shed_level(s), 2);
    for (int i = 0; i < 30; i++)
        shed_observe(s, false, now += 100);
    CHECK_INT(shed_level(s), 0);
    CHECK(shed_enter(s, SHED_READ, 100));
    shed_free(s);
}

TEST(a_clock_that_jumps_is_no_second_of_being_late) {
    struct shed *s = shed_new();
    shed_observe(s, false, 1000);
    shed_observe(s, true, 901000);
    shed_observe(s, false, 901100);
    CHECK_INT(shed_level(s), 0);
    shed_free(s);
}

TEST(one_late_turn_refuses_nobody) {
    struct shed *s = shed_new();
    int64_t now = 1000;
    shed_observe(s, false, now);
    for (int i = 0; i < 100; i++)
        shed_observe(s, i % 5 == 0, now += 100);
    CHECK_INT(shed_level(s), 0);
    shed_free(s);
}
