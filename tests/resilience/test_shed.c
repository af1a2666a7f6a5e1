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
