/* matching: is what a provider has, and what one of our requests may have made, certainly that?
 *
 * Twilio keeps no data of ours with a call or a text, so that a list of what could be it is all
 * there is to ask. Only one that nobody else of ours has, and that nobody else of ours could have
 * made, is taken. Everything else stays unknown: its callback may still tell. */
#pragma once

#include "db/db.h"
#include "providers/twilio_search.h"

/* Wall clock, Unix ms. */
struct matching_span {
    int64_t since_ms, until_ms;
};

/* When an operation that was sent then can have made something, by our clock. */
struct matching_span matching_run(int64_t sent_ms);
/* The span in which another row of ours must have been made to be a rival: its request could have
 * produced the same call or text. */
struct matching_span matching_rivals(int64_t sent_ms);

/* Does another row than except_id have this id, in any workspace? */
typedef enum err matching_taken_fn(struct ctx *ctx, struct db_conn *c, const char *provider,
                                   const char *provider_id, const char *except_id, bool *taken);

/* Pure: the match, or NULL. taken: one for each of m; others: of our rows of which nobody knows
 * what became, and which could have made the same. */
const struct twilio_match *matching_only(const struct twilio_matches *m, const bool *taken,
                                         int64_t others);

/* *facts stays NULL when it is not certain; *is_absent: none of them could be it. */
enum err matching_find(struct ctx *ctx, const struct twilio_matches *m, const char *row_id,
                       matching_taken_fn *is_taken, int64_t others, const void **facts,
                       bool *is_absent);
