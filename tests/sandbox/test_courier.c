#include "sandbox/courier.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/json.h"
#include "net/loop.h"
#include "test.h"

/* A post office of the test: what it answers, and what came, as letters. */
struct office {
    struct courier *courier;
    const int *statuses; /* one per try; the last for all that follow */
    char came[64];       /* the letter of each step, in order, a try each */
    int tries;
    bool is_stopping;
};

static int take(void *arg, struct arena *a, const char *url, const struct caller_letter *letter,
                struct str *answer) {
    struct office *o = arg;
    struct str body = letter->body;
    ptrdiff_t at = str_find(body, STR("CallStatus="));
    CHECK(str_find(str_of(url), STR("#")) < 0);
    o->came[o->tries] = body.ptr[at + 11];
    int status = o->statuses[0];
    if (o->statuses[1] >= 0)
        o->statuses++;
    o->tries++;
    fiber_sleep(1); /* somebody else's turn meanwhile */
    return status;
}

static bool is_stopping(void *arg) {
    const struct office *o = arg;
    return o->is_stopping;
}

static void put_step(json_t *record, int64_t at_ms, const char *status) {
    json_t *step = json_pack("{s:I}", "at", (json_int_t)at_ms);
    if (status)
        json_object_set_new(step, "params", json_pack("{s:s}", "CallStatus", status));
    json_array_append_new(json_object_get(record, "steps"), step);
}

static json_t *record_new(const char *callback) {
    return json_pack("{s:s, s:s, s:s, s:s, s:[], s:i}", "kind", "status", "callback", callback,
                     "account_sid", "AC1", "token", "token-of-the-test", "steps", "told", 0);
}

struct scene {
    struct office *office;
    json_t *record;
};

static void follow(void *arg) {
    struct scene *s = arg;
    courier_follow(s->office->courier, s->record);
}

/* Runs until nothing is left to be told; what came is in o. */
static void play(struct office *o, json_t *record) {
    struct scene s = { o, record };
    struct loop *l = loop_new(0);
    o->courier = courier_new(&(struct courier_host){ take, is_stopping, o });
    CHECK(fiber_run(follow, &s));
    loop_stop(l);
    loop_run(l);
    courier_free(o->courier);
    loop_free(l);
    json_decref(record);
}

TEST(what_happened_is_told_in_its_order_and_nothing_before_its_time) {
    static const int FINE[] = { 200, -1 };
    struct office o = { .statuses = FINE };
    int64_t now = ava_wall_ms();
    json_t *record = record_new("http://127.0.0.1:1/x#rc=5");
    put_step(record, now, "a");
    put_step(record, now, NULL); /* nobody asked for it */
    put_step(record, now, "b");
    put_step(record, now + 60, "c");
    play(&o, record);
    CHECK_TEXT(o.came, "abc");
    CHECK(ava_wall_ms() >= now + 60);
}

TEST(what_nobody_took_is_told_again_before_what_follows) {
    static const int LATE[] = { 0, 0, 200, -1 };
    struct office o = { .statuses = LATE };
    json_t *record = record_new("http://127.0.0.1:1/x#rc=5&rp=ct");
    put_step(record, 0, "a");
    put_step(record, 0, "b");
    play(&o, record);
    CHECK_TEXT(o.came, "aaab");
}

TEST(a_fault_of_ours_is_told_again_where_the_address_asks_for_it) {
    static const int FAULT[] = { 503, 200, -1 }, ALSO[] = { 503, 200, -1 };
    struct office with = { .statuses = FAULT }, without = { .statuses = ALSO };
    json_t *record = record_new("http://127.0.0.1:1/x#rc=1&rp=ct,5xx");
    put_step(record, 0, "a");
    play(&with, record);
    CHECK_TEXT(with.came, "aa");
    record = record_new("http://127.0.0.1:1/x#rc=1");
    put_step(record, 0, "a");
    play(&without, record);
    CHECK_TEXT(without.came, "a");
}

TEST(nobody_there_is_given_up_after_the_retries) {
    static const int NOBODY[] = { 0, -1 };
    struct office o = { .statuses = NOBODY };
    json_t *record = record_new("http://127.0.0.1:1/x#rc=2");
    put_step(record, 0, "a");
    play(&o, record);
    CHECK_TEXT(o.came, "aaa");
}

TEST(a_stop_leaves_the_rest_untold) {
    static const int FINE[] = { 200, -1 };
    struct office o = { .statuses = FINE, .is_stopping = true };
    json_t *record = record_new("http://127.0.0.1:1/x");
    put_step(record, 0, "a");
    play(&o, record);
    CHECK_INT(o.tries, 0);
}
