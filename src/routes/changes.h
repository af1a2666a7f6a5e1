/* changes: tells the pages of a workspace that somebody changed what it keeps.
 *
 * For what has no event of its own in the stream: one event "changed" with a word for what to read
 * anew, never its content. */
#pragma once

#include "routes/entry.h"

/* After a request to that route was answered well. Quick; publishes nothing for routes that change
 * nothing, or tell it themselves. */
void changes_tell(struct ctx *ctx, const struct route *route);

/* The same for another workspace than the asker's: whoever joins one is told to those who are there. */
void changes_tell_to(struct ctx *ctx, const char *workspace_id, const char *what);
