/* endpoints: the addresses providers send webhooks to.
 *
 * Each has a token of 256 random bits in its path, stored as a hash for lookup and sealed for
 * showing. Changing it leaves the former one good for 24 hours, or until it is ended by hand. */
#pragma once

#include "providers/dialect.h"
#include "store/sealed.h"

struct endpoint {
    const char *id, *provider, *token;
    int64_t created_ms, last_received_ms, previous_valid_until_ms; /* 0: no former one */
};

/* Makes a new workspace's addresses, for every provider that sends webhooks: parts->on_workspace. */
enum err endpoints_make(struct ctx *ctx, struct db_conn *tx, const char *workspace_id);
/* At start: makes what workspaces lack that an older Ava made. One that fails is logged and left. */
enum err endpoints_recover(struct ctx *ctx);

/* The workspace's address for the provider; writes nothing. *found is false when there is none. */
enum err endpoint_find(struct ctx *ctx, enum provider p, struct endpoint *out, bool *found);
/* The same; made when there is none yet, so never for a GET. rotate makes a new one; the former stays
 * good for 24 hours. */
enum err endpoint_current(struct ctx *ctx, enum provider p, struct endpoint *out);
enum err endpoint_rotate(struct ctx *ctx, enum provider p, struct endpoint *out);
/* Ends the former addresses at once, as after a leak. OK also when there are none. */
enum err endpoint_end_former(struct ctx *ctx, enum provider p);

/* Whose webhook is this? found->id is NULL for an unknown or expired token. */
enum err endpoint_by_token(struct ctx *ctx, struct str token, struct endpoint_row *found);

/* The addresses at which the provider's webhooks arrive, ended by a NULL name; NULL: it sends
 * none. */
const struct dialect_webhook *endpoint_addresses(enum provider p);

/* True when the provider cannot reach us: AVA_PUBLIC_URL is on this machine, the provider on the
 * internet. */
bool endpoint_is_out_of_reach(const struct ctx *ctx, enum provider p);

/* *url: the callback address for an operation: that of this kind, with ?op=ID; the arena's. NULL
 * when the provider cannot reach us. */
enum err endpoint_callback(struct ctx *ctx, enum provider p, const char *kind,
                           const char *operation_id, const char **url);

/* "https://.../webhooks/twilio/TOKEN/voice"; kind NULL: it ends with the token. */
const char *endpoint_url(struct ctx *ctx, const struct endpoint *e, const char *kind);
