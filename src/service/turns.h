/* turns: one at a time may work on a thing; who comes meanwhile waits in line.
 *
 * For what must read, decide and write at a provider without anybody of ours in between. Within
 * this process only. */
#pragma once

#include "base/fiber.h"
#include "obs/ctx.h"

struct turn { /* lives with whoever takes it; a turn of zeros is not taken */
    struct fiber_parking parking;
    struct turns *line;
    struct turn *next;
    const char *what;
    bool is_mine;
};

struct turns;
struct turns *turns_new(void);
void turns_free(struct turns *t); /* with nobody in line; NULL is fine */

/* Waits until nobody else has it, in the line of ctx->parts, until the deadline of ctx: then
 * ERR_PROVIDER_BUSY. what, such as "workspace/assistant", must live as long as the turn. */
enum err turn_take(struct ctx *ctx, const char *what, struct turn *t);
void turn_give(struct turn *t); /* one that was not taken is fine */
