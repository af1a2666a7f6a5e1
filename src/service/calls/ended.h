/* ended: why a call ended, as a sentence, and who can do something about it. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/jsonw.h"

struct ended {
    const char *text; /* one sentence; static or the arena's */
    const char *who;  /* "nobody", "callee", "caller", "you", "vapi", "carrier", "provider" */
    bool is_fault;    /* false: calls end like that */
    bool is_known;    /* false: nobody wrote this reason down yet */
};

/* reason: of Vapi, a last status of Twilio, or Ava's own. */
struct ended ended_explain(struct arena *a, const char *reason);
/* The reason as a metric's label: of the words there are, "fault-" and who is to mend what failed in a
 * pipeline, or "other". */
const char *ended_label(const char *reason);
void ended_declare_metrics(void); /* at a start: a series of calls_ended_total for each */
/* The object people get; null when there is no text. */
void ended_write(struct jsonw *w, const struct ended *e);
