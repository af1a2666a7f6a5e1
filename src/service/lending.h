/* lending: a credential to call with, by reference: it becomes plaintext only inside an attempt.
 *
 * The workspace's own, or the platform's where the operator allows it. */
#pragma once

#include "providers/upstream.h"

/* What is known of who may use what, for a second: each call to a provider asks. */
struct lending;
struct lending *lending_new(bool platform_for_all); /* sandbox: every workspace may use it */
void lending_free(struct lending *l);               /* NULL is fine */

/* Takes a copy of the platform's credentials; at any time. They have a new
 * version then, so what was remembered of the old ones is asked for anew. */
struct config;
void lending_set_platform(struct lending *l, const struct config *c);

/* A credential to call with: the workspace's own, or the platform's where the operator allows.
 * ERR_NOT_CONNECTED when there is none. Lives in the arena. */
struct lent {
    struct upstream_credential ref;
    const char *assistant_id, *number_id, *account_sid; /* NULL or "": none */
};
enum err lending_find(struct ctx *ctx, enum provider p, struct lent *out);

/* The tokens Twilio may sign with: current and next (empty when none). For webhooks; wiped by the
 * caller. workspace_id: whose webhook it is. */
enum err lending_twilio_tokens(struct ctx *ctx, const char *workspace_id, struct secret *current,
                               struct secret *next);

/* After a credential of the asker's workspace changed. */
void lending_forget(struct ctx *ctx, enum provider p);
