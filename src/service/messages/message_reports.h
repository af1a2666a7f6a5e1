/* message_reports: applies what a webhook says of a text to our row of it.
 *
 * A text that comes in gets a row; a status moves the row of one that we sent, and nothing of one
 * sent elsewhere. */
#pragma once

#include "base/str.h"
#include "providers/message_facts.h"
#include "store/messages.h"

/* Updates our row of the text, or inserts one that came in, within the transaction that settles the
 * event; the same facts again change nothing. *shown: the message as people see it, when it
 * changed; else NULL ptr. */
enum err message_report_apply(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                              const char *provider, const struct message_facts *facts,
                              struct str *shown);
