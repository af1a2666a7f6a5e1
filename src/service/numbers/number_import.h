/* number_import: brings numbers of the workspace's Twilio account into Ava's care, as an operation of
 * steps (see "A kind without look_up" in operations.h).
 *
 * Of each number: its routes are read and remembered; then those that shall lead to Ava are set; and
 * where Vapi shall answer, it is imported there, whereupon what Vapi has rewritten but must be
 * Ava's is set again. Every step is written down before and after, is told to those who watch, and
 * is in the audit log where it changes something. A number that cannot be brought in is put back as
 * it was, alone; the operation then fails and says which, while the others stay.
 *
 * A way of a number that leads to another system is not taken without "overwrite": the order is
 * refused, and names each such number. */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "tasks/operations.h"

enum { NUMBERS_MAX = 20 }; /* at once: 20 of them are through well within a run */

extern const struct operation_kind NUMBER_IMPORT;

/* body: {"numbers":[sid or E.164],"dry_run"?,"overwrite"?,"vapi"?,"sms_via_vapi"?}. With dry_run
 * nothing is placed, and *plan is {"plan":[{"number","provider_id","is_blocked","steps":[{"step",
 * "changes":[]}],"warnings":[{"code","way","who","detail"}]}]}; else *plan stays as it was.
 * ERR_INVALID names every number that the account does not have, that is being imported already, or
 * that leads elsewhere. */
enum err number_import_place(struct ctx *ctx, const json_t *body, const struct id *claim,
                             struct str *plan, struct operation_end *out);

/* Takes a number out of Ava's care: it leads again where it did before, in ways that nobody else
 * has changed meanwhile, and leaves Vapi when Ava brought it there. Repeatable: what failed half
 * way goes on. Writes {"id","restored":["calls"],"left":["texts"]}. */
enum err number_release(struct ctx *ctx, const char *id, struct jsonw *w);
