/* vapi_server: where Vapi sends the server messages of an assistant (its field `server`, OpenAPI of
 * 2026-08-20). Without a backoffPlan Vapi tries once; ours makes it try six times. */
#pragma once

#include "base/jsonw.h"
#include "providers/vapi.h"

struct vapi_server {
    const char *url;
    const struct secret *secret; /* goes along in X-Vapi-Secret */
};

/* What points the assistant's server there, keeping what else it says; JSON in the arena, wiped
 * with it. was_url: where it pointed, NULL: nowhere. When that is another address and overwrite is
 * false, ERR_INVALID on field overwrite. */
enum err vapi_server_patch(struct ctx *ctx, const json_t *assistant, const struct vapi_server *want,
                           bool overwrite, const char **was_url, struct str *patch);

/* The members server and serverMessages of an assistant that is to be made: a server of its own
 * keeps its address and gets our backoffPlan where it has none; else it is `want`. NULL: Vapi could
 * not reach us; they stay as they are. */
void vapi_server_write(struct jsonw *w, const json_t *config, const struct vapi_server *want);
