#include "test.h"

#include "base/clock.h"
#include "base/recent.h"

static int64_t now_us;

static int64_t moved_us(void) {
    return now_us;
}

static const unsigned char ONE[32] = { 1, 2, 3 }, NEIGHBOUR[32] = { 1, 2, 4 }, OTHER[32] = { 9 };

static int get(struct recent *r, const unsigned char hash[32]) {
    int value = 0;
    return recent_get(r, hash, &value) ? value : -1;
}

static void put(struct recent *r, const unsigned char hash[32], int value) {
    recent_put(r, hash, recent_generation(r, hash), 1000, &value);
}

static struct recent *begin(void) {
    static const struct clock_seams MOVED = { .now_us = moved_us };
    now_us = 5000000;
    clock_replace(&MOVED);
    return recent_new(64, sizeof(int));
}

static void end(struct recent *r) {
    recent_free(r);
    clock_replace(NULL);
}

TEST(a_value_is_remembered_for_its_time_and_for_its_hash_alone) {
    struct recent *r = begin();
    CHECK_INT(get(r, ONE), -1);
    put(r, ONE, 7);
    CHECK_INT(get(r, ONE), 7);
    CHECK_INT(get(r, NEIGHBOUR), -1); /* of the same place */
    put(r, OTHER, 8);
    now_us += 999 * 1000;
    CHECK_INT(get(r, ONE), 7);
    now_us += 1000;
    CHECK_INT(get(r, ONE), -1);
    put(r, NEIGHBOUR, 9);
    CHECK_INT(get(r, NEIGHBOUR), 9);
    end(r);
    recent_free(NULL);
}

TEST(what_changed_is_forgotten_and_what_was_read_before_is_not_remembered_after) {
    struct recent *r = begin();
    int value = 7;
    put(r, ONE, 1);
    put(r, OTHER, 2);
    recent_forget(r, ONE);
    CHECK_INT(get(r, ONE), -1);
    CHECK_INT(get(r, OTHER), 2);
    uint64_t before = recent_generation(r, ONE);
    recent_forget(r, ONE);
    recent_put(r, ONE, before, 1000, &value);
    CHECK_INT(get(r, ONE), -1);
    put(r, ONE, 3);
    CHECK_INT(get(r, ONE), 3);
    before = recent_generation(r, OTHER);
    recent_forget_all(r);
    CHECK_INT(get(r, ONE), -1);
    CHECK_INT(get(r, OTHER), -1);
    recent_put(r, OTHER, before, 1000, &value);
    CHECK_INT(get(r, OTHER), -1);
    end(r);
}
