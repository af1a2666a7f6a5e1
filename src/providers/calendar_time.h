/* calendar_time: a time as calendars of others write it. */
#pragma once

#include "base/zone.h"
#include "providers/calendar.h"

/* Reads a "dateTime" with the name of its zone, an IANA or a Windows one, into text (RFC 3339 with an offset, the
 * arena's; or as it came, where the zone is none) and ms. False: it is no time, or nobody knows when it is; then
 * *ms is as if it were UTC, where it is a time. */
bool calendar_time(struct arena *a, const char *date_time, const char *zone, const char **text,
                   int64_t *ms);

/* "2026-11-20" of a date, or of a time that begins with one; NULL when it is none. */
const char *calendar_date(struct arena *a, const char *text, int64_t *ms);

/* When an event takes the time, as far as that can be said: days by the clocks of the zone; what nobody can place
 * takes all it could take (clocks differ by up to 14 hours from UTC). */
void calendar_takes(const struct calendar_event *e, struct zone *zone, struct calendar_busy *out);
