/* pretend: what all pretend providers share. Used on the sandbox's own thread only, except
 * credential(), which looks at the request alone. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "http/message.h"
#include "obs/ctx.h"

struct courier;

struct pretend_world {
    json_t *accounts;             /* by a hash of what they are known by */
    struct pretend_world *twilio; /* where Vapi reaches numbers of Twilio's; NULL: nowhere */
    struct courier *courier; /* for callbacks; NULL: there are none (tests of the words alone) */
};

/* How one provider speaks. */
struct pretend {
    const char *name;
    /* The key or token, by whose last four characters it is named; NULL ptr without one. */
    struct str (*credential)(const struct http_req *req);
    void (*answer)(struct pretend_world *world, const struct http_req *req,
                   struct http_reply *reply);
    void (*refuse)(int status, struct http_reply *reply); /* its words for that status */
    /* What people and tests do to it beside its API; NULL: nothing. */
    enum err (*stage)(struct pretend_world *world, struct ctx *ctx, const struct http_req *req,
                      struct str tail, json_t *body, struct http_reply *reply);
    /* sandbox_tell_to; NULL: it is told with each request whom to tell. */
    bool (*tell_to)(struct pretend_world *world, struct str key, const char *url,
                    const char *secret);
    /* The page on which people consent, and their answer; NULL: it has none. */
    void (*consent)(struct pretend_world *world, const struct http_req *req,
                    struct http_reply *reply);
};

extern const struct pretend PRETEND_VAPI, PRETEND_TWILIO, PRETEND_RESEND, PRETEND_GOOGLE,
    PRETEND_MICROSOFT;

enum { PRETEND_ACCOUNTS_MAX = 10000 };

bool pretend_refuses(struct str key);
struct str pretend_last4(struct str key);

/* The account of that key, made at its first use from the key's hash. NULL when full. */
json_t *pretend_account(struct pretend_world *world, struct str key,
                        json_t *(*make)(struct str key, const unsigned char hash[32]));
void pretend_world_fini(struct pretend_world *world);

void pretend_reply(struct http_reply *reply, int status, const json_t *tree);
void pretend_reply_new(struct http_reply *reply, int status, json_t *tree); /* takes tree over */
