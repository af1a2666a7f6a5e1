/* grants: what people granted Ava at a provider (OAuth 2.0), lent like any other credential and renewed in time.
 *
 * A token is renewed by one at a time for each grant, before less than a fifth of its life (5 minutes at most) is
 * left, and after a 401. The new one is on disk before it is used, and with it the refresh token that came. Only
 * the provider's word that the grant is over ends it, and only if nobody renewed it meanwhile (RESILIENCE 12). */
#pragma once

#include "providers/oauth.h"
#include "service/connections/lending.h"
#include "store/oauth.h"

/* The workspace's grant; out->id NULL when there is none. */
enum err grant_find(struct ctx *ctx, enum provider p, struct oauth_grant_row *out);
/* A reference to it, as it stands. */
void grant_refer(const struct oauth_grant_row *row, struct lent *out);

/* To call with now, for reading or for writing. ERR_NOT_CONNECTED: there is none. ERR_CREDENTIALS_REJECTED: it is
 * over. ERR_PERMISSION_DENIED: it is for reading only. Waits for a renewal, and fails as that does, when the token
 * is over. */
enum err grant_lend(struct ctx *ctx, enum provider p, enum oauth_access access, struct lent *out);

/* Gives it back: the row goes, then the provider is told, if it wants to be. *told: it took that. ERR_NOT_CONNECTED. */
enum err grant_end(struct ctx *ctx, enum provider p, bool *told);

/* Publishes that the connections are worth reading anew; after the commit. */
void grant_tell(struct ctx *ctx, enum provider p);

/* The row of new tokens, sealed, for the transaction that keeps them; refresh not set: the one before stays. Takes
 * over id and version from row. */
enum err grant_seal(struct ctx *ctx, struct db_conn *tx, struct oauth_grant_row *row,
                    const struct oauth_tokens *tokens);
enum err grant_seal_refresh(struct ctx *ctx, struct db_conn *tx, const struct oauth_grant_row *row,
                            const struct secret *refresh);
