/* call_stats: sums over a workspace's calls, for analytics. */
#pragma once

#include "db/db.h"

enum call_stats_by { STATS_BY_DAY, STATS_BY_ASSISTANT, STATS_BY_NUMBER, STATS_BY_REASON };

struct call_stats_filter {
    int64_t since_ms, until_ms;                  /* by when a call was asked for or came in */
    const char *direction, *assistant_id, *line; /* NULL: any; assistant_id of the provider */
};

/* Of calls that share a key and a reason for their end; but by reason, of a day. */
struct call_stats_row {
    const char *key;    /* "2026-11-21" (UTC), an assistant's id, our number, a reason; "": none */
    const char *reason; /* NULL: they go on, or nobody said */
    int64_t day;        /* since 1970, UTC */
    int64_t calls, answered, seconds, cost_micros;
};

/* By key and reason; out: room for limit. *count > limit - 1 means that there may be more. */
enum err call_stats(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                    enum call_stats_by by, const struct call_stats_filter *filter, int limit,
                    struct call_stats_row *out, size_t *count);
