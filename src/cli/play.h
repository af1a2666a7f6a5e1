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

/* For struct entry: what is below /sandbox/api; a new workspace is connected to demo accounts, and the
 * pretend Vapi tells it how its calls go, where the settings do not lead to another Vapi. */
void play_serve(void *sandbox, struct ctx *ctx, const struct http_req *req,
                struct http_reply *reply);
enum err play_connect(struct sandbox *sandbox, struct ctx *ctx, const char *workspace_id);
/* The same on a worker, where the assistant can be read as well, so that calls name it. */
enum err play_welcome(void *sandbox, struct ctx *ctx, const char *workspace_id);

/* At start, when the pretend Vapi has forgotten everything: has it tell each workspace again that is
 * set up to be told. */
enum err play_resume(struct sandbox *sandbox, struct ctx *ctx);
