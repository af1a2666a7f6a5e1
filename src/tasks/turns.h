/* turns: a fair read-write lock per thing (an assistant), held across provider calls.
 *
 * A turn is exclusive, or shared with others that share. First come, first served: a shared turn
 * waits behind an exclusive one that was asked for before it. Where several hosts work with the database
 * (hosts.h), a host that has a turn holds a lease for it as well, until the deadline of who has it and a little longer:
 * who shares, shares within a host, and between hosts nobody is in line. */
#pragma once

#include "base/fiber.h"
#include "obs/ctx.h"

struct turn { /* lives with whoever takes it; a turn of zeros is not taken */
    struct fiber_parking parking;
    struct turns *line; /* the queue it stands in */
    struct ctx *ctx;    /* whose */
    struct turn *next;
    const char *what;
    bool is_shared, is_mine; /* is_mine: the lock is held */
};

struct turns;
struct turns *turns_new(void);    /* the queue of a process, lent through ctx->parts */
void turns_free(struct turns *t); /* when no turn is held or waited for; NULL is fine */

/* Acquires the turn on what, waiting until the deadline of ctx: then ERR_PROVIDER_BUSY.
 * what, such as "workspace/assistant", is compared as text and must live as long as the turn. */
enum err turn_take(struct ctx *ctx, const char *what, bool is_shared, struct turn *t);
/* Acquires an exclusive turn when it is free at this moment; false: somebody has it, or waits. */
bool turn_take_now(struct ctx *ctx, const char *what, struct turn *t);
/* True when nobody else holds a turn on the same thing at this moment. t is held. */
bool turn_is_alone(struct turn *t);
/* Gives the turn back and wakes those who may go now; one that was not taken is fine. The ctx it was taken with must be
 * there still. */
void turn_give(struct turn *t);
