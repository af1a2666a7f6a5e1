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
    bool is_unbounded; /* asks for all of these numbers: nothing that still waits is passed over */
    int page;          /* how many at once; 0: TWILIO_PAGE */
};

/* A call or a text of Twilio's. */
struct twilio_match {
    const char *provider_id, *to, *from, *body; /* body NULL: it has none */
    const char *direction;                      /* "outbound-api", ...; NULL: not said */
    int64_t made_ms;
    const void *facts; /* struct call_facts or message_facts, the arena's */
};

/* Reads one of a list; false when it is none of the kind. */
typedef bool twilio_match_fn(struct ctx *ctx, const json_t *one, struct twilio_match *out);

struct twilio_matches {
    struct twilio_match list[TWILIO_PAGE];
    size_t count;
    bool is_whole; /* there can be no more than these */
    /* One of them could be it and is not, as far as can be seen: it has another text, or does not say
     * what it is. Then nothing proves that it is absent. */
    bool is_unclear;
};

struct twilio_list {
    const char *operation; /* for metrics: "call.list" */
    const char *path;      /* "/Calls.json" */
    const char *filter;    /* "StartTime>": from when on */
    const char *member;    /* "calls": what the answer calls them */
    twilio_match_fn *read;
    const char *const *paths; /* what read looks at, and "next_page_uri" */
};

/* Asks Twilio for a page of the list and picks what fits. Twilio filters by number and by start
 * time; what still waits in its queue has no start time. */
enum err twilio_find(struct ctx *ctx, const struct upstream_credential *c, const char *account_sid,
                     const struct twilio_list *list, const struct twilio_search *search,
                     struct twilio_matches *out);

/* What Twilio has since some time, whatever its numbers: many requests choose from it. */
struct twilio_listed {
    struct twilio_match *list;
    size_t count;
    bool is_whole; /* there is no more since then */
    bool is_odd;   /* some of it could not be read */
};
/* Asks for all of the list since since_ms (wall clock), page by page, up to a bound. */
enum err twilio_list_since(struct ctx *ctx, const struct upstream_credential *c,
                           const char *account_sid, const struct twilio_list *list,
                           int64_t since_ms, struct twilio_listed *out);
/* Those of the list that fit, by the rules of twilio_find. */
void twilio_choose(struct ctx *ctx, const struct twilio_listed *listed,
                   const struct twilio_search *search, struct twilio_matches *out);

/* Do two texts say the same? Blanks and typographic signs count as equal, and what a trial account puts
 * in front of a text is left out. */
bool twilio_same_text(struct ctx *ctx, const char *shown, const char *sent);

/* Those of a page of Twilio's that fit; false when it is no such page. */
bool twilio_pick(struct ctx *ctx, const json_t *page, const struct twilio_list *list,
                 const struct twilio_search *search, struct twilio_matches *out);
