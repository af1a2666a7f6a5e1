/* pretend_calendar: the calendars behind a pretend Google and a pretend Microsoft: accounts with demo events, pages,
 * and what people and tests do to them beside the API.
 *
 * An event is {"id","calendar","title","start_ms","end_ms","days" (it lasts whole days),"zone","kind" (as
 * providers/calendar.h),"status","free","series","location","description","attendees","raw"}; raw: it is told
 * exactly so. */
#pragma once

#include "sandbox/pretend.h"

enum { PRETEND_PAGE_MAX = 2500 };

/* {"calendars": [{"id","name","primary","can_write","zone"}], "events": {id: event}}; made at its first use. The
 * account's own calendar has the account's address for its id. */
json_t *pretend_calendar_account(struct pretend_world *world, struct arena *a, const char *account);

/* The calendar of that id; NULL or "primary": the account's own. NULL: it has none of that id. */
const json_t *pretend_calendar_find(const json_t *account, const char *id);
bool pretend_calendar_unreadable(struct pretend_world *world, const char *id);

/* The events that touch the span, by their start; a new reference. */
json_t *pretend_calendar_span(const json_t *account, const json_t *calendar, int64_t from_ms,
                              int64_t to_ms);

/* One page of such a list. token: NULL for the first one. False: the token is one no more. */
struct pretend_page {
    size_t from, to;  /* of the list */
    const char *next; /* NULL: it is the last */
};
bool pretend_calendar_page(struct pretend_world *world, struct arena *a, const json_t *list,
                           const char *token, int64_t asked, struct pretend_page *out);

/* For pretend.stage: settings, revoke, expire, stale, events, grants. */
enum err pretend_calendar_stage(struct pretend_world *world, struct ctx *ctx,
                                const struct http_req *req, struct str tail, json_t *body,
                                struct http_reply *reply);
