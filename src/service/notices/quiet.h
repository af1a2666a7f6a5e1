/* quiet: hours in which nobody is written to. Pure, with the time zone passed in. */
#pragma once

#include "base/zone.h"

struct quiet_hours {
    int from_min, to_min; /* minutes of the day; to may be smaller: over midnight */
};

/* "22:00" to minutes. False: it is none. */
bool quiet_parse(const char *text, int *minutes);
/* When the quiet that holds at now_ms ends, Unix ms; 0: it is not quiet. Where clocks are set forward over the end, it
 * ends when they are; where they are set back over it, at the first of both. */
int64_t quiet_until(const struct quiet_hours *q, struct zone *zone, int64_t now_ms);
