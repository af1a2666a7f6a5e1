#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"
#include "obs/metrics.h"
#include "resilience/cache.h"

static const struct cache_conf CONF = { .bytes_max = 64 * 1024 * 1024,
                                        .entry_bytes_max = 256 * 1024,
                                        .ttl_ms = 300000,
                                        .stale_ms = 3600000,
                                        .negative_ms = 10000 };

static struct cache *c;
static const struct str KEY = { "key", 3 }, THING = { "assistant/1", 11 };

static void begin_with(const struct cache_conf *conf) {
    fake_begin();
    c = cache_new(conf);
}

static void begin(void) {
    begin_with(&CONF);
}

static void end(void) {
    cache_free(c);
    fake_end();
}

static struct cache_reply look(void) {
    return cache_lookup(c, KEY, THING, fake_now + 10000);
}

static enum cache_answer look_only(void) {
    struct cache_reply r = look();
    if (r.lead)
        cache_give_up(c, r.lead);
    cache_release(r.value);
    return r.answer;
}

static void store(const char *body) {
    struct cache_reply r = look();
    CHECK(r.answer == CACHE_LEAD);
    cache_fill(c, r.lead, CACHE_PRESENT, 200, str_of(body));
}

static void check_hit(const char *body) {
    struct cache_reply r = look();
    CHECK(r.answer == CACHE_HIT);
    CHECK(str_is(r.value->body, body));
    CHECK(!r.lead);
    cache_release(r.value);
}

static double counted(const char *result) {
    return metric_value(METRIC_CACHE_REQUESTS, (const char *[4]){ result });
}

/* One who reads on a fiber of his own. */
struct reader {
    int64_t until_ms;
    bool is_done;
    struct cache_reply r;
};

static void read_once(void *arg) {
    struct reader *me = arg;
    me->r = cache_lookup(c, KEY, THING, me->until_ms);
    me->is_done = true;
}

static void reads(struct reader *me, int64_t patience_ms) {
    *me = (struct reader){ .until_ms = fake_now + patience_ms };
    fiber_run(read_once, me);
}

TEST(the_first_leads_and_the_next_finds_what_it_brought) {
    begin();
    double hits = counted("hit"), misses = counted("miss");
    store("one");
    fake_now += 5000;
    struct cache_reply r = look();
    CHECK(r.answer == CACHE_HIT && r.value->status == 200 && r.age_ms == 5000);
    CHECK(str_is(r.value->body, "one"));
    cache_release(r.value);
    CHECK_INT(counted("hit") - hits, 1);
    CHECK_INT(counted("miss") - misses, 1);
    end();
}

TEST(other_keys_find_nothing) {
    begin();
    store("one");
    struct cache_reply r = cache_lookup(c, STR("key2"), THING, 0);
    CHECK(r.answer == CACHE_LEAD);
    cache_give_up(c, r.lead);
    end();
}

TEST(a_value_is_fresh_until_its_ttl) {
    begin();
    store("one");
    fake_now += 239999;
    check_hit("one");
    fake_now += 60000;
    CHECK(look_only() == CACHE_HIT);
    fake_now += 1;
    CHECK(look_only() == CACHE_LEAD);
    end();
}

TEST(from_four_fifths_of_its_ttl_one_refreshes_while_all_are_served) {
    begin();
    store("one");
    fake_now += 240000;
    struct cache_reply r = look();
    CHECK(r.answer == CACHE_HIT && r.lead);
    check_hit("one"); /* and no second lead */
    cache_fill(c, r.lead, CACHE_PRESENT, 200, STR("two"));
    CHECK(str_is(r.value->body, "one")); /* what was lent stays as it was */
    cache_release(r.value);
    check_hit("two");
    end();
}

TEST(a_missing_thing_is_remembered_for_ten_seconds) {
    begin();
    struct cache_reply r = look();
    cache_fill(c, r.lead, CACHE_ABSENT, 404, STR("{}"));
    fake_now += 9999;
    r = look();
    CHECK(r.answer == CACHE_HIT && r.value->is_absent && r.value->status == 404 && !r.lead);
    cache_release(r.value);
    fake_now += 1;
    CHECK(look_only() == CACHE_LEAD);
    CHECK(!cache_stale(c, KEY, THING));
    end();
}

TEST(an_old_value_stands_in_for_an_error_for_an_hour) {
    begin();
    store("one");
    double before = counted("stale");
    fake_now += 300000 + 3599999;
    struct cache_reply r = look();
    CHECK(r.answer == CACHE_LEAD);
    cache_fail(c, r.lead, 503, STR("open"), true);
    const struct cache_value *v = cache_stale(c, KEY, THING);
    CHECK(v && str_is(v->body, "one"));
    cache_release(v);
    CHECK_INT(counted("stale") - before, 1);
    fake_now += 1;
    CHECK(!cache_stale(c, KEY, THING));
    end();
}

TEST(nothing_stands_in_after_a_refused_credential_or_a_404) {
    begin();
    store("one");
    fake_now += 300000;
    struct cache_reply r = look();
    cache_fail(c, r.lead, 401, STR("no"), false);
    CHECK(!cache_stale(c, KEY, THING));
    store("two");
    fake_now += 300000;
    r = look();
    cache_fill(c, r.lead, CACHE_ABSENT, 404, STR(""));
    CHECK(!cache_stale(c, KEY, THING));
    end();
}

TEST(errors_are_not_kept) {
    begin();
    struct cache_reply r = look();
    cache_fail(c, r.lead, 502, STR("broken"), true);
    CHECK(look_only() == CACHE_LEAD);
    CHECK_INT(cache_bytes(c), 0);
    end();
}

TEST(followers_share_what_the_leader_brings) {
    begin();
    double before = counted("coalesced");
    struct cache_reply r = look();
    struct reader a, b;
    reads(&a, 1000);
    reads(&b, 1000);
    CHECK(!a.is_done && !b.is_done);
    cache_fill(c, r.lead, CACHE_PRESENT, 200, STR("one"));
    fake_drain();
    CHECK(a.is_done && a.r.answer == CACHE_HIT && a.r.is_coalesced);
    CHECK(b.is_done && str_is(b.r.value->body, "one"));
    CHECK(a.r.value == b.r.value); /* shared, not copied */
    cache_release(a.r.value);
    cache_release(b.r.value);
    CHECK_INT(counted("coalesced") - before, 2);
    end();
}

TEST(followers_share_the_leaders_error) {
    begin();
    struct cache_reply r = look();
    struct reader a;
    reads(&a, 1000);
    cache_fail(c, r.lead, 503, STR("busy"), true);
    fake_drain();
    CHECK(a.r.answer == CACHE_FAILED && a.r.value->status == 503);
    CHECK(str_is(a.r.value->body, "busy"));
    cache_release(a.r.value);
    end();
}

TEST(a_follower_waits_no_longer_than_its_own_deadline) {
    begin();
    struct cache_reply r = look();
    struct reader a, b;
    reads(&a, 100);
    reads(&b, 1000);
    fake_advance(100);
    CHECK(a.is_done && a.r.answer == CACHE_TIMEOUT && !b.is_done);
    cache_fill(c, r.lead, CACHE_PRESENT, 200, STR("one"));
    fake_drain();
    CHECK(b.r.answer == CACHE_HIT);
    cache_release(b.r.value);
    end();
}

TEST(a_leader_that_gives_up_hands_over_to_the_longest_waiting) {
    begin();
    struct cache_reply r = look();
    struct reader a, b;
    reads(&a, 1000);
    reads(&b, 1000);
    cache_give_up(c, r.lead);
    fake_drain();
    CHECK(a.r.answer == CACHE_LEAD && a.r.lead && !b.is_done);
    cache_fill(c, a.r.lead, CACHE_PRESENT, 200, STR("one"));
    fake_drain();
    CHECK(b.r.answer == CACHE_HIT);
    cache_release(b.r.value);
    end();
}

TEST(who_is_made_leader_too_late_passes_it_on) {
    begin();
    struct cache_reply r = look();
    struct reader a, b;
    reads(&a, 100);
    reads(&b, 1000);
    fake_now += 100;
    struct fiber_timer *first = fake_timers[0]; /* fires, but the fiber has not run yet */
    CHECK(first->when_ms == fake_now);
    atomic_store(&CONTAINER_OF(first, struct fiber_parking, timer)->state, 2);
    cache_give_up(c, r.lead);
    fake_posted[fake_posted_count++] = CONTAINER_OF(first, struct fiber_parking, timer)->fiber;
    fake_drain();
    CHECK(a.r.answer == CACHE_TIMEOUT && !a.r.lead);
    CHECK(b.r.answer == CACHE_LEAD);
    cache_give_up(c, b.r.lead);
    CHECK(look_only() == CACHE_LEAD);
    end();
}

TEST(a_write_makes_what_is_kept_worthless_also_as_a_stand_in) {
    begin();
    store("one");
    cache_bump(c, THING);
    CHECK(!cache_stale(c, KEY, THING));
    CHECK(look_only() == CACHE_LEAD);
    CHECK_INT(cache_bytes(c), 0);
    end();
}

TEST(a_fill_that_began_before_a_write_is_dropped) {
    begin();
    struct cache_reply r = look();
    cache_bump(c, THING);
    cache_fill(c, r.lead, CACHE_PRESENT, 200, STR("old"));
    CHECK(look_only() == CACHE_LEAD);
    end();
}

TEST(who_asks_after_a_write_does_not_join_a_flight_from_before) {
    begin();
    struct cache_reply old = look();
    struct reader before, after;
    reads(&before, 1000);
    cache_bump(c, THING);
    reads(&after, 1000);
    CHECK(after.is_done && after.r.answer == CACHE_LEAD);
    cache_fill(c, after.r.lead, CACHE_PRESENT, 200, STR("new"));
    cache_fill(c, old.lead, CACHE_PRESENT, 200, STR("old"));
    fake_drain();
    CHECK(str_is(before.r.value->body, "old")); /* it asked before the write */
    cache_release(before.r.value);
    check_hit("new");
    end();
}

TEST(a_flight_handed_over_after_a_write_is_a_new_one) {
    begin();
    struct cache_reply r = look();
    struct reader a;
    reads(&a, 1000);
    cache_bump(c, THING);
    cache_give_up(c, r.lead);
    fake_drain();
    CHECK(a.r.answer == CACHE_LEAD);
    cache_fill(c, a.r.lead, CACHE_PRESENT, 200, STR("new"));
    check_hit("new");
    end();
}

TEST(the_answer_of_a_write_is_kept) {
    begin();
    uint64_t g = cache_bump(c, THING);
    cache_put(c, KEY, THING, g, 200, STR("written"));
    check_hit("written");
    end();
}

TEST(the_answer_of_a_write_is_not_kept_when_another_was_under_way) {
    begin();
    uint64_t first = cache_bump(c, THING), second = cache_bump(c, THING);
    cache_put(c, KEY, THING, first, 200, STR("first"));
    CHECK(look_only() == CACHE_LEAD);
    cache_put(c, KEY, THING, second, 200, STR("second"));
    CHECK(look_only() == CACHE_LEAD);
    end();
}

TEST(is_bounded_and_forgets_the_longest_unused) {
    struct cache_conf conf = CONF;
    conf.bytes_max = 10 * 1024;
    begin_with(&conf);
    static char body[1000];
    for (int i = 0; i < 50; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%d", i);
        struct cache_reply r = cache_lookup(c, str_of(key), THING, 0);
        cache_fill(c, r.lead, CACHE_PRESENT, 200, (struct str){ body, sizeof body });
        CHECK(cache_bytes(c) <= conf.bytes_max);
        r = cache_lookup(c, STR("key0"), THING, 0); /* in use all the time */
        CHECK(r.answer == CACHE_HIT);
        cache_release(r.value);
    }
    cache_collect(c);
    CHECK(metric_value(METRIC_CACHE_BYTES, (const char *[4]){ NULL }) > 8000);
    struct cache_reply r = cache_lookup(c, STR("key1"), THING, 0);
    CHECK(r.answer == CACHE_LEAD);
    cache_give_up(c, r.lead);
    end();
}

TEST(what_is_too_large_is_shared_but_not_kept) {
    begin();
    size_t len = CONF.entry_bytes_max + 1;
    char *body = calloc(1, len);
    struct cache_reply r = look();
    struct reader a;
    reads(&a, 1000);
    cache_fill(c, r.lead, CACHE_PRESENT, 200, (struct str){ body, len });
    fake_drain();
    CHECK(a.r.answer == CACHE_HIT && a.r.value->body.len == len);
    cache_release(a.r.value);
    CHECK_INT(cache_bytes(c), 0);
    free(body);
    end();
}

TEST(what_was_lent_outlives_the_cache) {
    begin();
    store("one");
    struct cache_reply r = look();
    end();
    CHECK(str_is(r.value->body, "one"));
    cache_release(r.value);
}

TEST(another_ttl_holds_for_what_is_kept_already) {
    begin();
    store("old");
    fake_now += 100000;
    check_hit("old");
    cache_retune(c, 60000);
    CHECK(look_only() == CACHE_LEAD);
    cache_retune(c, 300000);
    check_hit("old");
    cache_retune(c, 0);
    CHECK(look_only() == CACHE_OFF);
    end();
}

TEST(a_ttl_of_zero_switches_it_off) {
    struct cache_conf conf = CONF;
    conf.ttl_ms = 0;
    double before = counted("bypass");
    begin_with(&conf);
    CHECK(look().answer == CACHE_OFF);
    CHECK(look().answer == CACHE_OFF);
    CHECK_INT(counted("bypass") - before, 2);
    end();
}

enum { READERS = 1000 };

struct crowd {
    pthread_barrier_t start;
    double coalesced_before;
    atomic_int leaders, right;
};

static void *cold_read(void *arg) {
    struct crowd *crowd = arg;
    pthread_barrier_wait(&crowd->start);
    struct cache_reply r = cache_lookup(c, KEY, THING, ava_now_ms() + 60000);
    if (r.answer == CACHE_LEAD) {
        atomic_fetch_add(&crowd->leaders, 1);
        while (counted("coalesced") - crowd->coalesced_before < READERS - 1 && crowd->leaders == 1)
            sched_yield();
        cache_fill(c, r.lead, CACHE_PRESENT, 200, STR("one"));
        return NULL;
    }
    if (r.answer == CACHE_HIT && str_is(r.value->body, "one"))
        atomic_fetch_add(&crowd->right, 1);
    cache_release(r.value);
    return NULL;
}

TEST(of_a_thousand_cold_readers_exactly_one_leads) {
    static pthread_t threads[READERS];
    struct crowd crowd = { .coalesced_before = counted("coalesced") };
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 128 * 1024);
    c = cache_new(&CONF);
    pthread_barrier_init(&crowd.start, NULL, READERS);
    for (int i = 0; i < READERS; i++)
        CHECK_INT(pthread_create(&threads[i], &attr, cold_read, &crowd), 0);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(crowd.leaders, 1);
    CHECK_INT(crowd.right, READERS - 1);
    pthread_barrier_destroy(&crowd.start);
    pthread_attr_destroy(&attr);
    cache_free(c);
}

static void *churn(void *arg) {
    for (int i = 0; i < 3000; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%d", i % 7);
        struct cache_reply r = cache_lookup(c, str_of(key), THING, ava_now_ms() + 60000);
        if (r.lead && i % 5 == 0)
            cache_give_up(c, r.lead);
        else if (r.lead && i % 5 == 1)
            cache_fail(c, r.lead, 502, STR("x"), i % 2);
        else if (r.lead)
            cache_fill(c, r.lead, CACHE_PRESENT, 200, str_of(key));
        if (r.answer == CACHE_HIT && !str_is(r.value->body, key))
            atomic_fetch_add((atomic_int *)arg, 1);
        cache_release(r.value);
        if (i % 11 == 0)
            cache_bump(c, THING);
        cache_release(cache_stale(c, str_of(key), THING));
    }
    return NULL;
}

TEST(threads_that_do_everything_at_once_never_get_a_wrong_value) {
    pthread_t threads[8];
    atomic_int wrong = 0;
    struct cache_conf conf = CONF;
    conf.bytes_max = 600; /* evicts all the time */
    c = cache_new(&conf);
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, churn, &wrong);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(wrong, 0);
    cache_free(c);
}
