#include "test.h"

#include <stdlib.h>

#include "base/defs.h"
#include "http/line.h"

struct caller {
    struct line_place place;
    int64_t due_ms; /* asks then; INT64_MAX: it waits for an answer */
    uint64_t whose;
    unsigned answered, refused;
};

/* A loop that can begin so many requests a millisecond, under callers who ask again at once: a refusal
 * costs it a tenth of an answer, and they are held for half a second after one. */
struct world {
    struct line line;
    struct caller *callers;
    size_t count;
    double capacity;
    int64_t now_ms, patience_ms, hold_ms;
};

static void ask(struct world *w, double *budget) {
    for (size_t i = 0; i < w->count; i++) {
        struct caller *c = &w->callers[i];
        if (c->due_ms > w->now_ms)
            continue;
        c->due_ms = INT64_MAX;
        line_join(&w->line, &c->place, c->whose, w->now_ms);
        *budget -= 0.1;
    }
}

static struct caller *up(struct world *w, struct line_place *p) {
    line_leave(&w->line, p);
    return CONTAINER_OF(p, struct caller, place);
}

static void step(struct world *w, double *budget) {
    struct line_place *p;
    *budget = *budget > 0 ? w->capacity : *budget + w->capacity;
    ask(w, budget);
    double reading = w->capacity - *budget, serving = reading > w->capacity / 2 ? reading : *budget;
    do {
        p = line_next(&w->line, w->now_ms);
        if (p) {
            struct caller *c = up(w, p);
            c->answered++;
            c->due_ms = w->now_ms + 50;
            *budget -= 1;
            serving -= 1;
        }
    } while (p && serving > 0);
    for (double refusing = w->capacity / 4;
         w->patience_ms && refusing > 0 && (p = line_expired(&w->line, w->now_ms - w->patience_ms));
         refusing -= 0.1) {
        struct caller *c = up(w, p);
        c->refused++;
        c->due_ms = w->now_ms + w->hold_ms;
        *budget -= 0.1;
    }
    w->now_ms++;
}

/* Runs so many milliseconds; returns the answers of the second half, for each of them. */
static double run(struct world *w, int64_t ms) {
    double budget = 0;
    unsigned before = 0, after = 0;
    for (int64_t i = 0; i < ms / 2; i++)
        step(w, &budget);
    for (size_t i = 0; i < w->count; i++)
        before += w->callers[i].answered;
    for (int64_t i = 0; i < ms / 2; i++)
        step(w, &budget);
    for (size_t i = 0; i < w->count; i++)
        after += w->callers[i].answered;
    return (double)(after - before) / ((double)ms / 2);
}

static struct world world_of(size_t callers, double capacity) {
    struct world w = { .count = callers,
                       .capacity = capacity,
                       .now_ms = 1000000,
                       .patience_ms = 1000,
                       .hold_ms = 500 };
    w.callers = calloc(callers, sizeof *w.callers);
    for (size_t i = 0; i < callers; i++)
        w.callers[i].whose = 1;
    return w;
}

TEST(whatever_the_load_most_of_what_can_be_done_is_done) {
    static const size_t CALLERS[] = { 100, 1000, 4000, 6000, 20000, 100000 };
    for (size_t i = 0; i < ARRAY_LEN(CALLERS); i++) {
        struct world w = world_of(CALLERS[i], 9.4);
        double rate = run(&w, 8000), best = CALLERS[i] < 500 ? (double)CALLERS[i] / 51 : 9.4;
        if (rate < 0.6 * best)
            print_message("# %zu callers: %.2f of %.2f\n", CALLERS[i], rate, best);
        CHECK(rate >= 0.6 * best);
        free(w.callers);
    }
}

TEST(who_asks_the_most_waits_the_longest) {
    struct world w = world_of(6010, 4);
    for (size_t i = 6000; i < w.count; i++)
        w.callers[i].whose = 1000 + i;
    run(&w, 20000);
    for (size_t i = 6000; i < w.count; i++) {
        CHECK_INT(w.callers[i].refused, 0);
        CHECK(w.callers[i].answered > 100); /* of 392 that would be without the others */
    }
    free(w.callers);
}

TEST(when_the_crowd_leaves_the_next_is_answered_at_once) {
    struct world w = world_of(20000, 9.4);
    double budget = 0;
    run(&w, 5000);
    for (size_t i = 0; i < w.count; i++) {
        if (w.callers[i].due_ms == INT64_MAX)
            line_leave(&w.line, &w.callers[i].place);
        w.callers[i].due_ms = INT64_MAX;
    }
    CHECK_INT(w.line.count, 0);
    unsigned before = w.callers[7].answered;
    w.callers[7].due_ms = w.now_ms;
    for (int i = 0; i < 20 && w.callers[7].answered == before; i++)
        step(&w, &budget);
    CHECK(w.callers[7].answered > before);
    free(w.callers);
}

TEST(the_oldest_comes_first_while_it_is_calm_then_the_newest) {
    struct line l = { .count = 0 };
    struct line_place a, b, c;
    line_join(&l, &a, 1, 0);
    line_join(&l, &b, 1, 10);
    line_join(&l, &c, 1, 20);
    CHECK(line_next(&l, 50) == &a);
    CHECK(line_next(&l, LINE_CALM_MS + 1) == &c);
    CHECK(line_expired(&l, 0) == NULL && line_expired(&l, 1) == &a);
    line_leave(&l, &b);
    line_leave(&l, &a);
    CHECK(line_next(&l, 50) == &c);
    line_leave(&l, &c);
    CHECK(!l.count && !line_next(&l, 50) && !line_expired(&l, INT64_MAX));
}
