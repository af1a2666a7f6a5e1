#include "resilience/shed.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "obs/metrics.h"

enum { STEP_MS = 1000, SHARE_PERCENT = 70, LOOK_MAX_MS = 250 };

struct shed {
    _Atomic int64_t others, webhooks; /* in hand */
    atomic_int level;
    /* The observer's: late or calm, and for how long without a break. */
    bool was_late;
    int64_t lasted_ms, observed_ms;
};

const char *shed_class_name(enum shed_class c) {
    static const char *const NAMES[] = { "read", "write", "webhook" };
    return c < SHED_CLASSES ? NAMES[c] : "never";
}

struct shed *shed_new(void) {
    struct shed *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    for (enum shed_class c = 0; c < SHED_CLASSES; c++)
        metric_add(METRIC_REQUESTS_SHED, 0, shed_class_name(c));
    return s;
}

void shed_free(struct shed *s) {
    free(s);
}

static bool refuse(enum shed_class c) {
    metric_add(METRIC_REQUESTS_SHED, 1, shed_class_name(c));
    return false;
}

bool shed_enter(struct shed *s, enum shed_class c, int64_t slots) {
    if (c == SHED_NEVER)
        return true;
    if (atomic_load_explicit(&s->level, memory_order_relaxed) > (int)c)
        return refuse(c);
    if (c == SHED_WEBHOOK) {
        int64_t mine = ++s->webhooks;
        if (mine + s->others <= slots)
            return true;
        s->webhooks--;
        return refuse(c);
    }
    int64_t mine = ++s->others, share = slots * SHARE_PERCENT / 100;
    if (mine <= (share > 0 ? share : 1) && mine + s->webhooks <= slots)
        return true;
    s->others--;
    return refuse(c);
}

void shed_leave(struct shed *s, enum shed_class c) {
    if (c == SHED_WEBHOOK)
        s->webhooks--;
    else if (c != SHED_NEVER)
        s->others--;
}

void shed_observe(struct shed *s, bool is_late, int64_t now_ms) {
    int64_t since_ms = now_ms - s->observed_ms;
    s->observed_ms = now_ms;
    if (since_ms > LOOK_MAX_MS) /* nobody looked meanwhile: it counts as one look */
        since_ms = LOOK_MAX_MS;
    s->lasted_ms = is_late == s->was_late ? s->lasted_ms + since_ms : 0;
    s->was_late = is_late;
    if (s->lasted_ms < STEP_MS)
        return;
    s->lasted_ms = 0;
    int level = s->level;
    if (is_late)
        s->level = level < SHED_CLASSES ? level + 1 : level;
    else
        s->level = level > 0 ? level - 1 : 0;
}

int shed_level(const struct shed *s) {
    return s->level;
}
