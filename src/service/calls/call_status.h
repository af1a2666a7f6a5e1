/* call_status: which status of a call is further on.
 *
 * Providers' webhooks come in any order, and beside answers that were asked for: a status of a
 * lower rank never overwrites one of a higher, and of those that end it the first stays. The ranks
 * are the dialect's. */
#pragma once

#include <stdbool.h>

#include "providers/upstream.h"
#include "store/calls.h"

/* Ava's own ("requested", "unknown", "unconfirmed") and words nobody documented have rank 0. */
int call_status_rank(enum provider p, const char *status);

/* May the row go from one to the other? NULL stands for no status. */
bool call_status_follows(enum provider p, const char *from, const char *to);

bool call_status_is_last(enum provider p, const char *status); /* the call is over */

/* The call has ended, or it never was: refused, or ended while it waited. */
bool call_is_over(const struct call_row *row);
