/* call_apply: merges what a provider says of a call into our row: one set of rules for answers and
 * webhooks alike, in whatever order they come. */
#pragma once

#include "providers/call_facts.h"
#include "store/calls.h"

/* Merges facts into the row; true when that changed it. A status only moves to a higher rank, exact
 * times replace those guessed from when we heard, and all else is kept once it is known. New texts
 * of the row are lent from facts. */
bool call_facts_apply(struct call_row *row, const struct call_facts *facts);
