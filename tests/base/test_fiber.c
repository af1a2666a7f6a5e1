#include "test.h"

#include <pthread.h>
#include <string.h>

#include "base/fiber.h"
#include "base/str.h"

/* A host without a loop: posts go to a list that the test drains. */
static struct fiber *posted[16];
static size_t posted_count;
static struct fiber_timer *timer;

static void host_post(struct fiber_host *host, struct fiber *f) {
    posted[posted_count++] = f;
}
static void host_timer_set(struct fiber_host *host, struct fiber_timer *t) {
    t->is_set = true;
    timer = t;
}
static void host_timer_clear(struct fiber_host *host, struct fiber_timer *t) {
    t->is_set = false;
    timer = NULL;
}

static struct fiber_host host = {
    .post = host_post, .timer_set = host_timer_set, .timer_clear = host_timer_clear, .fibers_max = 3
};

static void drain(void) {
    for (size_t i = 0; i < posted_count; i++)
        fiber_wake(posted[i]);
    posted_count = 0;
}

static char trace[64];

static void note(const char *what) {
    strncat(trace, what, sizeof trace - strlen(trace) - 1);
}

static void then_note(void *arg) {
    note(arg);
}

static char dash[] = "-", c[] = "c";

static void two_steps(void *arg) {
    note("a");
    fiber_yield(then_note, dash);
    note("b");
    fiber_on_loop(then_note, c);
    note("d");
}

TEST(runs_until_it_waits_and_goes_on_when_woken) {
    fiber_host_bind(&host);
    trace[0] = 0;
    CHECK(fiber_run(two_steps, NULL));
    CHECK_TEXT(trace, "a-");
    CHECK_INT(fiber_alive(), 1);
    CHECK(fiber_self() == NULL);
}

static struct fiber *sleeper;

static void remember(void *arg) {
    sleeper = arg;
}

static void sleep_once(void *arg) {
    fiber_yield(remember, fiber_self());
    *(int *)arg += 1;
}

TEST(the_cap_refuses_more_fibers) {
    fiber_host_bind(&host);
    int done = 0;
    /* one is asleep from the test before, two more fit */
    CHECK(fiber_run(sleep_once, &done));
    struct fiber *first = sleeper;
    CHECK(fiber_run(sleep_once, &done));
    CHECK(!fiber_run(sleep_once, &done));
    fiber_wake(sleeper);
    fiber_wake(first);
    CHECK_INT(done, 2);
    CHECK(fiber_run(sleep_once, &done));
    fiber_wake(sleeper);
    CHECK_INT(done, 3);
}

/* Its frames above stay as they were; what lies below is fresh. */
static void settle_once(void *arg) {
    int here = *(int *)arg;
    fiber_settle();
    fiber_settle();
    fiber_yield(remember, fiber_self());
    *(int *)arg = here + 1;
}

TEST(settled_fibers_take_no_place_and_are_alive_all_the_same) {
    fiber_host_bind(&host);
    struct fiber *settled[5];
    int done = 0, before = (int)fiber_alive();
    for (int i = 0; i < 5; i++) {
        CHECK(fiber_run(settle_once, &done));
        settled[i] = sleeper;
    }
    CHECK_INT(fiber_alive(), before + 5);
    CHECK(fiber_run(sleep_once, &done));
    fiber_wake(sleeper);
    for (int i = 0; i < 5; i++)
        fiber_wake(settled[i]);
    CHECK_INT(fiber_alive(), before);
    /* their stacks, used again, count again: two fit beside the one asleep from before */
    CHECK(fiber_run(sleep_once, &done));
    struct fiber *first = sleeper;
    CHECK(fiber_run(sleep_once, &done));
    CHECK(!fiber_run(sleep_once, &done));
    fiber_wake(sleeper);
    fiber_wake(first);
}

static struct fiber_parking *parked;
static int outcome;

static void park_forever(void *arg) {
    struct fiber_parking p;
    fiber_parking_init(&p);
    parked = &p;
    outcome = fiber_park(&p, arg ? 1000 : FIBER_NO_DEADLINE, NULL, NULL);
}

TEST(unpark_wakes_once_through_the_loop) {
    fiber_host_bind(&host);
    outcome = -1;
    CHECK(fiber_run(park_forever, NULL));
    CHECK_INT(outcome, -1);
    fiber_unpark(parked);
    CHECK_INT(outcome, -1);
    drain();
    CHECK_INT(outcome, 1);
}

TEST(a_deadline_ends_parking_and_a_late_signal_is_ignored) {
    fiber_host_bind(&host);
    outcome = -1;
    CHECK(fiber_run(park_forever, &outcome));
    CHECK(timer && timer->when_ms == 1000);
    timer->is_set = false;
    timer->fire(timer);
    CHECK_INT(outcome, 0);
}

static void *unpark_later(void *arg) {
    fiber_unpark(arg);
    return NULL;
}

TEST(a_plain_thread_can_park_too) {
    fiber_host_bind(&host);
    for (int i = 0; i < 100; i++) {
        struct fiber_parking p;
        pthread_t t;
        fiber_parking_init(&p);
        pthread_create(&t, NULL, unpark_later, &p);
        CHECK(fiber_park(&p, FIBER_NO_DEADLINE, NULL, NULL));
        pthread_join(t, NULL);
    }
}

static void use_much_stack(void *arg) {
    char room[48 * 1024];
    memset(room, 1, sizeof room);
    *(int *)arg = room[sizeof room - 1];
}

TEST(a_stack_holds_48_kilobytes) {
    fiber_host_bind(&host);
    int seen = 0;
    CHECK(fiber_run(use_much_stack, &seen));
    CHECK_INT(seen, 1);
}
