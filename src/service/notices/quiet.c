#include "service/notices/quiet.h"

#include <string.h>

enum { MINUTE_MS = 60 * 1000 };
static const int64_t DAY_MS = INT64_C(24) * 3600 * 1000;

bool quiet_parse(const char *text, int *minutes) {
    int64_t hour, minute;
    if (!text || strlen(text) != 5 || text[2] != ':' ||
        !str_to_i64((struct str){ text, 2 }, 0, 23, &hour) ||
        !str_to_i64((struct str){ text + 3, 2 }, 0, 59, &minute))
        return false;
    *minutes = (int)(hour * 60 + minute);
    return true;
}

static bool holds(const struct quiet_hours *q, int minute) {
    return q->from_min < q->to_min ? minute >= q->from_min && minute < q->to_min
                                   : minute >= q->from_min || minute < q->to_min;
}

int64_t quiet_until(const struct quiet_hours *q, struct zone *zone, int64_t now_ms) {
    int64_t local_ms = now_ms + (int64_t)zone_offset_s(zone, now_ms) * 1000;
    int minute = (int)(local_ms % DAY_MS / MINUTE_MS);
    if (!holds(q, minute))
        return 0;
    int64_t end_ms = local_ms - local_ms % DAY_MS + (int64_t)q->to_min * MINUTE_MS;
    if (end_ms <= local_ms)
        end_ms += DAY_MS;
    int64_t until_ms = zone_from_local_ms(zone, end_ms);
    /* The end is shown twice that day, and this is the second time round. */
    return until_ms > now_ms ? until_ms : now_ms + (end_ms - local_ms);
}
