/* deliveries: rows of what goes to customers' own endpoints, one per destination and event, and of
 * the attempts at them. */
#pragma once

#include "db/db.h"
#include "store/page.h"

/* waiting > delivered | retrying > delivered | failed; held: kept for a disabled destination. */
struct delivery_row {
    int64_t seq; /* rises in the order they were made in */
    const char *id, *workspace_id, *destination_id, *event_id, *type;
    const char *resource; /* whose order is kept; "": nobody's */
    const char *status, *body;
    int64_t attempts;               /* ever made */
    int64_t tries;                  /* since it was last begun: the place in the schedule */
    int64_t next_ms;                /* not before */
    int64_t settled_ms, created_ms; /* settled 0: waiting or retrying */
    const char *trace;              /* it is part of, as trace_keep has it; NULL: none is known */
};

/* *is_new false when this destination has that event already. seq is given by the store. */
enum err delivery_row_insert(struct ctx *ctx, struct db_conn *tx, const struct delivery_row *row,
                             bool *is_new);
/* found->id NULL when there is none. */
enum err delivery_row_find(struct ctx *ctx, struct db_conn *c, const char *destination_id,
                           const char *id, struct delivery_row *found);

struct delivery_filter {
    const char *status, *type; /* NULL: any */
    const char *before_id;     /* NULL: from the newest */
};
/* end: where the page ends that has fewer rows than limit (page.h). */
enum err delivery_rows_list(struct ctx *ctx, struct db_conn *c, const char *destination_id,
                            const struct delivery_filter *filter, int limit,
                            struct delivery_row *out, size_t *count, struct page_end *end);

/* The deliveries of one event, to all destinations of the workspace. */
enum err delivery_rows_of_event(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                const char *event_id, int limit, struct delivery_row *out,
                                size_t *count);

/* The oldest deliveries that may be sent now; of each resource only the first that is not
 * settled. */
enum err delivery_rows_due(struct ctx *ctx, struct db_conn *c, const char *destination_id,
                           int64_t now_ms, int limit, struct delivery_row *out, size_t *count);
/* When the first may be sent, 0: now; INT64_MAX when there is none. */
enum err delivery_rows_next_due(struct ctx *ctx, struct db_conn *c, const char *destination_id,
                                int64_t *at_ms);
/* Writes status, attempts, tries, next and settled of that id. */
enum err delivery_row_settle(struct ctx *ctx, struct db_conn *tx, const struct delivery_row *row);
/* Holds deliveries of the destination that are not settled, up to limit; db_changes says how many. */
enum err delivery_rows_hold(struct ctx *ctx, struct db_conn *tx, const char *destination_id,
                            int64_t now_ms, int limit);
/* Makes held and failed deliveries made since then wait again, up to limit, as above. */
enum err delivery_rows_release(struct ctx *ctx, struct db_conn *tx, const char *destination_id,
                               int64_t since_ms, int limit);

struct attempt_row {
    int64_t number, at_ms, duration_ms;
    int64_t status_code; /* 0: no answer came */
    const char *error;   /* NULL: it was taken */
};
enum err attempt_row_insert(struct ctx *ctx, struct db_conn *tx, const char *delivery_id,
                            const struct attempt_row *row);
/* The newest first. */
enum err attempt_rows_list(struct ctx *ctx, struct db_conn *c, const char *delivery_id, int limit,
                           struct attempt_row *out, size_t *count);

/* Deletes settled ones made before that, up to limit. */
enum err delivery_rows_sweep(struct ctx *ctx, struct db_conn *tx, int64_t before_ms, int limit);
enum err delivery_rows_count_open(struct ctx *ctx, struct db_conn *c, int64_t *out);
