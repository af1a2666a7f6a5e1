/* call_reports: what a webhook says of a call, and how our row of that call takes it.
 *
 * Twilio: parameters of voice and status callbacks. Vapi: server messages status-update,
 * end-of-call-report, assistant-request (OpenAPI of 2026-08-20); the others say nothing of the
 * state of a call. A call that was made elsewhere gets a row of its own; one that Vapi handles on
 * Twilio's line is one row, known by both ids. */
#pragma once

#include <jansson.h>

#include "base/str.h"
#include "store/events.h"

struct call_report {
    bool concerns_call; /* false: nothing of a call in it, and the rest is empty */
    const char *provider, *provider_id;
    const char *operation_id; /* of ours that placed it; NULL: not said */
    const char *carrier_id;
    const char *direction, *to, *from, *assistant_id, *number_id;
    const char *account; /* as in store/lines.h; NULL: it is no call of an assistant */
    const char *status, *ended_reason;
    int64_t at_ms, started_ms, ended_ms; /* wall clock; 0: not said */
    bool has_cost;
    int64_t cost_micros;
};

/* content: {"headers","query"?,"body"} of the event. NULL, or why it cannot be read, in a sentence.
 * The report lends from content and the arena. */
const char *call_report_read(struct ctx *ctx, const struct event_row *event, const json_t *content,
                             struct call_report *out);

/* Within the transaction that settles the event; the same report twice changes nothing the second
 * time. *shown: the call as people see it, when it changed; else a NULL ptr. */
enum err call_report_apply(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                           const struct call_report *r, struct str *shown);

/* The report as operation_confirm takes it; in the arena. */
struct str call_report_facts(struct ctx *ctx, const struct call_report *r);
