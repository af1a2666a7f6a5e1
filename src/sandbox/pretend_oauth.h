/* pretend_oauth: the authorization server of a pretend provider: its page of consent, codes (PKCE, once), access and
 * refresh tokens, revocation (RFC 6749, 7009, 7636).
 *
 * Tokens tell by themselves whose they are, for what and how long, so those of an earlier start are good; a grant
 * that was revoked, and which refresh token of it came last, is remembered until the end. */
#pragma once

#include "sandbox/pretend.h"

struct pretend_oauth {
    const char *provider; /* as in the path of the callback: "google" */
    const char *title;
    const char *accounts[2];             /* whose consent it can be */
    const char *code, *access, *refresh; /* how they begin */
    const char *write_scope;             /* a scope that ends so lets change */
    bool rotates;                        /* each refresh brings a new refresh token */
    bool asks_prompt; /* a second consent brings a refresh token only with prompt=consent */
    bool is_short;    /* scopes are told without what stands before the last slash */
};

/* What people and tests set for all accounts of the provider ("settings" in world->accounts). */
json_t *pretend_oauth_settings(struct pretend_world *world);

/* GET shows the page, POST is its answer: a redirect with code and state. */
void pretend_oauth_page(const struct pretend_oauth *o, struct pretend_world *world,
                        const struct http_req *req, struct http_reply *reply);
void pretend_oauth_token(const struct pretend_oauth *o, struct pretend_world *world,
                         const struct http_req *req, struct http_reply *reply);
void pretend_oauth_revoke(const struct pretend_oauth *o, struct pretend_world *world,
                          const struct http_req *req, struct http_reply *reply);

/* Ends all grants of an account; NULL: of every one. */
void pretend_oauth_end(struct pretend_world *world, const char *account);

/* All access tokens given until now are over. */
void pretend_oauth_expire(struct pretend_world *world);
/* {name: {"account","ended","last","refreshes"}} */
json_t *pretend_oauth_grants(struct pretend_world *world);

struct pretend_asker {
    const char *account; /* the request's arena's */
    bool can_write;
};
/* The Bearer token; NULL ptr without one. */
struct str pretend_oauth_bearer(const struct http_req *req);
/* False: nobody is let in by that token. */
bool pretend_oauth_let_in(const struct pretend_oauth *o, struct pretend_world *world,
                          const struct http_req *req, struct pretend_asker *out);
