/* home: a database, accounts and a wall clock that a test moves. */
#pragma once

#include <stdatomic.h>

#include "auth/identity.h"
#include "auth/password.h"
#include "auth/people.h"
#include "auth/session.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "db/temp.h"

#define PASSWORD "a long enough password"

static _Atomic int64_t home_wall, home_ahead_us;

static inline int64_t home_wall_ms(void) {
    return atomic_load(&home_wall);
}

static inline int64_t home_now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 + atomic_load(&home_ahead_us);
}

struct home {
    struct temp t;
    struct user admin;
};

/* Both clocks; requests begun before it are late. */
static inline void home_later(struct home *h, int64_t ms) {
    atomic_fetch_add(&home_wall, ms);
    atomic_fetch_add(&home_ahead_us, ms * 1000);
    temp_ctx(&h->t, &h->t.ctx);
}

static inline void home_open(struct home *h) {
    static const struct clock_seams SEAMS = { .now_us = home_now_us, .wall_ms = home_wall_ms };
    home_wall = INT64_C(1800000000000);
    clock_replace(&SEAMS);
    temp_open(&h->t);
    h->t.parts.accounts = accounts_new(true);
    if (people_create(&h->t.ctx, "ada@example.com", STR(PASSWORD), "Ada", true, &h->admin) != OK) {
        fprintf(stderr, "# %s\n", h->t.ctx.problem.detail);
        abort();
    }
}

static inline void home_close(struct home *h) {
    accounts_free(h->t.parts.accounts);
    temp_close(&h->t);
    clock_replace(NULL);
}

static inline struct ctx *home_ctx(struct home *h) {
    temp_ctx(&h->t, &h->t.ctx);
    return &h->t.ctx;
}

/* The same for who runs the installation. */
static inline struct ctx *home_operator(struct home *h) {
    home_ctx(h)->who.is_admin = true;
    return &h->t.ctx;
}

static inline bool home_session_is_good(struct home *h, const char *cookie) {
    bool found = false;
    return auth_by_session(home_ctx(h), str_of(cookie), &found) == OK && found;
}

static inline bool home_key_is_good(struct home *h, const char *key) {
    bool found = false;
    return auth_by_key(home_ctx(h), str_of(key), &found) == OK && found;
}
