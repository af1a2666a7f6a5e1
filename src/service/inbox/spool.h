/* spool: what the database did not take in time is kept in the book of this host (tasks/book.h), and moved to the database
 * once that is back: the same row, id and sealed bytes. One that is there already by its dedupe key changes nothing, so a
 * move that was cut short is made again. */
#pragma once

#include "service/inbox/events.h"

/* On this host's disk when OK. */
enum err spool_take(struct ctx *ctx, const struct incoming *in);

/* Moves some of what was spooled, oldest first; *count: how many are out of the book now. Called again and again, by one
 * thread. */
enum err spool_move(struct ctx *ctx, size_t *count);
