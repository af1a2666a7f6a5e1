/* identity: who is this? Sessions by cookie, API keys by bearer token.
 *
 * Known tokens are answered from memory; changes made by this process count at once
 * (accounts_changed), changes made beside it (command line) within a second. */
#pragma once

#include "obs/ctx.h"

struct accounts;

struct accounts *accounts_new(bool test_keys_allowed);
void accounts_free(struct accounts *a);
void accounts_changed(struct accounts *a); /* any user, session, key or role changed */

/* Fill ctx->who when the token is good; *found tells. An error is the store's. */
enum err auth_by_session(struct ctx *ctx, struct str cookie, bool *found);
enum err auth_by_key(struct ctx *ctx, struct str key, bool *found);

/* The CSRF token that belongs to a session cookie. out has 48 bytes. */
void auth_csrf_token(struct str cookie, char out[48]);

/* Secrets of 256 random bits as text, and what is stored of them. */
const char *auth_token_new(struct ctx *ctx, const char *prefix);
void auth_token_hash(struct str token, unsigned char out[32]);
