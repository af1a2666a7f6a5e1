/* free: when nobody has anything in several calendars, in working hours. A calendar that could not be read is
 * never free. */
#pragma once

#include "base/zone.h"
#include "providers/calendar.h"

enum {
    FREE_CALENDARS_MAX = 20,
    FREE_DAYS_MAX = 62,
    FREE_SLOTS_MAX = 200,
    FREE_MINUTES_MIN = 5,
    FREE_MINUTES_MAX = 24 * 60,
};

struct free_query {
    const char *calendars[FREE_CALENDARS_MAX]; /* NULL: the account's own */
    size_t calendar_count;
    int64_t from_ms, to_ms;
    int minutes;                   /* how long a slot is to be */
    int step_minutes;              /* slots begin so far apart */
    int gap_minutes;               /* and keep so much from what is there */
    int opens_minute, ends_minute; /* of a day, by the clocks of the zone */
    unsigned days;                 /* bit 0: Monday, ... 6: Sunday */
    const char *time_zone;         /* IANA */
    int limit;
};

struct free_answer {
    struct calendar_busy *slots; /* the arena's */
    size_t count;
    bool is_more; /* there are others behind them */
    struct calendar_times
        *calendars; /* as they were read; those with a failure make all of it unknown */
    size_t calendar_count;
    bool is_known;
};

/* "09:00-17:00", at most "00:00-24:00"; minutes of a day. False: it is none. */
bool free_hours_read(const char *text, int *opens_minute, int *ends_minute);
/* "mon,tue,wed", in any case; bit 0: Monday. False: one is none, or there is none. */
bool free_days_read(const char *text, unsigned *days);

/* Asks the provider, past the cache. */
enum err free_find(struct ctx *ctx, enum provider p, const struct free_query *q,
                   struct free_answer *out);

/* The slots between what is busy; busy is sorted by this. Fills out->slots, count and is_more. */
void free_between(struct arena *a, struct zone *zone, const struct free_query *q,
                  struct calendar_busy *busy, size_t busy_count, struct free_answer *out);
