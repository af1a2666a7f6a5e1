/* analytics: how calls went, by day, assistant, number or reason; from our own rows, so that it needs
 * no provider and agrees with what the dashboard lists. */
#pragma once

#include "base/jsonw.h"
#include "store/call_stats.h"

enum { ANALYTICS_DAYS_MAX = 366, ANALYTICS_DAYS = 30, ANALYTICS_GROUPS_MAX = 1000 };

struct analytics_sums {
    int64_t calls, answered, faults, seconds, cost_micros; /* faults: ended in a way to be mended */
};

struct analytics_group {
    const char *key; /* as in store/call_stats.h */
    int64_t *
        days; /* by assistant and number: calls of each of the last 30 days, oldest first; else NULL */
    struct analytics_sums sums;
};

struct analytics {
    enum call_stats_by by;
    struct call_stats_filter filter; /* with the times that were used */
    struct analytics_sums totals;
    struct analytics_group *groups, *reasons; /* reasons: most frequent first */
    size_t group_count, reason_count;
    bool is_cut; /* there were more groups than fit */
};

/* filter: a time of 0 is the usual one, the last 30 days. ERR_INVALID for more than 366 days. Runs
 * beside the loop: it may look at very many calls. */
enum err analytics_read(struct ctx *ctx, enum call_stats_by by,
                        const struct call_stats_filter *filter, struct analytics *out);
void analytics_write(struct jsonw *w, struct arena *a, const struct analytics *r);

const char *analytics_by_name(enum call_stats_by by); /* "day", "assistant", ... */
bool analytics_by_parse(const char *name, enum call_stats_by *by);
