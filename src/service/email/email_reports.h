/* email_reports: what a provider tells of mails, taken into our rows in the transaction that settles the
 * event.
 *
 * It is told of each recipient, never of "the first": a mail of two may reach the one and come back from
 * the other. Who is not there for good, or complains, gets no more mails (store/suppressions.h); a refusal
 * because of our host, domain or words suppresses nobody. */
#pragma once

#include "db/db.h"
#include "providers/message_facts.h"
#include "store/emails.h"

/* Is it still to be sent to this one? */
bool email_recipient_is_open(const struct email_recipient_row *row);

/* What a mail server said of each recipient that was open, in the order they were given (NULL: nothing); in the
 * transaction that settles the mail. end: how its operation ends, which those share that nothing was said of; NULL: it
 * is tried again. *without: how many have not got it. */
struct smtp_outcome;
enum err email_outcome_apply(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                             const char *message_id, const struct smtp_outcome *outcome,
                             const char *end, size_t *without);

/* shown: the message as JSON, NULL ptr when nothing changed. */
enum err email_report_apply(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                            const char *provider, const struct message_facts *facts,
                            struct str *shown);
