/* operation_pass: one pass over a provider's list looks for all unknown operations of a workspace
 * (RESILIENCE 4), instead of a request for each of them.
 *
 * Private to the files of operations. Each operation is settled in a transaction of its own: what a
 * pass that breaks off has not come to is still unknown, with its job, and looked for by the next. */
#pragma once

#include "tasks/operation_run.h"

/* The work of a job whose operation is unknown: looks for it, and beside it for all others of its
 * workspace and kind whose outcome is unknown. Another pass of theirs may be under way: then the
 * operation is left to that one. */
enum err operation_pass(struct operation_run *first);
