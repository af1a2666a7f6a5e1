#include "resilience/shed.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"
#include "obs/metrics.h"

enum { SHARE_PERCENT = 70 };

struct shed {
    _Atomic int64_t others, webhooks; /* in hand */
};

const char *shed_class_name(enum shed_class c) {
    static const char *const NAMES[] = { "read", "write", "webhook" };
    return c < SHED_CLASSES ? NAMES[c] : "never";
}

struct shed *shed_new(void) {
    struct shed *s = memory_zeroed(1, sizeof *s);
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
    if (c == SHED_WEBHOOK) {
        int64_t mine = ++s->webhooks;
        if (mine + s->others <= slots)
            return true;
        s->webhooks--;
        return refuse(c);
    }
    if (memory_is_short())
        return refuse(c); /* what was begun ends first */
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
