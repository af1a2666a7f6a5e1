/* call_apply: what a provider tells of a call, into our row of it; the one set of rules for answers
 * and webhooks alike, in whatever order they come. */
#pragma once

#include "providers/call_facts.h"
#include "store/calls.h"

/* What was told once stays, unless something later knows better: a status only goes on, exact times
 * replace those that were guessed from when we heard. True when the row is another one now; its
 * texts are lent from facts. */
bool call_facts_apply(struct call_row *row, const struct call_facts *facts);
