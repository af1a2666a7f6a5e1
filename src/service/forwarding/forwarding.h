/* forwarding: from an event that was worked on to the customers' own endpoints.
 *
 * An event makes one delivery per destination that wants it, in the transaction that settles it, so
 * that nothing acknowledged is lost; a job per destination sends them. Those of one call or text go
 * out in the order their events were settled in, each after the one before is delivered or failed;
 * one that waits for its next try holds back nobody else. Up to FORWARDING_AT_ONCE are under way to
 * a destination. At least once: who gets one twice knows it by its webhook-id. */
#pragma once

#include "store/destinations.h"
#include "store/events.h"
#include "tasks/kinds.h"

enum { FORWARDING_AT_ONCE = 16 };

extern const struct job_kind FORWARDING_JOB;

/* Writes the deliveries of an event, within the transaction that settles it as done. status: what
 * the event says of its call; NULL: nothing. *count grows by the deliveries that are to be sent
 * now. */
enum err forwarding_note(struct ctx *ctx, struct db_conn *tx, const struct event_row *event,
                         const char *status, size_t *count);

/* Within a write: gives the destination its job, ready at at_ms of the wall clock. */
enum err forwarding_want(struct ctx *ctx, struct db_conn *tx, const struct destination_row *to,
                         int64_t at_ms);
void forwarding_wake(struct ctx *ctx); /* after such a commit */
