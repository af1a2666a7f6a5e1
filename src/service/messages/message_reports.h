/* message_reports: how our row of a text takes what a webhook says of it.
 *
 * A text that comes in gets a row; a status moves the row of one that we sent, and nothing of one
 * sent elsewhere. */
#pragma once

#include "base/str.h"
#include "providers/message_facts.h"
#include "store/messages.h"

/* Within the transaction that settles the event; the same facts twice change nothing the second
 * time. *shown: the message as people see it, when it changed; else a NULL ptr. */
enum err message_report_apply(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                              const char *provider, const struct message_facts *facts,
                              struct str *shown);
