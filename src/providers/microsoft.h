/* microsoft: calendars in Microsoft Graph, v1.0 (learn.microsoft.com/graph/api/resources/calendar).
 *
 * Times are asked for in UTC; a mailbox may answer in a zone of its own all the same, and then names it as Windows
 * does, or as nobody else does ("Customized Time Zone"). Whole days are always from midnight to midnight, in
 * whatever zone. A create with a transactionId that was used is answered with the event that it made. */
#pragma once

#include "providers/calendar.h"
#include "providers/refusal.h"

extern const struct dialect_calendar MICROSOFT_CALENDAR;

/* By error.code. */
void microsoft_judge(struct ctx *ctx, int status, const json_t *said, struct refusal *out);
