/* bookings: appointments that Ava makes, once whatever breaks: an operation without look_up, since the provider
 * takes the operation's id as the event's own (Google) or as its transaction (Microsoft), so that the same may be
 * sent again until it confirms. */
#pragma once

#include "base/jsonw.h"
#include "providers/calendar.h"
#include "store/bookings.h"
#include "tasks/operations.h"

enum {
    BOOKING_TITLE_MAX = 300,
    BOOKING_TEXT_MAX = 8000,
    BOOKING_PLACE_MAX = 500,
    BOOKING_GUESTS_MAX = 50,
    BOOKING_DAYS_MAX = 14,
};

struct booking_order {
    const char *calendar_id; /* NULL: the account's own */
    struct calendar_draft draft;
    const char *call_id, *caller; /* for whom; NULL: nobody called */
    bool
        is_alone; /* not where Ava has booked something else in that calendar: ERR_INVALID on "start" */
};

/* Makes it, as an operation. out->shown: the booking as JSON. */
enum err booking_place(struct ctx *ctx, enum provider p, const struct booking_order *order,
                       enum operation_patience patience, const struct id *claim,
                       struct operation_end *out);
enum err booking_change(struct ctx *ctx, enum provider p, const char *calendar_id,
                        const char *event_id, const struct calendar_draft *draft,
                        struct calendar_event *out);
/* Also OK when it is gone already. */
enum err booking_cancel(struct ctx *ctx, enum provider p, const char *calendar_id,
                        const char *event_id);

/* What Ava booked for a number that called, and that is still to come, the next first. */
enum err bookings_of(struct ctx *ctx, const char *caller, int limit, struct booking_row *out,
                     size_t *count);

extern const struct operation_kind BOOK_GOOGLE, BOOK_MICROSOFT;
