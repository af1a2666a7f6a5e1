/* calendar: what calendars of different providers have in common, and what one provider does for them.
 *
 * Times are RFC 3339 with an offset. Days of an event that lasts all day are dates, the end exclusive. A time whose
 * zone nobody knows stays as the provider wrote it, with that zone's name beside it, and is never guessed at. */
#pragma once

#include "base/jsonw.h"
#include "providers/upstream.h"

struct calendar_event {
    const char *id;
    const char *title;       /* NULL: it has none, or is private */
    const char *start, *end; /* as above */
    const char *time_zone;   /* as the provider names it; NULL: not told */
    const char *status;      /* "confirmed", "tentative", "canceled" */
    const char *kind; /* "default", "out_of_office", "focus_time", "working_location", "birthday" */
    const char *series_id; /* of what recurs; NULL: it happens once */
    const char *location, *link;
    bool is_all_day;
    bool is_busy;             /* it takes the time */
    bool is_placed;           /* start_ms and end_ms are known */
    int64_t start_ms, end_ms; /* Unix time; of days: as if they were UTC */
};

/* As the API has it; also what the cache keeps. */
void calendar_event_write(struct jsonw *w, const struct calendar_event *e);

struct calendar_entry {
    const char *id, *name;
    const char *time_zone; /* IANA; NULL: not told */
    bool is_primary, can_write;
};
enum { CALENDARS_MAX = 250 };

/* A page of events that touch the span, by their start. */
struct calendar_span {
    const char *calendar_id; /* NULL: the account's own */
    int64_t from_ms, to_ms;
    int limit;
    const char *token; /* of the page, as the provider gave it; NULL: the first */
};
struct calendar_page {
    struct upstream_answer answer; /* its body: {"events":[...],"next":...} */
};

/* What an appointment is to be, or (members that are NULL or 0 stay) to become. */
struct calendar_draft {
    const char *title, *description, *location;
    int64_t start_ms, end_ms;     /* 0 and 0: stays */
    const char *time_zone;        /* IANA; in which people see it */
    const char *const *attendees; /* e-mail addresses, ended by NULL; NULL: stays, or none */
};

struct calendar_busy {
    int64_t start_ms, end_ms;
};
/* What takes the time in one calendar. */
struct calendar_times {
    const char *calendar_id;
    const char *failure; /* why it could not be read, a clause for people; NULL: it was */
    struct calendar_busy *busy;
    size_t count;
};

struct dialect_calendar {
    /* Those of the account, at most room. */
    enum err (*list)(struct ctx *ctx, const struct upstream_credential *c,
                     struct calendar_entry *out, size_t room, size_t *count);
    /* From the cache where it may be. ERR_PROVIDER_RESOURCE_NOT_FOUND: there is no such calendar.
     * *is_stale: the provider takes the token no more, and nothing was read. */
    enum err (*events)(struct ctx *ctx, const struct upstream_credential *c,
                       const struct calendar_span *span, struct calendar_page *out, bool *is_stale);
    /* What is kept of a page as the provider sent it (struct calendar_page), of these paths of it. False: it is
     * none. */
    const char *const *page_paths;
    bool (*read_page)(struct ctx *ctx, const json_t *said, struct str *kept);
    /* Makes the event of that key (32 hex digits) once, however often it is asked for. */
    enum err (*insert)(struct ctx *ctx, const struct upstream_credential *c,
                       const char *calendar_id, const char *key, const struct calendar_draft *draft,
                       const struct upstream_watch *watch, struct calendar_event *out);
    enum err (*change)(struct ctx *ctx, const struct upstream_credential *c,
                       const char *calendar_id, const char *event_id,
                       const struct calendar_draft *draft, struct calendar_event *out);
    /* Also OK when it is gone already. */
    enum err (*remove)(struct ctx *ctx, const struct upstream_credential *c,
                       const char *calendar_id, const char *event_id);
    /* What takes the time of these calendars in the span, past the cache; zone: of those who ask, for events
     * that last whole days. One that cannot be read has its failure; an error is of all of them. */
    enum err (*busy)(struct ctx *ctx, const struct upstream_credential *c, int64_t from_ms,
                     int64_t to_ms, const char *zone, struct calendar_times *calendars,
                     size_t count);
    /* Whose account it is, for people: an e-mail address; "" when it does not tell. */
    enum err (*account)(struct ctx *ctx, const struct upstream_credential *c, const char **out);
};
