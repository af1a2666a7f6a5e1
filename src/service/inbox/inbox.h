/* inbox: working on what providers sent, once it is on disk (RESILIENCE 11).
 *
 * One job per workspace goes through its unsettled events, oldest first, a batch per turn: what an
 * event says is applied to our rows in the transaction that settles it, so that it counts once. An
 * event that fails is tried again after 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 6 h and 12 h, and
 * holds back only those of its own call or message; then it is dead, and waits for a replay. What
 * cannot be read is dead at once. */
#pragma once

#include "obs/ctx.h"
#include "tasks/kinds.h"

extern const struct job_kind INBOX_JOB;

/* At a start and now and then: jobs for all events that wait and have none. */
enum err inbox_recover(struct ctx *ctx);
