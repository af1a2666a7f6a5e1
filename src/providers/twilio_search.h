/* twilio_search: what Twilio has that one request of ours may have made.
 *
 * API 2010-04-01 takes no idempotency key and keeps no data of ours, so that numbers, words and
 * times are all there is to go by. */
#pragma once

#include "providers/twilio.h"

enum { TWILIO_PAGE = 100 };

/* What to look for: what a request of ours whose outcome is unknown may have made. Between these
 * numbers, from since_ms to until_ms (wall clock; ours and Twilio's may differ by a minute). */
struct twilio_search {
    const char *to, *from;
    const char *body; /* NULL: whatever it says */
    int64_t since_ms, until_ms;
};

/* A call or a text of Twilio's. */
struct twilio_match {
    const char *provider_id, *to, *from, *body; /* body NULL: it has none */
    int64_t made_ms;
    const void *facts; /* struct call_facts or message_facts, the arena's */
};

/* Reads one of a list; false when it is none of the kind. */
typedef bool twilio_match_fn(struct ctx *ctx, const json_t *one, struct twilio_match *out);

struct twilio_matches {
    struct twilio_match list[TWILIO_PAGE];
    size_t count;
    bool is_whole; /* there can be no more than these */
};

struct twilio_list {
    const char *operation; /* for metrics: "call.list" */
    const char *path;      /* "/Calls.json" */
    const char *filter;    /* "StartTime>": from when on */
    const char *member;    /* "calls": what the answer calls them */
    twilio_match_fn *read;
};

/* Asks Twilio for a page of the list and picks what fits. Twilio filters by number and by start
 * time; what still waits in its queue has no start time. */
enum err twilio_find(struct ctx *ctx, const struct upstream_credential *c, const char *account_sid,
                     const struct twilio_list *list, const struct twilio_search *search,
                     struct twilio_matches *out);

/* Those of a page of Twilio's that fit; false when it is no such page. */
bool twilio_pick(struct ctx *ctx, const json_t *page, const struct twilio_list *list,
                 const struct twilio_search *search, struct twilio_matches *out);
