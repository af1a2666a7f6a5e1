#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "fake_host.h"
#include "obs/metrics.h"
#include "resilience/bulkhead.h"

static struct bulkhead *b;

static void begin(unsigned provider_max, unsigned workspace_max) {
    fake_begin();
    b = bulkhead_new(&(struct bulkhead_conf){ provider_max, workspace_max, 250 });
}

static void end(void) {
    bulkhead_free(b);
    fake_end();
}

struct visitor {
    const char *workspace;
    int64_t until_ms;
    struct bulkhead_place place;
    enum { WAITING, INSIDE, REFUSED } now;
    int order;
};

static int entered;

static void visit(void *arg) {
    struct visitor *v = arg;
    bool in = bulkhead_enter(b, PROVIDER_VAPI, v->workspace, v->until_ms, &v->place);
    v->now = in ? INSIDE : REFUSED;
    v->order = in ? ++entered : 0;
}

static void come_until(struct visitor *v, const char *workspace, int64_t until_ms) {
    *v = (struct visitor){ .workspace = workspace, .until_ms = until_ms };
    fiber_run(visit, v);
}

static void come(struct visitor *v, const char *workspace) {
    come_until(v, workspace, fake_now + 10000);
}

static void leave(struct visitor *v, enum outcome o, bool timed_out) {
    bulkhead_leave(b, &v->place, o, timed_out);
    fake_drain();
}

static struct bulkhead_state shared(void) {
    return bulkhead_state(b, PROVIDER_VAPI, NULL);
}

/* n calls of one workspace, one after the other. */
static void calls_of(const char *workspace, int n, enum outcome o, bool timed_out) {
    struct visitor v;
    while (n--) {
        come(&v, workspace);
        leave(&v, o, timed_out);
    }
}

static void calls(int n, enum outcome o, bool timed_out) {
    calls_of("ws_a", n, o, timed_out);
}

static unsigned limit(const char *workspace) {
    return bulkhead_state(b, PROVIDER_VAPI, workspace).limit;
}

TEST(limits_start_at_their_maximum) {
    begin(512, 64);
    struct visitor v;
    come(&v, "ws_a");
    CHECK_INT(shared().limit, 512);
    CHECK_INT(bulkhead_state(b, PROVIDER_VAPI, "ws_a").limit, 64);
    CHECK_INT(shared().in_flight, 1);
    leave(&v, OUTCOME_OK, false);
    CHECK_INT(shared().in_flight, 0);
    end();
}

TEST(a_full_workspace_does_not_stop_another) {
    begin(20, 4);
    struct visitor a[5], other;
    for (int i = 0; i < 5; i++)
        come(&a[i], "ws_a");
    CHECK(a[3].now == INSIDE && a[4].now == WAITING);
    come(&other, "ws_b");
    CHECK(other.now == INSIDE);
    CHECK_INT(bulkhead_state(b, PROVIDER_TWILIO, NULL).in_flight, 0);
    leave(&a[0], OUTCOME_OK, false);
    CHECK(a[4].now == INSIDE);
    for (int i = 1; i < 5; i++)
        leave(&a[i], OUTCOME_OK, false);
    leave(&other, OUTCOME_OK, false);
    end();
}

TEST(who_waits_250_ms_in_vain_is_refused) {
    begin(4, 4);
    struct visitor v[5];
    for (int i = 0; i < 5; i++)
        come(&v[i], "ws_a");
    fake_advance(249);
    CHECK(v[4].now == WAITING);
    fake_advance(1);
    CHECK(v[4].now == REFUSED);
    CHECK_INT(shared().waiting, 0);
    for (int i = 0; i < 5; i++)
        leave(&v[i], OUTCOME_OK, false); /* the last holds nothing: nothing happens */
    CHECK_INT(shared().in_flight, 0);
    end();
}

TEST(nobody_waits_past_his_own_deadline) {
    begin(4, 4);
    struct visitor v[5];
    for (int i = 0; i < 4; i++)
        come(&v[i], "ws_a");
    come_until(&v[4], "ws_a", fake_now + 100);
    fake_advance(100);
    CHECK(v[4].now == REFUSED);
    for (int i = 0; i < 4; i++)
        leave(&v[i], OUTCOME_OK, false);
    end();
}

TEST(a_place_given_as_the_time_came_is_kept_not_lost) {
    begin(4, 4);
    struct visitor v[5];
    for (int i = 0; i < 5; i++)
        come(&v[i], "ws_a");
    fake_now += 250;
    bulkhead_leave(b, &v[0].place, OUTCOME_OK, false); /* granted, but its timer fires first */
    fake_fire_due();
    fake_drain();
    CHECK(v[4].now == INSIDE);
    for (int i = 1; i < 5; i++)
        leave(&v[i], OUTCOME_OK, false);
    CHECK_INT(shared().in_flight, 0);
    end();
}

TEST(the_queue_is_as_long_as_the_limit_and_then_refuses_at_once) {
    begin(4, 4);
    struct visitor v[9];
    for (int i = 0; i < 9; i++)
        come(&v[i], "ws_a");
    CHECK(v[7].now == WAITING);
    CHECK(v[8].now == REFUSED);
    for (int i = 0; i < 8; i++)
        leave(&v[i], OUTCOME_OK, false);
    end();
}

TEST(turns_go_round_the_workspaces) {
    begin(4, 4);
    struct visitor v[4], a1, a2, a3, c1, d1, d2;
    for (int i = 0; i < 4; i++)
        come(&v[i], "ws_busy");
    come(&a1, "ws_a");
    come(&a2, "ws_a");
    come(&c1, "ws_c");
    come(&d1, "ws_d");
    entered = 0;
    for (int i = 0; i < 4; i++)
        leave(&v[i], OUTCOME_OK, false);
    CHECK(a1.order == 1 && c1.order == 2 && d1.order == 3 && a2.order == 4);
    come(&a3, "ws_a");
    come(&d2, "ws_d");
    leave(&a1, OUTCOME_OK, false);
    leave(&a2, OUTCOME_OK, false);
    CHECK(a3.now == INSIDE && d2.now == INSIDE);
    leave(&a3, OUTCOME_OK, false);
    leave(&c1, OUTCOME_OK, false);
    leave(&d1, OUTCOME_OK, false);
    leave(&d2, OUTCOME_OK, false);
    end();
}

TEST(nobody_overtakes_those_who_wait) {
    begin(8, 4);
    struct visitor v[4], waiting, late;
    for (int i = 0; i < 4; i++)
        come(&v[i], "ws_a");
    come(&waiting, "ws_a");
    bulkhead_leave(b, &v[0].place, OUTCOME_OK, false);
    come(&late, "ws_a");
    fake_drain();
    CHECK(waiting.now == INSIDE && late.now == WAITING);
    for (int i = 1; i < 4; i++)
        leave(&v[i], OUTCOME_OK, false);
    leave(&waiting, OUTCOME_OK, false);
    leave(&late, OUTCOME_OK, false);
    end();
}

TEST(a_timeout_or_a_throttle_takes_a_tenth) {
    begin(100, 100);
    calls(1, OUTCOME_FAIL, true);
    CHECK_INT(limit("ws_a"), 90);
    calls(1, OUTCOME_THROTTLE, false);
    CHECK_INT(limit("ws_a"), 81);
    CHECK_INT(bulkhead_state(b, PROVIDER_TWILIO, "ws_a").limit, 100);
    end();
}

TEST(one_workspaces_trouble_is_its_own_that_of_two_is_the_providers) {
    begin(100, 100);
    calls_of("ws_a", 50, OUTCOME_THROTTLE, false);
    CHECK(limit("ws_a") == BULKHEAD_LIMIT_MIN && limit("ws_b") == 100);
    CHECK_INT(shared().limit, 100);
    calls_of("ws_b", 1, OUTCOME_FAIL, true);
    CHECK_INT(shared().limit, 90);
    calls_of("ws_a", 1, OUTCOME_FAIL, true);
    CHECK_INT(shared().limit, 81);
    calls_of("ws_a", 1, OUTCOME_OK, false); /* its own success says nothing of others */
    calls_of("ws_b", 1, OUTCOME_FAIL, true);
    CHECK_INT(shared().limit, 72);
    calls_of("ws_a", 1, OUTCOME_OK, false);
    calls_of("ws_a", 50, OUTCOME_FAIL, true);
    CHECK_INT(shared().limit, 72);
    end();
}

TEST(other_failures_and_our_own_doing_take_nothing) {
    begin(100, 100);
    calls(5, OUTCOME_FAIL, false);
    calls(5, OUTCOME_LOCAL, true);
    calls(5, OUTCOME_AUTH, false);
    CHECK_INT(limit("ws_a"), 100);
    end();
}

TEST(calls_from_before_the_cut_do_not_cut_again) {
    begin(100, 100);
    struct visitor v[10];
    for (int i = 0; i < 10; i++)
        come(&v[i], "ws_a");
    for (int i = 0; i < 10; i++)
        leave(&v[i], OUTCOME_FAIL, true);
    CHECK_INT(limit("ws_a"), 90);
    end();
}

TEST(never_goes_below_four) {
    begin(100, 100);
    for (int i = 0; i < 100; i++) {
        calls_of("ws_a", 1, OUTCOME_THROTTLE, false);
        calls_of("ws_b", 1, OUTCOME_THROTTLE, false);
    }
    CHECK_INT(shared().limit, BULKHEAD_LIMIT_MIN);
    CHECK_INT(limit("ws_a"), BULKHEAD_LIMIT_MIN);
    end();
}

TEST(as_many_successes_as_the_limit_give_one_more_up_to_the_maximum) {
    begin(100, 100);
    calls_of("ws_b", 1, OUTCOME_THROTTLE, false);
    calls(1, OUTCOME_THROTTLE, false);
    CHECK_INT(shared().limit, 90);
    calls(89, OUTCOME_OK, false);
    CHECK(shared().limit == 90 && limit("ws_a") == 90);
    calls(1, OUTCOME_SLOW, false);
    CHECK(shared().limit == 91 && limit("ws_a") == 91);
    calls(2000, OUTCOME_OK, false);
    CHECK(shared().limit == 100 && limit("ws_a") == 100);
    end();
}

TEST(restarts_at_a_quarter_after_a_breaker_closed) {
    begin(512, 64);
    calls(1, OUTCOME_OK, false);
    bulkhead_restart(b, PROVIDER_VAPI, NULL);
    CHECK_INT(shared().limit, 128);
    CHECK_INT(bulkhead_state(b, PROVIDER_VAPI, "ws_a").limit, 64);
    bulkhead_restart(b, PROVIDER_VAPI, "ws_a");
    CHECK_INT(bulkhead_state(b, PROVIDER_VAPI, "ws_a").limit, 16);
    end();
}

TEST(other_maxima_hold_at_once_and_let_in_those_who_wait) {
    struct visitor v[4];
    begin(8, 2);
    for (int i = 0; i < 4; i++)
        come(&v[i], "ws_a");
    CHECK_INT(v[1].now, INSIDE);
    CHECK_INT(v[2].now, WAITING);
    bulkhead_retune(b, &(struct bulkhead_conf){ 16, 4, 250 });
    fake_drain();
    CHECK_INT(v[3].now, INSIDE);
    CHECK_INT(shared().limit, 16);
    bulkhead_retune(b, &(struct bulkhead_conf){ 3, 1, 250 });
    CHECK_INT(shared().limit, 3);
    CHECK_INT(shared().in_flight, 4); /* nobody is thrown out */
    CHECK_INT(bulkhead_state(b, PROVIDER_VAPI, "ws_a").limit, 1);
    CHECK_INT(bulkhead_state(b, PROVIDER_VAPI, "ws_new").limit, 1);
    for (int i = 0; i < 4; i++)
        leave(&v[i], OUTCOME_OK, false);
    CHECK_INT(shared().in_flight, 0);
    end();
}

TEST(remembers_a_bounded_number_of_idle_workspaces) {
    begin(512, 64);
    struct visitor v;
    for (int i = 0; i < 10000; i++) {
        char name[16];
        snprintf(name, sizeof name, "ws_%d", i);
        come(&v, name);
        leave(&v, OUTCOME_OK, false);
    }
    bulkhead_restart(b, PROVIDER_VAPI, "ws_9999");
    CHECK_INT(bulkhead_state(b, PROVIDER_VAPI, "ws_9999").limit, 16);
    end();
}

TEST(shows_calls_in_flight_and_counts_refusals_by_reason) {
    const char *const full[4] = { "vapi", "queue_full" }, *const waited[4] = { "vapi", "waited" };
    double full_before = metric_value(METRIC_BULKHEAD_REJECTIONS, full);
    double waited_before = metric_value(METRIC_BULKHEAD_REJECTIONS, waited);
    begin(4, 4);
    struct visitor v[9];
    for (int i = 0; i < 9; i++)
        come(&v[i], "ws_a");
    fake_advance(250);
    bulkhead_collect(b);
    CHECK_INT(metric_value(METRIC_BULKHEAD_IN_FLIGHT, (const char *[4]){ "vapi" }), 4);
    CHECK_INT(metric_value(METRIC_BULKHEAD_REJECTIONS, full) - full_before, 1);
    CHECK_INT(metric_value(METRIC_BULKHEAD_REJECTIONS, waited) - waited_before, 4);
    for (int i = 0; i < 4; i++)
        leave(&v[i], OUTCOME_OK, false);
    end();
}

enum { THREADS = 16, ROUNDS = 500 };

struct crowd {
    pthread_barrier_t start;
    atomic_int inside, peak, admitted, refused;
};

static void *rush(void *arg) {
    struct crowd *c = arg;
    pthread_barrier_wait(&c->start);
    for (int i = 0; i < ROUNDS; i++) {
        struct bulkhead_place place = { 0 };
        const char *workspace = i % 2 ? "ws_a" : "ws_b";
        if (!bulkhead_enter(b, PROVIDER_VAPI, workspace, ava_now_ms() + 10000, &place)) {
            atomic_fetch_add(&c->refused, 1);
            continue;
        }
        int inside = atomic_fetch_add(&c->inside, 1) + 1;
        for (int peak = c->peak; inside > peak;)
            if (atomic_compare_exchange_weak(&c->peak, &peak, inside))
                break;
        sched_yield();
        atomic_fetch_sub(&c->inside, 1);
        atomic_fetch_add(&c->admitted, 1);
        bulkhead_leave(b, &place, OUTCOME_OK, false);
    }
    return NULL;
}

TEST(threads_together_never_exceed_the_limit_and_lose_no_place) {
    struct crowd c = { .inside = 0 };
    pthread_t threads[THREADS];
    b = bulkhead_new(&(struct bulkhead_conf){ 5, 4, 250 });
    pthread_barrier_init(&c.start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, rush, &c);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(c.peak <= 5);
    CHECK_INT(c.admitted + c.refused, THREADS * ROUNDS);
    CHECK(c.admitted >= ROUNDS);
    CHECK_INT(shared().in_flight, 0);
    CHECK_INT(shared().waiting, 0);
    pthread_barrier_destroy(&c.start);
    bulkhead_free(b);
}
