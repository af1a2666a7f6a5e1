/* bookings: rows of appointments that Ava made. What they say is sealed. */
#pragma once

#include "store/sealed.h"

struct booking_row {
    const char *id, *workspace_id, *operation_id, *provider;
    const char *calendar_id; /* "primary": the account's own */
    const char *event_id;    /* the provider's; NULL: it has not told */
    const char *status; /* "requested", "booked", "failed", "unknown", "unconfirmed", "canceled" */
    const char *call_id, *caller; /* for whom; NULL: nobody called */
    int64_t starts_ms, ends_ms, created_ms, updated_ms;
    struct str sealed;
};

struct sealed_place booking_row_place(const struct booking_row *row);
enum err booking_row_insert(struct ctx *ctx, struct db_conn *tx, const struct booking_row *row);
/* Writes event_id (where it is not NULL) and status of that id. */
enum err booking_row_update(struct ctx *ctx, struct db_conn *tx, const struct booking_row *row);
enum err booking_row_delete(struct ctx *ctx, struct db_conn *tx, const char *id);
/* found->id NULL when there is none. workspace_id NULL: of any. */
enum err booking_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                          const char *id, struct booking_row *found);
/* Those of an event of the provider's are canceled; also when nobody knows of any. */
enum err booking_rows_cancel(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                             const char *provider, const char *event_id, int64_t now_ms);
/* Has the row's calendar something else in the row's time that Ava is booking, or has booked so lately that a look at
 * the calendar may not have shown it? */
enum err booking_rows_overlap(struct ctx *ctx, struct db_conn *tx, const struct booking_row *row,
                              bool *found);
/* Of a caller, booked and not over yet, the next first. */
enum err booking_rows_of_caller(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                const char *caller, int64_t now_ms, int limit,
                                struct booking_row *out, size_t *count);
