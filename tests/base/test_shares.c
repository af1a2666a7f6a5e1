#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/shares.h"

static bool enter_now(struct shares *s, struct shares_place *p, const char *whose) {
    return shares_enter(s, p, whose, 0);
}

TEST(one_has_no_more_than_its_share_and_all_no_more_than_there_are) {
    struct shares s = SHARES(3, 2, 0, 0);
    struct shares_place p[4];
    CHECK(enter_now(&s, &p[0], "a") && enter_now(&s, &p[1], "a"));
    CHECK(!enter_now(&s, &p[2], "a"));
    CHECK(enter_now(&s, &p[2], "b"));
    CHECK(!enter_now(&s, &p[3], "c"));
    shares_leave(&s, &p[1]);
    CHECK(enter_now(&s, &p[3], "c"));
    CHECK(!enter_now(&s, &p[1], "b"));
}

TEST(whoever_may_not_wait_long_enough_is_told_so) {
    struct shares s = SHARES(1, 1, 1, 1);
    struct shares_place held, p;
    CHECK(enter_now(&s, &held, "a"));
    int64_t began_ms = ava_now_ms();
    CHECK(!shares_enter(&s, &p, "b", began_ms + 30));
    CHECK(ava_now_ms() - began_ms >= 30);
    shares_leave(&s, &held);
    CHECK_INT(s.waiting_count, 0);
    CHECK(enter_now(&s, &p, "b"));
}

/* Threads that wait, and the order in which they got a place. */
static struct shares crowded = SHARES(2, 2, 4, 2);
static char order[8];
static atomic_int got;

struct one {
    pthread_t thread;
    struct shares_place place;
    const char *whose;
    bool is_let_in;
};

static void *wait_long(void *arg) {
    struct one *one = arg;
    one->is_let_in = shares_enter(&crowded, &one->place, one->whose, ava_now_ms() + 20000);
    if (one->is_let_in)
        order[atomic_fetch_add(&got, 1)] = one->whose[0];
    return NULL;
}

static unsigned waiting(void) {
    pthread_mutex_lock(&crowded.lock);
    unsigned n = crowded.waiting_count;
    pthread_mutex_unlock(&crowded.lock);
    return n;
}

static void join_line(struct one *one, const char *whose) {
    unsigned before = waiting();
    one->whose = whose;
    pthread_create(&one->thread, NULL, wait_long, one);
    while (waiting() == before)
        usleep(100);
}

TEST(a_place_goes_to_who_holds_the_fewest_then_to_who_came_first) {
    struct shares_place a[2], more;
    struct one line[4] = { 0 };
    CHECK(enter_now(&crowded, &a[0], "a") && enter_now(&crowded, &a[1], "a"));
    join_line(&line[0], "a");
    join_line(&line[1], "b");
    join_line(&line[2], "c");
    join_line(&line[3], "b");
    CHECK(!shares_enter(&crowded, &more, "d", ava_now_ms() + 20000)); /* as many wait as may */
    shares_leave(&crowded, &a[0]); /* to b, who has none; a has one */
    pthread_join(line[1].thread, NULL);
    CHECK(!shares_enter(&crowded, &more, "b", ava_now_ms()));
    shares_leave(&crowded, &a[1]); /* nobody but b has any: to a, who came before c */
    pthread_join(line[0].thread, NULL);
    shares_leave(&crowded, &line[1].place); /* c and b have none: to c, who came first */
    pthread_join(line[2].thread, NULL);
    shares_leave(&crowded, &line[0].place);
    pthread_join(line[3].thread, NULL);
    CHECK_TEXT(order, "bacb");
    shares_leave(&crowded, &line[2].place);
    shares_leave(&crowded, &line[3].place);
    CHECK_INT(crowded.held_count, 0);
}

static struct shares busy = SHARES(3, 2, 64, 64);
static atomic_int inside, most, entered;

static void *come_and_go(void *arg) {
    for (int i = 0; i < 2000; i++) {
        struct shares_place p;
        if (!shares_enter(&busy, &p, arg, ava_now_ms() + (i % 3 ? 20000 : 0)))
            continue;
        int now = atomic_fetch_add(&inside, 1) + 1, was = atomic_load(&most);
        while (now > was && !atomic_compare_exchange_weak(&most, &was, now)) {
        }
        atomic_fetch_add(&entered, 1);
        atomic_fetch_sub(&inside, 1);
        shares_leave(&busy, &p);
    }
    return NULL;
}

TEST(none_is_lost_and_none_is_given_twice) {
    static char names[][2] = { "a", "b", "c", "d" };
    pthread_t threads[16];
    for (int i = 0; i < 16; i++)
        pthread_create(&threads[i], NULL, come_and_go, names[i % 4]);
    for (int i = 0; i < 16; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&most) <= 3);
    CHECK(atomic_load(&entered) >= 16 * 2000 * 2 / 3);
    CHECK_INT(busy.held_count, 0);
    CHECK_INT(busy.waiting_count, 0);
}
