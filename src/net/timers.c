#include "net/timers.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

static void place(struct timers *t, size_t slot, struct fiber_timer *timer) {
    t->heap[slot] = timer;
    timer->slot = slot;
}

static void rise(struct timers *t, size_t slot) {
    struct fiber_timer *timer = t->heap[slot];
    while (slot > 0 && t->heap[(slot - 1) / 2]->when_ms > timer->when_ms) {
        place(t, slot, t->heap[(slot - 1) / 2]);
        slot = (slot - 1) / 2;
    }
    place(t, slot, timer);
}

static void sink(struct timers *t, size_t slot) {
    struct fiber_timer *timer = t->heap[slot];
    for (;;) {
        size_t child = 2 * slot + 1;
        if (child >= t->count)
            break;
        if (child + 1 < t->count && t->heap[child + 1]->when_ms < t->heap[child]->when_ms)
            child++;
        if (t->heap[child]->when_ms >= timer->when_ms)
            break;
        place(t, slot, t->heap[child]);
        slot = child;
    }
    place(t, slot, timer);
}

void timers_add(struct timers *t, struct fiber_timer *timer) {
    assert(!timer->is_set);
    if (t->count == t->room) {
        t->room = t->room ? t->room * 2 : 64;
        t->heap = memory_resized(t->heap, t->room * sizeof(struct fiber_timer *));
    }
    place(t, t->count++, timer);
    timer->is_set = true;
    rise(t, timer->slot);
}

void timers_remove(struct timers *t, struct fiber_timer *timer) {
    assert(timer->is_set && t->heap[timer->slot] == timer);
    size_t slot = timer->slot;
    timer->is_set = false;
    t->count--;
    if (slot == t->count)
        return;
    place(t, slot, t->heap[t->count]);
    rise(t, slot);
    sink(t, t->heap[slot]->slot);
}

int64_t timers_next(const struct timers *t) {
    return t->count ? t->heap[0]->when_ms : TIMERS_NONE;
}

void timers_fire(struct timers *t, int64_t now_ms) {
    while (t->count && t->heap[0]->when_ms <= now_ms) {
        struct fiber_timer *due = t->heap[0];
        timers_remove(t, due);
        due->fire(due);
    }
}

void timers_fini(struct timers *t) {
    free(t->heap);
    *t = (struct timers){ 0 };
}
