/* calendar_events: what stands in somebody's calendar, by pages of our own.
 *
 * A cursor knows the provider's token of the page, what of that page was shown, and which event was the last. When
 * the provider takes the token no more, the place is found again by that event. */
#pragma once

#include "providers/calendar.h"

/* Has the provider calendars? */
bool calendars_has(enum provider p);

enum { EVENTS_PAGE_MAX = 100, EVENTS_DAYS_MAX = 366, EVENTS_DAYS_DEFAULT = 30 };

struct events_query {
    const char *calendar_id; /* NULL: the account's own */
    int64_t from_ms, to_ms;  /* 0: now, and EVENTS_DAYS_DEFAULT later */
    int limit;
    const char *cursor; /* NULL: from the first */
};

struct events_page {
    struct str json; /* {"events":[...],"next_cursor":...} */
    struct upstream_answer answer;
};

/* ERR_INVALID on "cursor", "from" and "to". */
enum err calendar_events_list(struct ctx *ctx, enum provider p, const struct events_query *q,
                              struct events_page *out);

enum err calendars_list(struct ctx *ctx, enum provider p, struct calendar_entry *out, size_t room,
                        size_t *count);
