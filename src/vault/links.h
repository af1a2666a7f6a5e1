/* links: tokens for addresses that anybody may open, for a short while and for one thing only. Each names a workspace,
 * a thing of it and when it ends, and is signed with a key that is derived from a master key (KEK): whoever has the
 * same master keys opens it, after a restart and on any host. */
#pragma once

#include "obs/ctx.h"

/* A path segment, the arena's. kind, thing: letters, digits and '_'. */
const char *link_make(struct ctx *ctx, const char *kind, const char *thing, int64_t lasts_ms);

/* Whose is it, and for what? From then on ctx->who.workspace_id is that workspace. ERR_NOT_FOUND for
 * one that is not ours, of another kind, changed, or over, or signed by a key that is retired. */
enum err link_open(struct ctx *ctx, const char *kind, struct str token, const char **thing);
