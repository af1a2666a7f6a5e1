#include "test.h"

#include "net/timers.h"

enum { MANY = 500 };

static int fired[MANY], fired_count;

struct numbered {
    struct fiber_timer timer;
    int number;
};

static void fire(struct fiber_timer *t) {
    fired[fired_count++] = ((struct numbered *)(void *)t)->number;
}

static void set(struct timers *t, struct numbered *n, int number, int64_t when_ms) {
    n->number = number;
    n->timer = (struct fiber_timer){ .when_ms = when_ms, .fire = fire };
    timers_add(t, &n->timer);
}

TEST(nothing_is_next_when_nothing_is_set) {
    struct timers t = { 0 };
    CHECK(timers_next(&t) == TIMERS_NONE);
    timers_fire(&t, INT64_MAX);
    timers_fini(&t);
}

TEST(fires_in_order_of_time_and_only_what_is_due) {
    struct timers t = { 0 };
    struct numbered n[4] = { 0 };
    fired_count = 0;
    set(&t, &n[0], 0, 30);
    set(&t, &n[1], 1, 10);
    set(&t, &n[2], 2, 20);
    set(&t, &n[3], 3, 40);
    CHECK(timers_next(&t) == 10);
    timers_fire(&t, 29);
    CHECK_INT(fired_count, 2);
    CHECK(fired[0] == 1 && fired[1] == 2);
    CHECK(timers_next(&t) == 30 && !n[1].timer.is_set && n[0].timer.is_set);
    timers_fire(&t, 40);
    CHECK_INT(fired_count, 4);
    timers_fini(&t);
}

TEST(any_of_many_can_be_taken_out_again) {
    struct timers t = { 0 };
    static struct numbered n[MANY];
    fired_count = 0;
    for (int i = 0; i < MANY; i++)
        set(&t, &n[i], i, i * 7919 % MANY);
    for (int i = 0; i < MANY; i += 3)
        timers_remove(&t, &n[i].timer);
    timers_fire(&t, MANY);
    CHECK_INT(fired_count, MANY - (MANY + 2) / 3);
    for (int i = 0; i < fired_count; i++) {
        CHECK(fired[i] % 3 != 0);
        if (i)
            CHECK(fired[i - 1] * 7919 % MANY <= fired[i] * 7919 % MANY);
    }
    CHECK(timers_next(&t) == TIMERS_NONE);
    timers_fini(&t);
}

static struct timers chained;
static struct numbered second;

static void fire_and_set(struct fiber_timer *t) {
    fired_count++;
    set(&chained, &second, 2, t->when_ms);
}

TEST(one_that_is_set_while_firing_fires_too_when_it_is_due) {
    struct fiber_timer first = { .when_ms = 5, .fire = fire_and_set };
    fired_count = 0;
    timers_add(&chained, &first);
    timers_fire(&chained, 5);
    CHECK_INT(fired_count, 2);
    timers_fini(&chained);
}
