/* notices: does what rules say with what happened (tasks/happened.h), beside everything else.
 *
 * A use becomes a text or a mail of the workspace, an operation like any other: its intent, the message and the use are
 * written in one transaction, so that it goes out once whatever breaks. Or it is written down why nothing went out. In
 * all, NOTICES_PER_HOUR go out of a workspace in an hour, and of a rule one an hour about each caller to each recipient. */
#pragma once

#include "tasks/kinds.h"

enum { NOTICES_PER_HOUR = 100 };

extern const struct job_kind NOTICES_JOB;

/* How many went out of the asker's workspace within the last hour. */
enum err notices_sent(struct ctx *ctx, int64_t *count);

/* For upstream_on_moved: how the connections of a workspace (NULL: of all) fare has changed. Quick. */
void notices_moved(const struct parts *parts, const char *workspace_id);

/* Deletes some uses older than RULE_USES_KEPT_DAYS; called now and then. */
enum err notices_forget_old(struct ctx *ctx, int64_t within_ms, bool *is_done);
