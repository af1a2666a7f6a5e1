#include "resilience/history.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/str.h"

enum {
    STEPS = 64, /* the last is everything above 100 s */
    FIRST_US = 1000,
    DAY_MS = 24 * 3600 * 1000,
};

struct slot {
    int64_t number; /* of slots since 1970 */
    uint32_t failures, steps[STEPS];
};

struct track {
    pthread_mutex_t lock;
    struct slot slots[HISTORY_SLOTS];
    struct history_turn turns[HISTORY_TURNS];
    size_t turned; /* how many there ever were */
};

struct history {
    int64_t since_ms;
    struct track tracks[PROVIDER_COUNT];
};

struct history *history_new(int64_t now_ms) {
    struct history *h = memory_zeroed(1, sizeof *h);
    h->since_ms = now_ms;
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        pthread_mutex_init(&h->tracks[p].lock, NULL);
    return h;
}

void history_free(struct history *h) {
    if (!h)
        return;
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        pthread_mutex_destroy(&h->tracks[p].lock);
    free(h);
}

int64_t history_since(const struct history *h) {
    return h->since_ms;
}

/* The upper end of each step is six fifths of that of the one below. */
static int64_t end_us(size_t step) {
    int64_t us = FIRST_US;
    while (step--)
        us += us / 5;
    return us;
}

static size_t step_of(int64_t took_us) {
    int64_t us = FIRST_US;
    size_t step = 0;
    while (us < took_us && step + 1 < STEPS) {
        us += us / 5;
        step++;
    }
    return step;
}

/* One from long ago is used again; a clock that is set back counts into the slot it names. */
static struct slot *slot_at(struct track *t, int64_t now_ms) {
    int64_t number = now_ms / HISTORY_SLOT_MS;
    struct slot *s = &t->slots[number % HISTORY_SLOTS];
    if (s->number != number)
        *s = (struct slot){ .number = number };
    return s;
}

void history_attempt(struct history *h, enum provider p, bool is_failure, int64_t took_us,
                     int64_t now_ms) {
    struct track *t = &h->tracks[p];
    size_t step = step_of(took_us);
    pthread_mutex_lock(&t->lock);
    struct slot *s = slot_at(t, now_ms);
    s->steps[step]++;
    s->failures += is_failure;
    pthread_mutex_unlock(&t->lock);
}

void history_turn(struct history *h, enum provider p, const char *workspace_id, bool is_open,
                  int64_t now_ms) {
    struct track *t = &h->tracks[p];
    pthread_mutex_lock(&t->lock);
    struct history_turn *turn = &t->turns[t->turned++ % HISTORY_TURNS];
    *turn = (struct history_turn){ .at_ms = now_ms, .is_open = is_open };
    str_copy(turn->workspace_id, sizeof turn->workspace_id,
             str_of(workspace_id ? workspace_id : ""));
    pthread_mutex_unlock(&t->lock);
}

/* The time within which so many of a hundred were answered. */
static int64_t percentile_ms(const struct slot *s, int64_t attempts, int64_t percent) {
    int64_t wanted = (attempts * percent + 99) / 100, seen = 0;
    for (size_t i = 0; i < STEPS; i++)
        if ((seen += s->steps[i]) >= wanted)
            return (end_us(i) + 500) / 1000;
    return 0;
}

static void sum_up(const struct slot *s, struct history_slot *out) {
    int64_t attempts = 0;
    for (size_t i = 0; i < STEPS; i++)
        attempts += s->steps[i];
    *out = (struct history_slot){ s->number * HISTORY_SLOT_MS,
                                  attempts,
                                  s->failures,
                                  percentile_ms(s, attempts, 50),
                                  percentile_ms(s, attempts, 95),
                                  percentile_ms(s, attempts, 99) };
}

void history_read(struct history *h, enum provider p, int64_t now_ms,
                  struct history_slot out[HISTORY_SLOTS]) {
    struct track *t = &h->tracks[p];
    int64_t last = now_ms / HISTORY_SLOT_MS;
    pthread_mutex_lock(&t->lock);
    for (int64_t i = 0; i < HISTORY_SLOTS; i++) {
        int64_t number = last - HISTORY_SLOTS + 1 + i;
        const struct slot *s = &t->slots[number % HISTORY_SLOTS];
        out[i] = (struct history_slot){ 0 };
        if (s->number == number)
            sum_up(s, &out[i]);
    }
    pthread_mutex_unlock(&t->lock);
}

size_t history_turns(struct history *h, enum provider p, const char *workspace_id, int64_t now_ms,
                     struct history_turn out[HISTORY_TURNS]) {
    struct track *t = &h->tracks[p];
    size_t count = 0;
    pthread_mutex_lock(&t->lock);
    size_t first = t->turned > HISTORY_TURNS ? t->turned - HISTORY_TURNS : 0;
    for (size_t i = first; i < t->turned; i++) {
        const struct history_turn *turn = &t->turns[i % HISTORY_TURNS];
        bool is_theirs = !turn->workspace_id[0] || strcmp(turn->workspace_id, workspace_id) == 0;
        if (is_theirs && turn->at_ms > now_ms - DAY_MS)
            out[count++] = *turn;
    }
    pthread_mutex_unlock(&t->lock);
    return count;
}
