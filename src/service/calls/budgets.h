/* budgets: what calls may take on a day, in minutes and in money, of a workspace and of each of its
 * numbers.
 *
 * What a call may take at worst is reserved before it is dialled, in the transaction that writes
 * it down; when it has ended, what it took is booked instead. Whole seconds and millionths of a
 * US dollar: nothing is ever rounded away. A day is one of UTC, and a call belongs to the day on
 * which it was asked for. */
#pragma once

#include "store/call_limits.h"
#include "store/calls.h"

/* Within the transaction that writes the call: ERR_BUDGET_EXHAUSTED, with the seconds until the next
 * day, when not even the worst of it is left. row->created_ms says which day. */
enum err budget_reserve(struct ctx *ctx, struct db_conn *tx, const struct call_row *row,
                        const char *line, int64_t seconds);

/* Within the transaction that changes the call: books what it took by now, once, and gives back what
 * it no longer needs. The same state twice changes nothing. */
enum err budget_book(struct ctx *ctx, struct db_conn *tx, const struct call_row *row);
/* Before the row is deleted: it never was. */
enum err budget_forget(struct ctx *ctx, struct db_conn *tx, const struct call_row *row);

/* Pure: of which limits 80 % are used or reserved, as bits of enum call_alert; of a limit of nothing
 * always. */
int64_t budget_near(const struct call_limits_row *limits, const struct call_day *day);

/* Pure: what a call of so many seconds costs at worst; started minutes count whole. */
int64_t budget_worst_micros(int64_t seconds, int64_t cents_per_minute);
