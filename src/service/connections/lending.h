/* lending: a credential to call with, by reference: it becomes plaintext only inside an attempt.
 *
 * The workspace's own, or the platform's where the operator allows it. */
#pragma once

#include "providers/dialect.h"

/* Remembers for a second who may use which credential, since each call to a provider asks. */
struct lending;
struct lending *lending_new(bool platform_for_all); /* sandbox: every workspace may use it */
void lending_free(struct lending *l);               /* NULL is fine */

/* Takes a copy of the platform's credentials from c; at any time. They get a new version, so that
 * what is remembered of the old ones (cache, gates) no longer counts. */
struct config;
void lending_set_platform(struct lending *l, const struct config *c);
/* Is any of them set, so that workspaces may share an account? Any thread; NULL: no. */
bool lending_has_platform(const struct lending *l);

/* What of a credential is no secret, from the object that was sent for it or that stands in its row; texts
 * are lent from there. */
struct dialect_account lending_account(const json_t *fields);

/* A reference to the credential to call with, without its plain secret; in the arena. */
struct lent {
    struct upstream_credential ref;
    bool is_shared; /* the operator's, and other workspaces use it too */
    struct dialect_account account;
};
/* The workspace's own credential, or the platform's where the operator allows it. ERR_NOT_CONNECTED
 * when there is none. */
enum err lending_find(struct ctx *ctx, enum provider p, struct lent *out);

/* The operator's own, whoever may use it for calls: the OAuth client, by which consents are asked for. False:
 * none is set. */
bool lending_client(struct ctx *ctx, enum provider p, struct lent *out);

/* May any number of this account be used? Under an operator's account that workspaces share:
 * ERR_NOT_FOUND, since nothing says yet which of its numbers belong to whom. */
enum err lent_owns_numbers(struct ctx *ctx, const struct lent *lent);

/* The secret fields of the credential themselves, for judging what claims to come from the
 * provider; wiped by the caller. workspace_id: whose webhook it is. ERR_NOT_CONNECTED when there is
 * no credential. */
enum err lending_reveal(struct ctx *ctx, const char *workspace_id, enum provider p,
                        struct secret *fields);

/* Drops what is remembered: call it after a credential of the asker's workspace changed. */
void lending_forget(struct ctx *ctx, enum provider p);
