/* message_status: which status of a text is further on.
 *
 * Status callbacks come in any order, and beside answers that were asked for: a status of a lower
 * rank never overwrites one of a higher, and of those that end it the first stays; but a text that
 * was delivered may still be read. The ranks are the dialect's. */
#pragma once

#include <stdbool.h>

#include "obs/provider.h"

/* Ava's own ("requested", "unknown", "unconfirmed") and words nobody documented have rank 0. */
int message_status_rank(enum provider p, const char *status);

/* May the row go from one to the other? NULL stands for no status. */
bool message_status_follows(enum provider p, const char *from, const char *to);

bool message_status_is_last(enum provider p,
                            const char *status); /* the text changes no more, but for "read" */
