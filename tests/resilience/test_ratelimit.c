#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "obs/metrics.h"
#include "resilience/limit_table.h"
#include "resilience/ratelimit.h"

static const struct ratelimit_rule USER = {
    .policy = "user-route", .kind = RATELIMIT_SLIDING, .count = 10, .period_ms = 60000
};
static const struct ratelimit_rule IP = {
    .policy = "ip", .kind = RATELIMIT_GCRA, .count = 20, .period_ms = 1000, .burst = 40
};

static int admitted(struct ratelimit *r, const struct ratelimit_rule *rule, int tries,
                    int64_t now_ms) {
    int n = 0;
    while (tries--)
        n += ratelimit_take(r, rule, STR("k"), now_ms).is_allowed;
    return n;
}

TEST(sliding_admits_so_many_and_no_more) {
    struct ratelimit *r = ratelimit_new();
    CHECK_INT(admitted(r, &USER, 25, 1000), 10);
    ratelimit_free(r);
}

TEST(sliding_never_admits_more_in_any_minute) {
    struct ratelimit *r = ratelimit_new();
    CHECK_INT(admitted(r, &USER, 5, 0), 5);
    CHECK_INT(admitted(r, &USER, 25, 59000), 5);
    CHECK_INT(admitted(r, &USER, 25, 60000), 0); /* the first is 60 s old, not more */
    CHECK_INT(admitted(r, &USER, 25, 60001), 5);
    CHECK_INT(admitted(r, &USER, 25, 119000), 0);
    CHECK_INT(admitted(r, &USER, 25, 119001), 5);
    ratelimit_free(r);
}

TEST(a_refused_call_consumes_nothing) {
    struct ratelimit *r = ratelimit_new();
    CHECK_INT(admitted(r, &USER, 10, 0), 10);
    CHECK_INT(admitted(r, &USER, 1000, 30000), 0);
    CHECK_INT(admitted(r, &USER, 25, 60001), 10);
    CHECK_INT(admitted(r, &IP, 1000, 0), 40);
    CHECK_INT(admitted(r, &IP, 1000, 49), 0);
    CHECK_INT(admitted(r, &IP, 1000, 50), 1);
    ratelimit_free(r);
}

TEST(says_how_many_are_left_and_when_there_are_more) {
    struct ratelimit *r = ratelimit_new();
    struct ratelimit_result a = ratelimit_take(r, &USER, STR("k"), 0);
    CHECK(a.is_allowed && a.limit == 10 && a.remaining == 9 && a.retry_after_s == 0);
    a = ratelimit_take(r, &USER, STR("k"), 19500);
    CHECK_INT(a.remaining, 8);
    CHECK_INT(a.reset_s, 41); /* 40.501 s */
    admitted(r, &USER, 8, 20000);
    a = ratelimit_take(r, &USER, STR("k"), 20001);
    CHECK(!a.is_allowed && a.remaining == 0 && a.reset_s == 40);
    CHECK_INT(a.retry_after_s, 40);
    ratelimit_free(r);
}

TEST(obeying_retry_after_leads_to_success) {
    struct ratelimit *r = ratelimit_new();
    struct ratelimit_result a;
    int64_t now = 7;
    for (int i = 0; i < 500; i++) {
        const struct ratelimit_rule *rule = i % 2 ? &USER : &IP;
        a = ratelimit_take(r, rule, STR("k"), now);
        if (!a.is_allowed) {
            CHECK(a.retry_after_s >= 1);
            now += a.retry_after_s * 1000;
            CHECK(ratelimit_take(r, rule, STR("k"), now).is_allowed);
        }
        now += i % 7;
    }
    ratelimit_free(r);
}

TEST(a_limit_that_changes_counts_what_was_admitted_before) {
    struct ratelimit *r = ratelimit_new();
    struct ratelimit_rule less = USER, more = USER;
    less.count = 3;
    more.count = 30;
    for (int i = 0; i < 10; i++)
        CHECK_INT(admitted(r, &USER, 1, 1000 * i), 1);
    CHECK_INT(admitted(r, &more, 50, 10000), 20);
    struct ratelimit_result res = ratelimit_take(r, &less, STR("k"), 10000);
    CHECK(!res.is_allowed);
    CHECK_INT(res.remaining, 0);
    CHECK_INT(res.retry_after_s, 61); /* until all but two of the last twenty are old */
    CHECK_INT(admitted(r, &less, 50, 10000 + 60001), 3);
    CHECK_INT(admitted(r, &USER, 50, 10000 + 60001), 7);
    ratelimit_free(r);
}

TEST(gcra_admits_a_burst_then_the_rate) {
    struct ratelimit *r = ratelimit_new();
    CHECK_INT(admitted(r, &IP, 100, 5000), 40);
    CHECK_INT(admitted(r, &IP, 100, 5100), 2);
    CHECK_INT(admitted(r, &IP, 100, 6100), 20);
    CHECK_INT(admitted(r, &IP, 100, 60000), 40);
    struct ratelimit_result a = ratelimit_take(r, &IP, STR("k"), 60000);
    CHECK(!a.is_allowed && a.limit == 40 && a.remaining == 0);
    CHECK_INT(a.retry_after_s, 1);
    CHECK_INT(a.reset_s, 2);
    ratelimit_free(r);
}

TEST(gcra_counts_down_what_remains) {
    struct ratelimit *r = ratelimit_new();
    for (int left = 39; left >= 0; left--)
        CHECK_INT(ratelimit_take(r, &IP, STR("k"), 0).remaining, left);
    CHECK_INT(ratelimit_take(r, &IP, STR("k"), 100).remaining, 1);
    ratelimit_free(r);
}

TEST(keys_and_policies_do_not_share) {
    struct ratelimit *r = ratelimit_new();
    struct ratelimit_rule other = USER;
    other.policy = "user-rout";
    CHECK_INT(admitted(r, &USER, 25, 0), 10);
    CHECK(ratelimit_take(r, &USER, STR("l"), 0).is_allowed);
    CHECK(ratelimit_take(r, &other, STR("ek"), 0).is_allowed);
    ratelimit_free(r);
}

TEST(refusals_are_counted_by_policy) {
    const char *const labels[4] = { "user-route" };
    double before = metric_value(METRIC_RATE_LIMIT_HITS, labels);
    struct ratelimit *r = ratelimit_new();
    admitted(r, &USER, 13, 0);
    CHECK_INT(metric_value(METRIC_RATE_LIMIT_HITS, labels) - before, 3);
    ratelimit_free(r);
}

TEST(stays_right_when_its_short_stamps_wrap) {
    struct ratelimit *r = ratelimit_new();
    int64_t wrap = (int64_t)1 << 32;
    CHECK_INT(admitted(r, &USER, 25, wrap - 1000), 10);
    CHECK_INT(admitted(r, &USER, 25, wrap + 59000), 0);
    CHECK_INT(admitted(r, &USER, 25, wrap + 59001), 10);
    CHECK_INT(admitted(r, &USER, 25, 3 * wrap + 30000), 10);
    ratelimit_free(r);
}

TEST(a_thread_whose_clock_is_a_moment_behind_frees_nothing) {
    struct ratelimit *r = ratelimit_new();
    CHECK_INT(admitted(r, &USER, 10, 1000), 10);
    CHECK_INT(admitted(r, &USER, 10, 999), 0);
    ratelimit_free(r);
}

TEST(who_looks_sees_what_is_used_and_takes_nothing) {
    struct ratelimit *r = ratelimit_new();
    CHECK_INT(ratelimit_look(r, &USER, STR("k"), 0).used, 0);
    CHECK_INT(admitted(r, &USER, 4, 0), 4);
    CHECK_INT(admitted(r, &USER, 3, 20000), 3);
    for (int i = 0; i < 50; i++) {
        struct ratelimit_use u = ratelimit_look(r, &USER, STR("k"), 30000);
        CHECK(u.used == 7 && u.limit == 10 && u.reset_s == 31);
    }
    CHECK_INT(ratelimit_look(r, &USER, STR("k"), 60001).used, 3);
    CHECK_INT(ratelimit_look(r, &USER, STR("k"), 80001).used, 0);
    CHECK_INT(admitted(r, &USER, 25, 80001), 10);
    struct ratelimit_rule fewer = USER;
    fewer.count = 5;
    CHECK_INT(ratelimit_look(r, &fewer, STR("k"), 80002).used, 5);

    CHECK_INT(admitted(r, &IP, 30, 100000), 30);
    struct ratelimit_use u = ratelimit_look(r, &IP, STR("k"), 100000);
    CHECK(u.used == 30 && u.limit == 40 && u.reset_s == 2);
    u = ratelimit_look(r, &IP, STR("k"), 101000);
    CHECK(u.used == 10 && u.reset_s == 1);
    CHECK_INT(ratelimit_look(r, &IP, STR("k"), 101500).used, 0);
    ratelimit_free(r);
}

TEST(a_flood_of_keys_does_not_make_the_table_grow) {
    struct limit_table *t = limit_table_new(8, 60000, NULL);
    uint64_t hash = 1;
    for (int i = 0; i < 1000000; i++) {
        hash = hash * 6364136223846793005u + 1442695040888963407u;
        limit_table_lock(t, hash, 0);
        limit_table_unlock(t, hash);
    }
    CHECK(limit_table_count(t) <= 2 * 65536);
    limit_table_free(t);
}

static int dropped;

static void count_drop(void *value) {
    dropped += *(int *)value;
}

static void touch(struct limit_table *t, uint64_t hash, int64_t now_ms) {
    *(int *)limit_table_lock(t, hash, now_ms) = 1;
    limit_table_unlock(t, hash);
}

TEST(a_value_lives_while_it_is_used_and_is_dropped_once) {
    struct limit_table *t = limit_table_new(sizeof(int), 1000, count_drop);
    dropped = 0;
    touch(t, 1, 0);
    touch(t, 2, 0);
    for (int64_t now = 500; now <= 5000; now += 500) {
        int *value = limit_table_lock(t, 2, now);
        CHECK_INT(*value, 1);
        limit_table_unlock(t, 2);
    }
    CHECK_INT(dropped, 1);
    CHECK_INT(*(int *)limit_table_lock(t, 1, 5000), 0);
    limit_table_unlock(t, 1);
    limit_table_free(t);
    CHECK_INT(dropped, 2);
}

TEST(what_values_own_is_bounded_too) {
    struct limit_table *t = limit_table_new(sizeof(int), 60000, count_drop);
    dropped = 0;
    for (uint64_t i = 1; i <= 100; i++) { /* all in one shard, 100 KiB each */
        touch(t, i, 0);
        limit_table_lock(t, i, 0);
        limit_table_weigh(t, i, 100 * 1024);
        limit_table_unlock(t, i);
    }
    CHECK(limit_table_count(t) <= 12);
    limit_table_free(t);
    CHECK_INT(dropped, 100);
}

/* The sliding log as its sentence says it: of the admitted ones, those not older than a minute. */
enum { MODEL_MAX = 64 };

struct model {
    int64_t stamps[MODEL_MAX];
    int count;
};

static bool model_take(struct model *m, int64_t now_ms, int64_t *oldest) {
    int kept = 0;
    for (int i = 0; i < m->count; i++)
        if (now_ms - m->stamps[i] <= USER.period_ms)
            m->stamps[kept++] = m->stamps[i];
    m->count = kept;
    bool may = m->count < USER.count;
    if (may)
        m->stamps[m->count++] = now_ms;
    *oldest = m->stamps[0];
    return may;
}

static uint64_t seed;

static void seeded(void *out, size_t bytes) {
    for (unsigned char *p = out; bytes--; p++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        *p = (unsigned char)(seed >> 56);
    }
}

TEST(sliding_agrees_with_the_model_over_a_hundred_thousand_histories) {
    struct ratelimit *r = ratelimit_new();
    clock_replace(&(struct clock_seams){ .rand = seeded });
    for (int history = 0; history < 100000; history++) {
        struct model m = { .count = 0 };
        char key[16];
        snprintf(key, sizeof key, "%d", history);
        seed = (uint64_t)history;
        int64_t now = (int64_t)ava_rand_below(100000);
        for (int step = 0; step < 25; step++) {
            int64_t oldest;
            bool may = model_take(&m, now, &oldest);
            struct ratelimit_result a = ratelimit_take(r, &USER, str_of(key), now);
            CHECK(a.is_allowed == may);
            CHECK_INT(a.remaining, USER.count - m.count);
            CHECK_INT(a.reset_s, (oldest + 60001 - now + 999) / 1000);
            static const uint64_t STEPS[] = { 1, 2, 3000, 12000, 60002 };
            now += (int64_t)ava_rand_below(STEPS[ava_rand_below(5)]);
        }
    }
    clock_replace(NULL);
    ratelimit_free(r);
}

enum { THREADS = 8 };

struct crowd {
    struct ratelimit *limit;
    pthread_barrier_t start;
    atomic_int admitted;
};

static void *rush(void *arg) {
    struct crowd *c = arg;
    pthread_barrier_wait(&c->start);
    for (int i = 0; i < 2000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i % 100);
        if (ratelimit_take(c->limit, &USER, str_of(key), 1000).is_allowed)
            atomic_fetch_add(&c->admitted, 1);
    }
    return NULL;
}

TEST(threads_together_get_no_more_than_one_would) {
    struct crowd c = { .limit = ratelimit_new() };
    pthread_t threads[THREADS];
    pthread_barrier_init(&c.start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, rush, &c);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(c.admitted, 100 * USER.count);
    pthread_barrier_destroy(&c.start);
    ratelimit_free(c.limit);
}
