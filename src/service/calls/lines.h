/* lines: how many calls may go at once, and who waits for a place.
 *
 * Every call that an assistant or a person at our end takes part in holds a place: of its workspace,
 * of our number it goes over, and of the account at the provider. Where a limit is reached an
 * outbound call waits in a queue on disk, and workspaces take turns by what they hold for their
 * weight. An inbound call cannot wait: it is given a place, or the workspace's fallback answers.
 *
 * A line is freed only on proof that the call is over: a webhook or the provider's answer says so, or
 * it is known never to have begun. Never by a timer; call_checks.h asks about those that were long
 * silent. Everything is written on the one writer, in the transactions
 * that write the calls, so that nobody is ever above a limit and a crash loses nobody's turn. */
#pragma once

#include "store/calls.h"
#include "store/lines.h"
#include "tasks/operations.h"

/* In the transaction that inserts an outbound call of an operation: it gets its place, or *waits,
 * and is begun (operation_begin) by whoever makes room. ERR_PROVIDER_BUSY: too many wait already. */
enum err lines_enter(struct ctx *ctx, struct db_conn *tx, const struct line_row *row, bool *waits);

/* In the transaction that answers for an inbound call which is in the table: *has_place, or there
 * was no room. */
enum err lines_take_inbound(struct ctx *ctx, struct db_conn *tx, const struct line_row *row,
                            bool *has_place);
/* An inbound call that the provider gave to an assistant by itself: it goes, whatever the limits. */
enum err lines_note_inbound(struct ctx *ctx, struct db_conn *tx, const struct line_row *row);

/* In the transaction in which a call ends or never was: gives up what it had, and lets in who is
 * next; jobs_wake after the commit. */
enum err lines_leave(struct ctx *ctx, struct db_conn *tx, const char *call_id);
/* In a transaction after limits were changed. */
enum err lines_admit(struct ctx *ctx, struct db_conn *tx);

/* For operation_kind.queue of kinds whose object is a call. */
extern const struct operation_queue LINES_QUEUE;

/* What a call that was just made tells of the room its account has (201 with subscriptionLimits). */
struct call_facts;
void lines_learn(struct ctx *ctx, const char *account, const struct call_facts *facts);

/* Whose limit at the provider counts, for line_row.account; in the arena. */
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
