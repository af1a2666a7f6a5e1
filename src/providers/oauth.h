/* oauth: the client's side of OAuth 2.0 (RFC 6749) with PKCE (RFC 7636, S256), as Google and Microsoft have it.
 *
 * A provider's part is one constant (struct oauth_provider). Tokens are read into secrets, and what else held
 * them is wiped. */
#pragma once

#include "base/secret.h"
#include "providers/refusal.h"
#include "providers/upstream.h"

/* What somebody is asked to grant. */
enum oauth_access { OAUTH_READ, OAUTH_WRITE };
const char *oauth_access_name(enum oauth_access a);     /* "read", "write" */
enum oauth_access oauth_access_parse(const char *name); /* OAUTH_READ when unknown */

struct oauth_provider {
    const char *(*authorize_url)(const struct config *config);
    const char *(*token_url)(const struct config *config);
    const char *(*revoke_url)(const struct config *config); /* NULL, or "": it has none */
    const char *extra;            /* further parameters of the authorization: "&prompt=consent" */
    const char *const *scopes[2]; /* asked for, by access, ended by NULL */
    const char *const *needed[2]; /* any one of these is enough for that access; ended by NULL */
    const char *const *silent;    /* granted without being named in the answer; NULL: none */
};

/* Does the text of granted scopes hold one that is enough for that access? With short forms too. */
bool oauth_holds(const struct oauth_provider *p, struct str granted, enum oauth_access access);
/* Is something missing of what was asked for? */
bool oauth_lacks(const struct oauth_provider *p, struct str granted, enum oauth_access access);

/* The address that the browser is sent to. */
const char *oauth_authorize_url(struct ctx *ctx, const struct oauth_provider *p,
                                const char *client_id, const char *redirect_uri, const char *state,
                                struct str verifier, enum oauth_access access);

struct oauth_tokens {
    struct secret access, refresh; /* refresh: not set when none came */
    int64_t life_ms;
    const char *scopes; /* as granted; NULL: not said, so as asked for */
};
void oauth_tokens_wipe(struct oauth_tokens *t);

/* Reads the answer of a token endpoint into a struct oauth_tokens; what held the tokens in said is wiped. False: it
 * is none. */
extern const char *const OAUTH_TOKEN_PATHS[];
bool oauth_tokens_read(struct ctx *ctx, const json_t *said, void *into);

/* A request to the token endpoint. client: of the operator, its secret the field "client_secret". */
struct oauth_client {
    enum provider provider;
    const struct oauth_provider *at;
    const struct upstream_credential *credential;
    const char *id, *redirect_uri;
};

/* For a code; works once, so nothing is repeated after its first byte. ERR_OUTCOME_UNKNOWN when no answer came.
 * ERR_CREDENTIALS_REJECTED: the code is over, or the verifier is not its. ERR_PROVIDER_MISCONFIGURED: the client
 * is refused. */
enum err oauth_exchange(struct ctx *ctx, const struct oauth_client *client, struct str code,
                        struct str verifier, struct oauth_tokens *out);
/* For a refresh token. ERR_CREDENTIALS_REJECTED: the grant is over. */
enum err oauth_refresh(struct ctx *ctx, const struct oauth_client *client,
                       const struct secret *refresh, struct oauth_tokens *out);
/* Tells the provider that the token is not wanted any more. False: it has no address for that, or did not answer. */
bool oauth_revoke(struct ctx *ctx, const struct oauth_client *client, const struct secret *token);

/* For dialect.judge: true when the answer is an error of OAuth ({"error":"invalid_grant"}), which *out then
 * tells. Codes: RFC 6749, 5.2; OpenID Connect Core, 3.1.2.6; what Google and Microsoft add. */
bool oauth_judge(const json_t *said, struct refusal *out);
