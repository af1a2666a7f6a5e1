/* call_reports: applies what a webhook says of a call to our row of that call.
 *
 * The dialect has read it already. A call that was made elsewhere gets a row of its own; one that
 * Vapi handles on Twilio's line is one row, known by both ids. */
#pragma once

#include "base/str.h"
#include "providers/call_facts.h"
#include "store/events.h"

struct call_report {
    const char *provider;
    struct call_facts facts; /* provider_id NULL: nothing of a call in it */
    const char *account;     /* as in store/lines.h; NULL: it takes no line */
    int64_t received_ms;     /* of the webhook, wall clock */
};

/* Makes a report of facts, which are lent; asks which account the call counts against. */
void call_report_of(struct ctx *ctx, const char *provider, const struct call_facts *facts,
                    int64_t received_ms, struct call_report *out);

/* Updates our row of the call, or inserts it, within the transaction that settles the event; the
 * same report again changes nothing. *shown: the call as people see it, when it changed; else NULL
 * ptr. *waits: nothing was done, since it may be of a call that is being placed just now, whose id is
 * not known yet; it must be applied again in a moment. */
enum err call_report_apply(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                           const struct call_report *r, struct str *shown, bool *waits);
