/* turns: who may work on a thing now; who may not yet waits in line.
 *
 * For what must read, decide and write at a provider without anybody of ours in between. Some need
 * it for themselves; some may share it with others who share. Nobody overtakes: who shares waits
 * behind one who came before and needs it alone. Within this process only. */
#pragma once

#include "base/fiber.h"
#include "obs/ctx.h"

struct turn { /* lives with whoever takes it; a turn of zeros is not taken */
    struct fiber_parking parking;
    struct turns *line;
    struct turn *next;
    const char *what;
    bool is_shared, is_mine;
};

struct turns;
struct turns *turns_new(void);
void turns_free(struct turns *t); /* with nobody in line; NULL is fine */

/* Waits until it may go ahead, in the line of ctx->parts, until the deadline of ctx: then
 * ERR_PROVIDER_BUSY. what, such as "workspace/assistant", must live as long as the turn. */
enum err turn_take(struct ctx *ctx, const char *what, bool is_shared, struct turn *t);
/* Does nobody else work on it at this moment? */
bool turn_is_alone(struct turn *t);
void turn_give(struct turn *t); /* one that was not taken is fine */
