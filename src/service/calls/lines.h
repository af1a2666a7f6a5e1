/* lines: how many calls may go at once, and who waits for a line.
 *
 * Every call that an assistant or a person at our end takes part in holds a line: counted against
 * the limits of its workspace, of our number it goes over, and of the account at the provider.
 * Where a limit is reached an outbound call waits in a queue on disk; workspaces are served in
 * turn, by what they hold for their weight. An inbound call cannot wait: it gets a line, or the
 * fallback answers.
 *
 * A line is freed only on proof that the call is over: a webhook or the provider's answer says so,
 * or it is known never to have begun. Never by a timer; call_checks.h asks about calls that were
 * long silent. All is written in the transactions that write the calls, so that no limit is ever
 * exceeded and a crash loses nobody's position. */
#pragma once

#include "store/calls.h"
#include "store/lines.h"
#include "tasks/operations.h"

/* Where accounts are shared (the platform's credentials), lines are several workspaces': who gives one moves calls that
 * wait in others. So whatever writes a call has this lock before, until its transaction ends; all of the below take it
 * themselves. Elsewhere it is none: a workspace's lines are its own. */
enum err lines_lock(struct ctx *ctx, struct db_conn *tx);

/* In the transaction that inserts an outbound call: it gets a line, or *waits; then whoever makes
 * room begins its operation (operation_begin). ERR_PROVIDER_BUSY: too many wait already. */
enum err lines_enter(struct ctx *ctx, struct db_conn *tx, const struct line_row *row, bool *waits);

/* In the transaction that decides on an inbound call, after its row: gives it a line if there is
 * room. *has_place: whether it has one; asked again, the answer stays yes. */
enum err lines_take_inbound(struct ctx *ctx, struct db_conn *tx, const struct line_row *row,
                            bool *has_place);
/* Gives a line to an inbound call that goes on already, whatever the limits: the provider connected
 * it to an assistant by itself. */
enum err lines_note_inbound(struct ctx *ctx, struct db_conn *tx, const struct line_row *row);

/* In the transaction in which a call ends or turns out never to have been: frees its line, or its
 * position in the queue, and lets in who is next. Call jobs_wake after the commit. */
enum err lines_leave(struct ctx *ctx, struct db_conn *tx, const char *call_id);
/* Lets in all who may go now, in a transaction after limits were changed. */
enum err lines_admit(struct ctx *ctx, struct db_conn *tx);

/* For operation_kind.queue of kinds whose object is a call. */
extern const struct operation_queue LINES_QUEUE;

/* Keeps what a call that was just made tells of the room its account has (Vapi: subscriptionLimits). */
struct call_facts;
void lines_learn(struct ctx *ctx, const char *account, const struct call_facts *facts);

/* The account whose limit counts, for line_row.account: provider, ":" and the credential's id. The
 * arena's. */
const char *lines_account(struct ctx *ctx, enum provider p, const struct upstream_credential *c);

/* For call_checks.h: its job, which asks about calls that say nothing. */
enum {
    LINES_FULL_MS = 15 * 1000
}; /* how long a refusal counts: others use the account too, and may leave */
extern const char LINES_JOB_NAME[];
int64_t lines_check_interval_ms(const struct ctx *ctx);
enum err lines_want_check(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                          int64_t at_ms);
void lines_collect(void *parts); /* for metrics_before_scrape */
