/* vapi_server: where Vapi sends the server messages of an assistant (its field `server`, OpenAPI of
 * 2026-08-20). Without a backoffPlan Vapi tries once; ours makes it try six times. */
#pragma once

#include "base/jsonw.h"
#include "providers/vapi.h"

struct vapi_server {
    const char *url;
    const struct secret *secret; /* goes along in X-Vapi-Secret */
};

/* Where the messages of an assistant, a number or a tool go: its server.url, else its older member
 * serverUrl. NULL, or "", when it names neither. */
const char *vapi_server_url(const json_t *holder);

/* What points the assistant's server there: JSON in the arena, wiped with it. Of the server it had
 * only timeoutSeconds stays. was_url: where it pointed (vapi_server_url). When that is another
 * address and overwrite is false, ERR_INVALID on field overwrite, which names it. */
enum err vapi_server_patch(struct ctx *ctx, const json_t *assistant, const struct vapi_server *want,
                           bool overwrite, const char **was_url, struct str *patch);

/* The member server of a tool: somebody is on the phone meanwhile, so it is asked twice at most, and not for long. */
void vapi_server_write_tool(struct jsonw *w, const struct vapi_server *want);

/* The members server and serverMessages of an assistant that is to be made: a server of its own
 * keeps its address and gets our backoffPlan where it has none; else it is `want`. NULL: Vapi could
 * not reach us; they stay as they are. */
void vapi_server_write(struct jsonw *w, const json_t *config, const struct vapi_server *want);

/* Who is told beside the assistant's own server. */
struct vapi_told {
    const char *name; /* a number, or the name of a tool; NULL when it has none */
    const char *url;  /* vapi_server_url */
};
/* What a tool of an assistant says of it; lent from the tool. */
struct vapi_told vapi_tool_told(const json_t *tool);
/* The same, read at Vapi: of the number, of the tool with that id. */
enum err vapi_number_told(struct ctx *ctx, const struct upstream_credential *c, const char *id,
                          struct vapi_told *out);
enum err vapi_tool_read_told(struct ctx *ctx, const struct upstream_credential *c, const char *id,
                             struct vapi_told *out);
