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

/* Fill ctx->who and set *found when the token is good. A session id that is used 30 s after it was
 * rotated counts as stolen: its session ends. An error is the store's. */
enum err auth_by_session(struct ctx *ctx, struct str cookie, bool *found);
enum err auth_by_key(struct ctx *ctx, struct str key, bool *found);

/* Is this cookie's session still alive? For answers that outlive a rotation of the id (the event
 * stream): unlike auth_by_session, a rotated id is not treated as stolen, and one that is due for a
 * refresh is accepted. Fills ctx->who too. */
enum err auth_session_lasts(struct ctx *ctx, struct str cookie, bool *lasts);

/* The CSRF token that belongs to a session cookie. out has 48 bytes. */
void auth_csrf_token(struct str cookie, char out[48]);

/* Is this the X-CSRF-Token of the session in ctx? In constant time. */
bool auth_csrf_matches(const struct ctx *ctx, struct str token);

/* A secret of 256 random bits as text behind the prefix, the arena's; and the hash that is stored
 * of it. */
const char *auth_token_new(struct ctx *ctx, const char *prefix);
void auth_token_hash(struct str token, unsigned char out[32]);
