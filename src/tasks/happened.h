/* happened: tells the rules of a workspace that something happened.
 *
 * Each rule that waits for it gets one use per recipient, written in the transaction in which it happens, so that nothing
 * is forgotten and nothing is done twice; a job (NOTICES_JOB_NAME) works on them beside. What it is called by, the cause,
 * says what is the same: a call that is told of three times, or an event that is replayed, makes no second use. What a
 * rule itself sent sets no rule off. */
#pragma once

#include "store/rules.h"

struct happening {
    const char *event;      /* "call.missed" */
    const char *cause;      /* what it was, within the workspace: "vapi:..." */
    const char *who, *line; /* who called or wrote, and to which number of ours; NULL: nobody */
    const char *call_id, *message_id, *event_id; /* NULL: it is about none */
    const char *reason, *direction;              /* of a call that ended */
    const char *said;                            /* a sentence for people; NULL: none */
    const char *provider, *resource; /* what it is about at the provider; NULL: nothing */
    int64_t at_ms; /* 0: now; what happened before a rule was switched on is nothing to it */
};

/* The events that rules may wait for, in their order; ended by NULL. */
extern const char *const HAPPENINGS[];

/* Within a write. Call jobs_wake after the commit. */
enum err happened(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                  const struct happening *h);
