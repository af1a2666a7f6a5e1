/* twilio_search: what Twilio has that one request of ours may have made.
 *
 * API 2010-04-01 takes no idempotency key and keeps no data of ours, so that numbers, words and
 * times are all there is to go by. */
#pragma once

#include "providers/twilio.h"

/* What was probably made by one request of ours, of which nobody knows: between these numbers, not
 * before since_ms and not after until_ms (wall clock; ours and Twilio's may differ by a minute). */
enum { TWILIO_PAGE = 100 };

struct twilio_search {
    const char *to, *from;
    const char *body; /* NULL: whatever it says */
    int64_t since_ms, until_ms;
};

struct twilio_matches {
    const json_t *list[TWILIO_PAGE]; /* facts, with "provider_id" */
    size_t count;
    bool is_whole; /* there can be no more than these */
};

/* list "/Calls.json", filter "StartTime>": Twilio filters by number and by when it began, which is
 * nothing for what still waits in its queue. digest makes twilio_found of the answer. */
enum err twilio_find(struct ctx *ctx, struct upstream_request *req, const char *account_sid,
                     const char *list, const char *filter, const struct twilio_search *search,
                     struct twilio_matches *out);

/* Those of a page that twilio_found made which fit. */
void twilio_pick(struct ctx *ctx, struct str page, const struct twilio_search *search,
                 struct twilio_matches *out);

/* A page of them under this name, as {"is_whole","found":[facts with "to","from","body","made_at"]} */
bool twilio_found(struct ctx *ctx, struct str body, const char *name, twilio_facts_fn *write,
                  struct str *kept);
