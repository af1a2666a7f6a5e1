/* timeline: what happened to one call, in one list: who asked for it, each attempt and the state of
 * the breaker, the provider's webhooks, waits for a line, how it ended and who can mend that.
 *
 * All of it is read from our own rows; no provider is asked. Times are Unix ms of the wall
 * clock. */
#pragma once

#include "service/calls/calls.h"
#include "service/calls/ended.h"

struct timeline_entry {
    int64_t at_ms;
    /* "requested", "queued", "line", "sending", "retry", "succeeded", "failed", "unknown",
     * "unconfirmed", "webhook", "forwarded", "tool", "talking", "hangup", "notice", "ended" */
    const char *kind;
    const char *text;     /* one sentence for people */
    const char *event_id; /* of the inbox; NULL: none */
    const char *detail;   /* JSON object; NULL: nothing more to say */
};

enum { TIMELINE_EVENTS_MAX = 200, TIMELINE_STEPS_MAX = 200, TIMELINE_TOOLS_MAX = 50 };

struct timeline {
    struct call_view call;
    const char *asked_by;           /* name or address of the person; NULL: nobody of ours */
    const char *correlation_id;     /* of the request that asked for it; NULL: none */
    int64_t assistant_version;      /* in force when it was asked for; 0: not known */
    struct ended ended;             /* text NULL: it goes on */
    struct timeline_entry *entries; /* by time */
    size_t count;
    bool is_cut; /* there is more than fits: the oldest webhooks are left out */
};

/* The timeline of a call of the asker's workspace; id "call_...". In the arena. ERR_NOT_FOUND for
 * another workspace's id as for a missing one. */
enum err timeline_read(struct ctx *ctx, const char *id, struct timeline *out);
void timeline_write(struct jsonw *w, const struct timeline *t);

/* Finds calls in any workspace, for the command line: by their own id, their operation's, or a
 * provider's, which several workspaces may know. The texts are the arena's. */
struct timeline_place {
    const char *workspace_id, *call_id;
};
enum err timeline_find(struct ctx *ctx, const char *id, size_t room, struct timeline_place *out,
                       size_t *count);
