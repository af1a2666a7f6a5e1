/* call_limits: what a workspace, and each of its numbers, may take; and what a day took.
 *
 * number is E.164, or "" for the workspace as a whole. Days are counted from 1970-01-01, UTC, by
 * when a call was asked for. */
#pragma once

#include "db/db.h"

enum { CALL_NO_LIMIT = -1 };

struct call_limits_row {
    const char *workspace_id; /* NULL: nobody set any */
    const char *number;
    int64_t daily_minutes, daily_cost_cents, concurrent_calls; /* or CALL_NO_LIMIT */
    int64_t assistant_seconds; /* how long a call of the assistant lasts at most, as last seen */
    int64_t version, created_ms, updated_ms;
};

/* Has it a budget for the day? */
bool call_limits_row_is_daily(const struct call_limits_row *row);

enum err call_limits_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                              const char *number, struct call_limits_row *found);
/* *seconds: how long a call of the workspace's assistant lasts at most, as last seen; 0 when neither the
 * workspace nor any of its numbers has a budget for the day. */
enum err call_limits_rows_length(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                 int64_t *seconds);
enum err call_limits_row_put(struct ctx *ctx, struct db_conn *tx,
                             const struct call_limits_row *row);
/* Stores it with all limits of the workspace and its numbers. */
enum err call_limits_row_learn_length(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                                      int64_t seconds);

struct call_day {
    int64_t seconds, cost_micros;              /* of calls that ended */
    int64_t reserved_seconds, reserved_micros; /* of calls that go on */
    int64_t alerted;                           /* bits of enum call_alert */
};
enum call_alert { CALL_ALERT_MINUTES = 1, CALL_ALERT_COST = 2 };

int64_t call_day_of(int64_t unix_ms);
enum err call_day_read(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                       const char *number, int64_t day, struct call_day *out);
/* Adds to what the day took; either may be negative. */
enum err call_day_add(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                      const char *number, int64_t day, int64_t seconds, int64_t cost_micros);
enum err call_day_alert(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                        const char *number, int64_t day, int64_t alerted);

/* What one call reserves and what was booked for it. */
struct call_book {
    const char *line;
    int64_t reserved_seconds, reserved_micros, booked_seconds, booked_micros;
};
enum err call_book_find(struct ctx *ctx, struct db_conn *c, const char *call_id,
                        struct call_book *out);
enum err call_book_put(struct ctx *ctx, struct db_conn *tx, const char *call_id,
                       const struct call_book *book); /* but for line */
