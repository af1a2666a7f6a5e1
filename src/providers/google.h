/* google: the Google Calendar API, v3.
 *
 * Scopes, paging and errors as in developers.google.com/workspace/calendar/api/v3/reference. Every entry of the
 * page of a list may be missing anything but its id. */
#pragma once

#include "providers/calendar.h"
#include "providers/refusal.h"

extern const struct dialect_calendar GOOGLE_CALENDAR;

/* By reason of the first error, since a 403 may mean the pace, the scope or this one request. */
void google_judge(struct ctx *ctx, int status, const json_t *said, struct refusal *out);
