/* matching: which of the calls or texts at Twilio did a request of ours make, for certain?
 *
 * Twilio keeps no data of ours with a call or a text, so all there is to ask for is a list of those
 * with the same numbers at that time. A match is accepted only when no other row of ours has it,
 * and no other row of ours could have made it. Otherwise the operation stays unknown: its callback
 * may still settle it. */
#pragma once

#include "db/db.h"
#include "providers/twilio_search.h"

/* Wall clock, Unix ms. */
struct matching_span {
    int64_t since_ms, until_ms;
};

/* The span, by our clock, in which an operation that was first sent at sent_ms can have made
 * something. */
struct matching_span matching_run(int64_t sent_ms);
/* The span in which another row of ours must have been made to be a rival: its request could have
 * produced the same call or text. */
struct matching_span matching_rivals(int64_t sent_ms);

/* Does another row than except_id have this id, in any workspace? */
typedef enum err matching_taken_fn(struct ctx *ctx, struct db_conn *c, const char *provider,
                                   const char *provider_id, const char *except_id, bool *taken);

/* Pure: the only match that is not taken, or NULL when there are more, rivals, or the list is cut.
 * taken: one for each of m. others: how many rows of ours, whose end is unknown, are rivals. */
const struct twilio_match *matching_only(const struct twilio_matches *m, const bool *taken,
                                         int64_t others);

/* Asks is_taken for each match, then decides as matching_only. *facts: of the match; untouched when
 * it is not certain. *is_absent: the list is whole, and all in it are taken by other rows. */
enum err matching_find(struct ctx *ctx, const struct twilio_matches *m, const char *row_id,
                       matching_taken_fn *is_taken, int64_t others, const void **facts,
                       bool *is_absent);
