#include "obs/log_share.h"

#include <pthread.h>

#include "test.h"

TEST(so_many_a_second_and_the_next_one_says_how_many_there_were_more) {
    struct log_share s = { 0 };
    unsigned withheld;
    for (int second = 0; second < 3; second++) {
        int told = 0;
        for (int i = 0; i < 1000; i++) {
            told += log_share_take(&s, 50, second * 1000 + i, &withheld);
            CHECK_INT(withheld, second && i == 0 ? 950 : 0);
        }
        CHECK_INT(told, 50);
    }
    CHECK(log_share_take(&s, 50, 100000, &withheld));
    CHECK_INT(withheld, 950);
    CHECK(log_share_take(&s, 50, 200000, &withheld));
    CHECK_INT(withheld, 0);
}

enum { THREADS = 4, LINES = 100000, PER_S = 10 };

static void *flood(void *arg) {
    unsigned withheld;
    uint64_t told = 0;
    for (int i = 0; i < LINES; i++) {
        told += log_share_take(arg, PER_S, i / 100, &withheld);
        told += withheld;
    }
    return (void *)(uintptr_t)told;
}

TEST(none_is_lost_of_the_count_whoever_asks_at_once) {
    struct log_share s = { 0 };
    pthread_t threads[THREADS];
    uint64_t told = 0;
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, flood, &s), 0);
    for (int i = 0; i < THREADS; i++) {
        void *one;
        pthread_join(threads[i], &one);
        told += (uintptr_t)one;
    }
    CHECK(told + s.withheld == (uint64_t)THREADS * LINES);
}
