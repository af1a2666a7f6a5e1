#include "providers/calendar_time.h"

#include <string.h>

#include "base/clock.h"

enum { AHEAD_MS = 14 * 3600 * 1000, BEHIND_MS = 12 * 3600 * 1000 };

bool calendar_time(struct arena *a, const char *date_time, const char *zone, const char **text,
                   int64_t *ms) {
    char shown[32];
    *ms = 0;
    *text = date_time;
    if (!date_time)
        return false;
    if (clock_parse_rfc3339(date_time, strlen(date_time), ms))
        return true;
    if (!zone_parse_local(str_of(date_time), ms))
        return false;
    struct zone *z = zone ? zone_open_windows(a, str_of(zone)) : NULL;
    if (!z)
        return false;
    *ms = zone_from_local_ms(z, *ms);
    zone_rfc3339(z, *ms, shown);
    *text = arena_strdup(a, shown);
    return true;
}

const char *calendar_date(struct arena *a, const char *text, int64_t *ms) {
    size_t len = text ? strlen(text) : 0;
    struct str date = { text, len > 10 && text[10] == 'T' ? 10 : len };
    return text && zone_parse_date(date, ms) ? str_dup(a, date) : NULL;
}

void calendar_takes(const struct calendar_event *e, struct zone *zone, struct calendar_busy *out) {
    *out = (struct calendar_busy){ e->start_ms, e->end_ms };
    if (e->is_all_day) {
        out->start_ms = zone_from_local_ms(zone, e->start_ms);
        out->end_ms = zone_from_local_ms(zone, e->end_ms);
    } else if (!e->is_placed) {
        out->start_ms -= AHEAD_MS;
        out->end_ms += BEHIND_MS;
    }
}
