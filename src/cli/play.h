/* play: joins the sandbox to Ava. Ava's own parts know nothing of it: their settings point at the
 * pretend providers, and new workspaces have credentials for demo accounts. */
#pragma once

#include "cli/cli.h"
#include "http/message.h"
#include "obs/ctx.h"

struct lending;
struct sandbox;

/* Starts the sandbox and points the providers at it, where the settings do not say otherwise. NULL
 * after saying why not. */
struct sandbox *play_start(struct cli *cli, struct config *c);

/* Workspaces that were made beside the server (ava user create) use the demo accounts too, where
 * the settings name no others. */
void play_lend_platform(struct lending *lending, const struct config *c);

/* For struct entry: what is below /sandbox/api; a new workspace is connected to demo accounts. */
void play_serve(void *sandbox, struct ctx *ctx, const struct http_req *req,
                struct http_reply *reply);
enum err play_welcome(struct ctx *ctx, const char *workspace_id);
