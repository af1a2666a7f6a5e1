#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/defs.h"
#include "obs/metrics.h"
#include "tasks/feed.h"

static atomic_int wakes;

static void wake(void *arg) {
    atomic_fetch_add(&wakes, 1);
}

static struct feed_sub *come(struct feed *f, const char *workspace, const char *user,
                             const char *last_id, int64_t *since) {
    struct feed_place place = { workspace, user, { NULL, 0 }, wake, NULL };
    struct feed_sub *s = NULL;
    int64_t ignored;
    if (last_id)
        place.last_id = str_of(last_id);
    CHECK_INT(feed_subscribe(f, &place, &s, since ? since : &ignored), OK);
    return s;
}

static void publish(struct feed *f, const char *workspace, int n) {
    char json[32];
    snprintf(json, sizeof json, "{\"n\":%d}", n);
    feed_publish(f, workspace, "thing", str_of(json));
}

/* "name json" of everything that waits, one line each; *last: the id of the newest. */
static const char *take_all(struct feed_sub *s, int64_t *last) {
    static char text[1 << 16];
    size_t len = 0;
    int64_t before = 0;
    text[0] = 0;
    for (const struct feed_event *e; (e = feed_take(s)); feed_release(e)) {
        CHECK(e->id > before);
        before = e->id;
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "%s %.*s\n", e->name, STR_FMT(e->json));
    }
    if (last)
        *last = before;
    return text;
}

static const char *text_of(int64_t id) {
    static char text[32];
    snprintf(text, sizeof text, "%lld", (long long)id);
    return text;
}

TEST(events_come_in_their_order_and_each_wakes) {
    struct feed *f = feed_new(10);
    struct feed_sub *s = come(f, "ws_a", "usr_1", NULL, NULL);
    atomic_store(&wakes, 0);
    CHECK(feed_take(s) == NULL);
    for (int i = 0; i < 3; i++)
        publish(f, "ws_a", i);
    CHECK_INT(atomic_load(&wakes), 3);
    CHECK_TEXT(take_all(s, NULL), "thing {\"n\":0}\nthing {\"n\":1}\nthing {\"n\":2}\n");
    CHECK(feed_take(s) == NULL);
    feed_unsubscribe(s);
    publish(f, "ws_a", 4);
    CHECK_INT(atomic_load(&wakes), 3);
    feed_free(f);
}

TEST(a_feed_that_is_not_there_takes_everything) {
    feed_publish(NULL, "ws_a", "thing", STR("{}"));
    feed_free(NULL);
}

TEST(workspaces_never_see_each_other_live_or_in_replay) {
    struct feed *f = feed_new(10);
    int64_t since;
    struct feed_sub *a = come(f, "ws_a", "usr_1", NULL, &since);
    struct feed_sub *b = come(f, "ws_b", "usr_1", NULL, NULL);
    publish(f, "ws_a", 1);
    publish(f, "ws_b", 2);
    publish(f, "ws_a", 3);
    CHECK_TEXT(take_all(a, NULL), "thing {\"n\":1}\nthing {\"n\":3}\n");
    CHECK_TEXT(take_all(b, NULL), "thing {\"n\":2}\n");
    struct feed_sub *again = come(f, "ws_b", "usr_2", text_of(since), NULL);
    CHECK_TEXT(take_all(again, NULL), "thing {\"n\":2}\n");
    feed_unsubscribe(again);
    feed_unsubscribe(b);
    feed_unsubscribe(a);
    feed_free(f);
}

TEST(what_concerns_everybody_reaches_every_workspace_live_and_in_replay) {
    struct feed *f = feed_new(10);
    int64_t since;
    struct feed_sub *a = come(f, "ws_a", "usr_1", NULL, &since);
    struct feed_sub *b = come(f, "ws_b", "usr_1", NULL, NULL);
    publish(f, NULL, 1);
    CHECK_TEXT(take_all(a, NULL), "thing {\"n\":1}\n");
    CHECK_TEXT(take_all(b, NULL), "thing {\"n\":1}\n");
    struct feed_sub *again = come(f, "ws_c", "usr_2", text_of(since), NULL);
    CHECK_TEXT(take_all(again, NULL), "thing {\"n\":1}\n");
    feed_unsubscribe(again);
    feed_unsubscribe(b);
    feed_unsubscribe(a);
    feed_free(f);
}

TEST(what_is_not_taken_in_time_is_dropped_and_said_to_be_lost) {
    struct feed *f = feed_new(10);
    struct feed_sub *slow = come(f, "ws_a", "usr_1", NULL, NULL);
    struct feed_sub *quick = come(f, "ws_a", "usr_2", NULL, NULL);
    double before = metric_value(METRIC_STREAM_LOST, (const char *[4]){ NULL });
    for (int i = 0; i < FEED_QUEUE_MAX; i++) {
        publish(f, "ws_a", i);
        take_all(quick, NULL);
    }
    CHECK(metric_value(METRIC_STREAM_LOST, (const char *[4]){ NULL }) == before);
    publish(f, "ws_a", 999);
    publish(f, "ws_a", 1000);
    CHECK_TEXT(take_all(quick, NULL), "thing {\"n\":999}\nthing {\"n\":1000}\n");
    CHECK_TEXT(take_all(slow, NULL), "lost {}\nthing {\"n\":1000}\n");
    CHECK(metric_value(METRIC_STREAM_LOST, (const char *[4]){ NULL }) == before + 1);
    feed_unsubscribe(quick);
    feed_unsubscribe(slow);
    feed_free(f);
}

TEST(a_queue_is_bounded_in_bytes_too_and_an_event_beyond_all_bounds_is_lost) {
    struct feed *f = feed_new(10);
    struct feed_sub *s = come(f, "ws_a", "usr_1", NULL, NULL);
    struct buf big = { 0 };
    while (big.len < FEED_EVENT_BYTES_MAX)
        buf_char(&big, '1');
    for (size_t i = 0; i < FEED_QUEUE_BYTES_MAX / FEED_EVENT_BYTES_MAX; i++)
        feed_publish(f, "ws_a", "big", buf_view(&big));
    for (size_t i = 0; i < FEED_QUEUE_BYTES_MAX / FEED_EVENT_BYTES_MAX; i++) {
        const struct feed_event *e = feed_take(s);
        CHECK(e && e->json.len == big.len);
        feed_release(e);
        feed_publish(f, "ws_a", "big", buf_view(&big));
    }
    feed_publish(f, "ws_a", "big", buf_view(&big));
    CHECK_TEXT(take_all(s, NULL), "lost {}\n");
    buf_char(&big, '1');
    feed_publish(f, "ws_a", "big", buf_view(&big));
    CHECK_TEXT(take_all(s, NULL), "lost {}\n");
    buf_fini(&big);
    feed_unsubscribe(s);
    feed_free(f);
}

TEST(who_comes_back_gets_what_it_missed_and_nothing_twice) {
    struct feed *f = feed_new(10);
    int64_t since, last;
    struct feed_sub *s = come(f, "ws_a", "usr_1", NULL, &since);
    publish(f, "ws_a", 1);
    take_all(s, &last);
    CHECK(last > since);
    feed_unsubscribe(s);
    publish(f, "ws_a", 2);
    publish(f, "ws_a", 3);
    s = come(f, "ws_a", "usr_1", text_of(last), &since);
    CHECK(since == last); /* cut before the first of it arrives, it begins there again */
    CHECK_TEXT(take_all(s, &last), "thing {\"n\":2}\nthing {\"n\":3}\n");
    feed_unsubscribe(s);
    s = come(f, "ws_a", "usr_1", text_of(last), NULL);
    CHECK_TEXT(take_all(s, NULL), "");
    since = feed_mark(s);
    CHECK(since > last);
    feed_unsubscribe(s);
    publish(f, "ws_a", 4);
    s = come(f, "ws_a", "usr_1", text_of(since), NULL);
    CHECK_TEXT(take_all(s, NULL), "thing {\"n\":4}\n");
    feed_unsubscribe(s);
    feed_free(f);
}

TEST(a_mark_stands_for_all_that_was_taken) {
    struct feed *f = feed_new(10);
    int64_t since;
    struct feed_sub *s = come(f, "ws_a", "usr_1", "17", &since);
    CHECK_INT(since, 0); /* lost, and lost again if that does not arrive */
    CHECK_INT(feed_mark(s), 0);
    take_all(s, NULL);
    publish(f, "ws_a", 1);
    CHECK_INT(feed_mark(s), 0);
    take_all(s, NULL);
    for (int i = 0; i < FEED_RING_MAX; i++)
        publish(f, "ws_b", i);
    int64_t mark = feed_mark(s);
    feed_unsubscribe(s);
    publish(f, "ws_a", 2);
    s = come(f, "ws_a", "usr_1", text_of(mark), NULL);
    CHECK_TEXT(take_all(s, NULL), "thing {\"n\":2}\n");
    feed_unsubscribe(s);
    feed_free(f);
}

TEST(a_hint_reaches_who_listens_and_nobody_who_comes_back) {
    struct feed *f = feed_new(10);
    int64_t since;
    struct feed_sub *s = come(f, "ws_a", "usr_1", NULL, &since);
    struct feed_sub *b = come(f, "ws_b", "usr_1", NULL, NULL);
    for (int i = 0; i <= FEED_RING_MAX; i++) {
        feed_hint(f, "ws_a", "hint", STR("{}"));
        CHECK_TEXT(take_all(s, NULL), "hint {}\n");
    }
    publish(f, "ws_a", 1);
    CHECK_TEXT(take_all(b, NULL), "");
    struct feed_sub *again = come(f, "ws_a", "usr_1", text_of(since), NULL);
    CHECK_TEXT(take_all(again, NULL), "thing {\"n\":1}\n");
    feed_unsubscribe(again);
    feed_unsubscribe(b);
    feed_unsubscribe(s);
    feed_hint(NULL, "ws_a", "hint", STR("{}"));
    feed_free(f);
}

TEST(what_left_the_ring_came_before_this_process_or_never_was_is_lost) {
    struct feed *f = feed_new(10);
    int64_t since;
    struct feed_sub *s = come(f, "ws_a", "usr_1", NULL, &since);
    for (int i = 0; i < FEED_RING_MAX; i++) {
        publish(f, "ws_b", i);
        take_all(s, NULL);
    }
    struct feed_sub *just = come(f, "ws_a", "usr_1", text_of(since), NULL);
    CHECK_TEXT(take_all(just, NULL), "");
    publish(f, "ws_b", 0);
    publish(f, "ws_b", 0);
    struct feed_sub *late = come(f, "ws_a", "usr_1", text_of(since), NULL);
    CHECK_TEXT(take_all(late, NULL), "lost {}\n");
    static const char *const NEVER[] = { "0", "17", "9223372036854775807", "-4", "x", "" };
    for (size_t i = 0; i < ARRAY_LEN(NEVER); i++) {
        struct feed_sub *odd = come(f, "ws_a", "usr_1", NEVER[i], NULL);
        CHECK_TEXT(take_all(odd, NULL), "lost {}\n");
        feed_unsubscribe(odd);
    }
    feed_unsubscribe(late);
    feed_unsubscribe(just);
    feed_unsubscribe(s);
    feed_free(f);
}

static int64_t stopped_wall(void) {
    return INT64_C(1800000000000);
}

TEST(ids_rise_within_a_millisecond_and_when_the_clock_stands_still) {
    static const struct clock_seams SEAMS = { .wall_ms = stopped_wall };
    clock_replace(&SEAMS);
    struct feed *f = feed_new(10);
    struct feed_sub *s = come(f, "ws_a", "usr_1", NULL, NULL);
    for (int i = 0; i < 50; i++)
        publish(f, "ws_a", i);
    CHECK(take_all(s, NULL)[0] != 0); /* take_all checks that they rise */
    feed_unsubscribe(s);
    feed_free(f);
    clock_replace(NULL);
}

TEST(a_user_has_32_places_and_all_together_as_many_as_there_are) {
    struct feed *f = feed_new(FEED_PER_USER_MAX + 1);
    struct feed_sub *subs[FEED_PER_USER_MAX + 1], *none = NULL;
    struct feed_place place = { "ws_a", "usr_1", { NULL, 0 }, wake, NULL };
    int64_t since;
    for (int i = 0; i < FEED_PER_USER_MAX; i++)
        subs[i] = come(f, i % 2 ? "ws_a" : "ws_b", "usr_1", NULL, NULL);
    CHECK_INT(feed_subscribe(f, &place, &none, &since), ERR_RATE_LIMITED);
    subs[FEED_PER_USER_MAX] = come(f, "ws_a", "usr_2", NULL, NULL);
    place.user_id = "usr_3";
    CHECK_INT(feed_subscribe(f, &place, &none, &since), ERR_OVERLOADED);
    CHECK(none == NULL);
    CHECK(metric_value(METRIC_STREAM_CONNECTIONS, (const char *[4]){ NULL }) ==
          FEED_PER_USER_MAX + 1);
    for (int i = 0; i <= FEED_PER_USER_MAX; i++)
        feed_unsubscribe(subs[i]);
    CHECK(metric_value(METRIC_STREAM_CONNECTIONS, (const char *[4]){ NULL }) == 0);
    feed_unsubscribe(come(f, "ws_a", "usr_1", NULL, NULL));
    feed_free(f);
}

/* Four threads publish, four come, take and leave. */
enum { PUBLISHED = 2000 };

struct crowd {
    struct feed *feed;
    int number;
    atomic_int *publishing;
};

static void *publisher(void *arg) {
    struct crowd *c = arg;
    for (int i = 0; i < PUBLISHED; i++)
        publish(c->feed, c->number % 2 ? "ws_a" : "ws_b", i);
    atomic_fetch_sub(c->publishing, 1);
    return NULL;
}

static void *visitor(void *arg) {
    struct crowd *c = arg;
    char user[8];
    snprintf(user, sizeof user, "u%d", c->number);
    while (atomic_load(c->publishing)) {
        int64_t since, before = 0;
        struct feed_sub *s = come(c->feed, c->number % 2 ? "ws_a" : "ws_b", user, "1", &since);
        for (int i = 0; i < 50; i++) {
            const struct feed_event *e = feed_take(s);
            if (e)
                assert_true(e->id > before);
            before = e ? e->id : before;
            feed_release(e);
        }
        feed_unsubscribe(s);
    }
    return NULL;
}

TEST(threads_publish_and_come_and_go_at_once) {
    struct feed *f = feed_new(100);
    atomic_int publishing = 4;
    struct crowd crowd[8];
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) {
        crowd[i] = (struct crowd){ f, i, &publishing };
        pthread_create(&threads[i], NULL, i < 4 ? publisher : visitor, &crowd[i]);
    }
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    feed_free(f);
}
