#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/fiber.h"
#include "net/loop.h"

static int order[32], order_count;

static void note(int what) {
    if (order_count < (int)ARRAY_LEN(order))
        order[order_count++] = what;
}

static void sleeper(void *arg) {
    int ms = *(int *)arg;
    fiber_sleep(ms);
    note(ms);
}

TEST(fibers_sleep_side_by_side_and_the_shortest_wakes_first) {
    struct loop *l = loop_new(0);
    int times[3] = { 60, 20, 40 };
    order_count = 0;
    int64_t began = ava_now_ms();
    for (int i = 0; i < 3; i++)
        CHECK(fiber_run(sleeper, &times[i]));
    CHECK_INT(fiber_alive(), 3);
    loop_stop(l);
    loop_run(l); /* runs until no fiber is alive */
    CHECK_INT(order_count, 3);
    CHECK(order[0] == 20 && order[1] == 40 && order[2] == 60);
    CHECK(ava_now_ms() - began >= 60);
    CHECK_INT(fiber_alive(), 0);
    loop_free(l);
}

static void work_ms(int ms) {
    struct timespec began, now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    while ((now.tv_sec - began.tv_sec) * 1000000000 + now.tv_nsec - began.tv_nsec <
           (long)ms * 1000000);
}

/* Works for so long, and may want to go on. */
struct portion {
    struct loop_later later;
    int name, ms, times;
};

static void work_on(struct loop_later *later) {
    struct portion *p = CONTAINER_OF(later, struct portion, later);
    work_ms(p->ms);
    note(p->name);
    if (--p->times)
        loop_put_off(loop_self(), later);
}

static void note_turn(uv_prepare_t *p) {
    note(0);
}

static void put_all_off(void *arg) {
    struct portion *p = arg;
    uv_prepare_t turns;
    CHECK(!loop_is_full(loop_self()));
    for (int i = 0; i < 4; i++)
        loop_put_off(loop_self(), &p[i].later);
    CHECK(loop_is_full(loop_self()));
    loop_take_back(loop_self(), &p[1].later);
    loop_take_back(loop_self(), &p[1].later);
    uv_prepare_init(loop_uv(loop_self()), &turns);
    uv_prepare_start(&turns, note_turn);
    while (p[0].times || p[2].times || p[3].times)
        fiber_sleep(1);
    CHECK(!loop_is_full(loop_self()));
    uv_close((uv_handle_t *)&turns, NULL);
    fiber_sleep(1);
}

TEST(who_is_put_off_goes_on_in_order_and_the_others_of_the_loop_go_between) {
    struct loop *l = loop_new(0);
    struct portion p[4] = { { { .fn = work_on }, 1, 6, 2 },
                            { { .fn = work_on }, 2, 1, 1 },
                            { { .fn = work_on }, 3, 6, 1 },
                            { { .fn = work_on }, 4, 0, 1 } };
    order_count = 0;
    CHECK(fiber_run(put_all_off, p));
    loop_stop(l);
    loop_run(l);
    static const int EXPECTED[] = { 1, 0, 3, 0, 4 }; /* then 1 again, in the turn of 4 */
    CHECK(order_count >= 6);
    int at = 0;
    while (order[at] == 0)
        at++;
    for (size_t i = 0; i < ARRAY_LEN(EXPECTED); i++)
        CHECK_INT(order[at + (int)i], EXPECTED[i]);
    CHECK_INT(order[at + 5], 1);
    loop_free(l);
}

static void work_long(void *arg) {
    fiber_sleep(1); /* a turn of the loop has begun */
    for (int i = 0; i < 60; i++) {
        work_ms(1);
        loop_take_turns();
    }
    note(*(int *)arg);
}

TEST(long_work_in_pieces_leaves_the_loop_to_others_between_them) {
    struct loop *l = loop_new(0);
    int names[2] = { 1, 2 }, soon = 5;
    order_count = 0;
    for (int i = 0; i < 2; i++)
        CHECK(fiber_run(work_long, &names[i]));
    CHECK(fiber_run(sleeper, &soon));
    loop_stop(l);
    loop_run(l);
    CHECK_INT(order_count, 3);
    CHECK_INT(order[0], soon);
    CHECK(loop_longest_turn_us(l) < 30 * 1000);
    loop_take_turns(); /* not on a fiber: nothing */
    loop_free(l);
    loop_take_turns();
}

static void nothing(void *arg) {
    fiber_sleep(1);
}

TEST(a_loop_refuses_more_fibers_than_it_was_made_for) {
    struct loop *l = loop_new(2);
    CHECK(fiber_run(nothing, NULL));
    CHECK(fiber_run(nothing, NULL));
    CHECK(!fiber_run(nothing, NULL));
    loop_stop(l);
    loop_run(l);
    loop_free(l);
}

static pthread_t loop_thread;

static void slow_work(void *arg) {
    *(bool *)arg = !pthread_equal(pthread_self(), loop_thread);
}

static void offloader(void *arg) {
    fiber_offload(slow_work, arg);
    note(1);
}

TEST(slow_work_runs_on_another_thread_while_the_fiber_sleeps) {
    struct loop *l = loop_new(0);
    bool elsewhere = false;
    order_count = 0;
    loop_thread = pthread_self();
    CHECK(fiber_run(offloader, &elsewhere));
    CHECK_INT(order_count, 0);
    loop_stop(l);
    loop_run(l);
    CHECK(elsewhere && order_count == 1);
    loop_free(l);
}

struct poster {
    struct loop *loop;
    struct fiber_parking parkings[200];
    atomic_int waiting, woken;
};

struct one_wait {
    struct poster *p;
    int index;
};

static void registered(void *arg) {
    struct one_wait *w = arg;
    atomic_fetch_add(&w->p->waiting, 1);
}

static void wait_for_signal(void *arg) {
    struct one_wait w = *(struct one_wait *)arg;
    fiber_parking_init(&w.p->parkings[w.index]);
    CHECK(fiber_park(&w.p->parkings[w.index], FIBER_NO_DEADLINE, registered, &w));
    atomic_fetch_add(&w.p->woken, 1);
}

static void *signal_all(void *arg) {
    struct poster *p = arg;
    for (int i = 0; i < 200; i++)
        fiber_unpark(&p->parkings[i]);
    loop_stop(p->loop);
    return NULL;
}

TEST(wakes_from_another_thread_are_never_lost) {
    static struct poster p;
    p.loop = loop_new(0);
    for (int i = 0; i < 200; i++)
        CHECK(fiber_run(wait_for_signal, &(struct one_wait){ &p, i }));
    CHECK_INT(atomic_load(&p.waiting), 200);
    pthread_t t;
    pthread_create(&t, NULL, signal_all, &p);
    loop_run(p.loop);
    pthread_join(t, NULL);
    CHECK_INT(atomic_load(&p.woken), 200);
    loop_free(p.loop);
}

static void call(void *arg) {
    note(*(int *)arg);
}

static void *post_from_elsewhere(void *arg) {
    loop_post(loop_self() ? NULL : ((void **)arg)[0], ((void **)arg)[1]);
    loop_stop(((void **)arg)[0]);
    return NULL;
}

TEST(calls_from_another_thread_run_on_the_loop) {
    struct loop *l = loop_new(0);
    int what = 7;
    struct loop_call c = { .fn = call, .arg = &what };
    void *args[2] = { l, &c };
    pthread_t t;
    order_count = 0;
    pthread_create(&t, NULL, post_from_elsewhere, args);
    loop_run(l);
    pthread_join(t, NULL);
    CHECK(order_count == 1 && order[0] == 7);
    CHECK(loop_lag_ms(l) >= 0);
    loop_free(l);
    CHECK(loop_self() == NULL);
}

static void park_until_past(void *arg) {
    struct fiber_parking p;
    fiber_parking_init(&p);
    *(bool *)arg = fiber_park(&p, ava_now_ms() - 5, NULL, NULL);
}

TEST(a_deadline_in_the_past_ends_the_wait) {
    struct loop *l = loop_new(0);
    bool in_time = true;
    CHECK(fiber_run(park_until_past, &in_time));
    loop_stop(l);
    loop_run(l);
    CHECK(!in_time);
    loop_free(l);
}

enum { CROWD = 200 };

struct crowd {
    struct fiber *fibers[CROWD];
    int count, done;
    bool was_answered;
    int done_when_answered;
};

static void one_of_them(void *arg) {
    struct crowd *c = arg;
    fiber_sleep(1);
    c->fibers[c->count++] = fiber_self();
    fiber_yield(NULL, NULL); /* until the other thread posts it */
    work_ms(1);
    c->done++;
}

static void *post_all(void *arg) {
    struct crowd *c = arg;
    for (int i = 0; i < CROWD; i++)
        fiber_post(c->fibers[i]);
    return NULL;
}

static void ask_meanwhile(void *arg) {
    struct crowd *c = arg;
    while (c->count < CROWD)
        fiber_sleep(1);
    pthread_t other;
    pthread_create(&other, NULL, post_all, c);
    pthread_join(other, NULL);
    fiber_sleep(30); /* a timer, as a connection that has something to read */
    c->was_answered = true;
    c->done_when_answered = c->done;
}

TEST(what_other_threads_post_leaves_room_for_others_between_turns) {
    struct loop *l = loop_new(0);
    struct crowd c = { .count = 0 };
    for (int i = 0; i < CROWD; i++)
        CHECK(fiber_run(one_of_them, &c));
    CHECK(fiber_run(ask_meanwhile, &c));
    loop_stop(l);
    loop_run(l);
    CHECK_INT(c.done, CROWD);
    CHECK(c.was_answered && c.done_when_answered < CROWD);
    CHECK(loop_longest_turn_us(l) < 60 * 1000);
    loop_free(l);
}
