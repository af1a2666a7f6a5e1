/* fake_host: fibers, their wakes and their timers under a clock that only the test moves. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/fiber.h"

enum { FAKE_MAX = 4096 };

static int64_t fake_now;
static struct fiber *fake_posted[FAKE_MAX];
static size_t fake_posted_count;
static struct fiber_timer *fake_timers[FAKE_MAX];
static size_t fake_timer_count;

static int64_t fake_now_us(void) {
    return fake_now * 1000;
}

static void fake_post(struct fiber_host *host, struct fiber *f) {
    fake_posted[fake_posted_count++] = f;
}

static void fake_timer_set(struct fiber_host *host, struct fiber_timer *t) {
    t->is_set = true;
    t->slot = fake_timer_count;
    fake_timers[fake_timer_count++] = t;
}

static void fake_timer_clear(struct fiber_host *host, struct fiber_timer *t) {
    fake_timers[t->slot] = fake_timers[--fake_timer_count];
    fake_timers[t->slot]->slot = t->slot;
    t->is_set = false;
}

static struct fiber_host fake_host = { .post = fake_post,
                                       .timer_set = fake_timer_set,
                                       .timer_clear = fake_timer_clear };

static void fake_begin(void) {
    fake_now = 1000;
    clock_replace(&(struct clock_seams){ .now_us = fake_now_us });
    fiber_host_bind(&fake_host);
}

/* Wakes who was posted until nobody is. */
static void fake_drain(void) {
    for (size_t i = 0; i < fake_posted_count; i++)
        fiber_wake(fake_posted[i]);
    fake_posted_count = 0;
}

/* Fires the timers that are due, one after the other, and wakes nobody else. */
static void fake_fire_due(void) {
    for (size_t i = 0; i < fake_timer_count;) {
        struct fiber_timer *t = fake_timers[i];
        if (t->when_ms > fake_now) {
            i++;
            continue;
        }
        fake_timer_clear(&fake_host, t);
        t->fire(t);
        i = 0;
    }
}

static void fake_advance(int64_t ms) {
    fake_now += ms;
    fake_drain();
    fake_fire_due();
    fake_drain();
}

static void fake_end(void) {
    fake_drain();
    fiber_host_bind(NULL); /* asserts that no fiber is left */
    clock_replace(NULL);
}
