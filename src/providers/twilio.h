/* twilio: the dialect of Twilio's REST API 2010-04-01 (OpenAPI of 2026-04-14). */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "providers/upstream.h"

/* Numbers of the account, a page: out->body is {"numbers":[...],"next_cursor":...} as Ava's API
 * gives it. cursor NULL: the first page; else one that came from here (ERR_INVALID when not). */
enum err twilio_numbers_read(struct ctx *ctx, const struct upstream_credential *c,
                             const char *account_sid, int limit, const char *cursor,
                             struct upstream_answer *out);

/* Is the account there and active? *numbers: how many it has, up to 50. */
enum err twilio_check(struct ctx *ctx, const struct upstream_credential *c, const char *account_sid,
                      int *numbers);

bool twilio_is_account_sid(struct str text); /* "AC" and 32 hex digits */

/* --- what calls and texts share ---------------------------------------------------------------- */

/* A request to Twilio, not cached; the caller adds the rest. A POST carries a form. */
struct upstream_request twilio_request(const struct upstream_credential *c, const char *method,
                                       const char *operation, const char *path);
/* "name=value" of a form; nothing when value is NULL. */
void twilio_pair(struct buf *form, const char *name, const char *value);
const char *twilio_path(struct ctx *ctx, const char *account_sid, const char *tail);
/* kind "/Calls/": ".../Calls/{sid}.json" */
const char *twilio_thing_path(struct ctx *ctx, const char *account_sid, const char *kind,
                              const char *sid);

int64_t twilio_time(const char *text);                         /* RFC 2822; 0 when it is none */
const char *twilio_error_words(struct ctx *ctx, int64_t code); /* a sentence for people */

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

/* list "/Calls.json", filter "StartTime>". Twilio filters by number and by when it began, which is
 * nothing for what still waits in its queue. */
const char *twilio_search_path(struct ctx *ctx, const char *account_sid, const char *list,
                               const char *filter, const struct twilio_search *search);
/* page: {"is_whole","found":[facts with "to","from","body","made_at"]} */
void twilio_pick(struct ctx *ctx, struct str page, const struct twilio_search *search,
                 struct twilio_matches *out);
