/* call_length: how long a call may last at most, which is what it reserves of a day's budget. What
 * is reserved is also what the provider is told, so that no call can take more. */
#pragma once

#include "db/db.h"
#include "service/connections/lending.h"

enum { CALL_LENGTH_DEFAULT_S = 600 }; /* Vapi's own, where the assistant does not say */

/* Of a call that this assistant makes; 0 where no daily limit of the workspace needs to know. Asks
 * Vapi (or the cache), and where that fails takes what was last known. */
enum err call_length_of(struct ctx *ctx, const struct lent *lent, const char *assistant_id,
                        int64_t *seconds);
/* Of the assistant that answers calls which come in: asked for when a limit is set, within two
 * seconds, or told when it is changed here. What cannot be learned now is learned with the next
 * call. */
void call_length_refresh(struct ctx *ctx);
void call_length_learn(struct ctx *ctx, int64_t seconds);
/* The same without asking anybody, for calls that come in. */
enum err call_length_known(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           int64_t *seconds);
