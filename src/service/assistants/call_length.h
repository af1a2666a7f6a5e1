/* call_length: how long a call may last at most, which is what it reserves of a day's budget. What
 * is reserved is also what the provider is told, so that no call can take more. */
#pragma once

#include "db/db.h"
#include "service/connections/lending.h"

enum { CALL_LENGTH_DEFAULT_S = 600 }; /* Vapi's own, where the assistant does not say */

/* *seconds: the longest a call of this assistant may last; 0 where no daily limit needs to know.
 * Asks Vapi (or the cache), and where that fails takes what was last known. */
enum err call_length_of(struct ctx *ctx, const struct lent *lent, const char *assistant_id,
                        int64_t *seconds);
/* Store the length of calls of the assistant that answers inbound ones: refresh asks Vapi for it,
 * within two seconds, when a limit is set; learn takes it from a setting that was changed here.
 * What cannot be learned now is learned with the next call. */
void call_length_refresh(struct ctx *ctx);
void call_length_learn(struct ctx *ctx, int64_t seconds);
/* The stored length, without asking anybody, for calls that come in. */
enum err call_length_known(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           int64_t *seconds);
