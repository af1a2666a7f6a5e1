/* message_reports: what a webhook says of a text, and how our row of that text takes it.
 *
 * Twilio: parameters of the message and message-status callbacks (API 2010-04-01). A text that comes
 * in gets a row; a status moves the row of one that we sent, and nothing of one sent elsewhere. */
#pragma once

#include <jansson.h>

#include "base/str.h"
#include "store/events.h"

struct message_report {
    bool concerns_message; /* false: nothing of a text in it, and the rest is empty */
    bool is_received;      /* it came in: the row is made from content */
    const char *provider, *provider_id, *operation_id; /* operation_id NULL: not said */
    const char *to, *from;
    struct str facts;   /* for message_learn and operation_confirm */
    struct str content; /* JSON {"body","media_urls"?} */
    int64_t at_ms;
};

/* content: {"headers","query"?,"body"} of the event. The report lends from it and the arena. */
void message_report_read(struct ctx *ctx, const struct event_row *event, const json_t *content,
                         struct message_report *out);

/* Within the transaction that settles the event; the same report twice changes nothing the second
 * time. *shown: the message as people see it, when it changed; else a NULL ptr. */
enum err message_report_apply(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                              const struct message_report *r, struct str *shown);
