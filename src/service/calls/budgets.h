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

/* Reserves the worst case of a call, within the transaction that writes it. seconds: the longest it
 * may last; line: our number, or "". ERR_BUDGET_EXHAUSTED, with the seconds until the next day,
 * when less than that is left of the day of row->created_ms. */
enum err budget_reserve(struct ctx *ctx, struct db_conn *tx, const struct call_row *row,
                        const char *line, int64_t seconds);

/* Books what a call that is over took, and gives back what it reserved (the money only once the
 * cost is known), within the transaction that changes it. The same state twice changes nothing. */
enum err budget_book(struct ctx *ctx, struct db_conn *tx, const struct call_row *row);
/* Books what the call had reserved, as the estimate of what it took, when nobody will ever tell. Less
 * where its times or its cost are known. */
enum err budget_estimate(struct ctx *ctx, struct db_conn *tx, const struct call_row *row);
/* Takes back all that the call booked and reserved: it never was. Before its row is deleted. */
enum err budget_forget(struct ctx *ctx, struct db_conn *tx, const struct call_row *row);

/* Pure: the limits of which 80 % are used or reserved, as bits of enum call_alert; a limit of 0
 * always counts. */
int64_t budget_near(const struct call_limits_row *limits, const struct call_day *day);

/* Pure: what a call of so many seconds costs at worst; started minutes count whole. */
int64_t budget_worst_micros(int64_t seconds, int64_t cents_per_minute);
