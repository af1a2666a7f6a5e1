/* timers: a binary heap of the fibers' timers, so that one uv_timer serves a whole loop. */
#pragma once

#include <stdint.h>

#include "base/fiber.h"

struct timers {
    struct fiber_timer **heap;
    size_t count, room;
};

enum { TIMERS_NONE = -1 };

void timers_add(struct timers *t, struct fiber_timer *timer);    /* sets is_set */
void timers_remove(struct timers *t, struct fiber_timer *timer); /* clears it */
int64_t timers_next(const struct timers *t);                     /* when_ms or TIMERS_NONE */
void timers_fire(struct timers *t, int64_t now_ms);              /* all that are due */
void timers_fini(struct timers *t);
