/* consent: asking somebody, in their browser, for leave to use their calendar (OAuth 2.0 with PKCE).
 *
 * A consent that was begun is known by its state, which is good for 10 minutes, used once, and belongs to the
 * sign-in that began it: also after its session id was rotated, and nobody else's. Browsers ask for the way back
 * several times, even with another code each time; the first one counts, and the same sign-in sees its result
 * again. */
#pragma once

#include "providers/oauth.h"
#include "service/connections/lending.h"

/* Can people be asked at all: has the operator set a client? */
bool consent_is_possible(struct ctx *ctx, enum provider p);

/* What is asked for, ended by NULL. */
const char *const *consent_scopes(enum provider p, enum oauth_access access);

/* Begins one, for the session in ctx; *url: where the browser goes. ERR_PROVIDER_MISCONFIGURED: no client is set.
 * ERR_FORBIDDEN: not by a session. */
enum err consent_begin(struct ctx *ctx, enum provider p, enum oauth_access access,
                       const char **url);

/* What the browser brought back; NULL ptr: absent. */
struct consent_return {
    struct str state, code, error, issuer;
};

/* What became of it, as a word for the page: "connected", "partial" (connected, but not all of it was granted),
 * "denied", "expired", "foreign" (begun by somebody else, or for another provider), "scope" (too little was
 * granted), "again" (no lasting leave came), "failed", "misconfigured". An error is the store's. */
enum err consent_finish(struct ctx *ctx, enum provider p, const struct consent_return *back,
                        const char **result);
