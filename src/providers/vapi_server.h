/* vapi_server: where Vapi sends the server messages of an assistant (its field `server`, OpenAPI of
 * 2026-08-20). Without a backoffPlan Vapi tries once; ours makes it try six times. */
#pragma once

#include "providers/vapi.h"

struct vapi_server {
    const char *url;
    const struct secret *secret; /* goes along in X-Vapi-Secret */
};

/* Points the assistant's server there, keeping what else it says. was_url: where it pointed, NULL:
 * nowhere. When that is another address and overwrite is false, ERR_INVALID on field overwrite, and
 * nothing is changed. */
enum err vapi_server_set(struct ctx *ctx, const struct upstream_credential *c,
                         const char *assistant_id, const struct vapi_server *want, bool overwrite,
                         const char **was_url);
