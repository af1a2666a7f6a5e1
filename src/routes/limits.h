/* limits: who may come how often (RESILIENCE 7), and the headers that say so. */
#pragma once

#include "routes/entry.h"

/* L1, for requests nobody stands for. */
enum err limit_unknown(struct ctx *ctx, struct entry *e);

/* For the signed in, at what has no limit of its own: pages, the contract, who one is. Of a user, with all
 * keys. Far above what people and programs need; what it bounds is the work of one for the others. */
enum err limit_page(struct ctx *ctx, struct entry *e);

/* L2 and L3, for the signed in; sets RateLimit headers on the reply. */
enum err limit_user(struct ctx *ctx, struct entry *e, const struct route *route,
                    struct http_reply *reply);

/* Of the workspace, for webhooks that are proven and can wait: noise has a fifth of it. ERR_OVERLOADED
 * with the seconds after which it is let in. Never asked for what a call depends on. */
enum err limit_webhook(struct ctx *ctx, struct entry *e, bool is_noise);
/* Of an address at one webhook URL, for what came without proof, so that strangers use up nothing of
 * the workspace's. ERR_RATE_LIMITED. */
enum err limit_unproven(struct ctx *ctx, struct entry *e, struct str token);

/* How near somebody is to a limit. */
struct limit_near {
    const char *of;            /* "workspace", "webhooks" of it, "key" or "self", who asks */
    const char *id, *name;     /* of a key, else NULL */
    const struct route *route; /* NULL for webhooks */
    int64_t used, limit, reset_s;
};
enum { LIMITS_NEAR_MAX = 10 };

/* What of the asker's workspace is nearest, the nearest first; what is not used at all is left out. Of keys
 * those with a rate of their own: a key without one counts with its user, who may be elsewhere too. */
enum err limits_near(struct ctx *ctx, struct entry *e, struct limit_near out[LIMITS_NEAR_MAX],
                     size_t *count);

/* L4: before and after a try to sign in. */
enum err limit_login(struct ctx *ctx, struct entry *e, const char *email, struct str device);
void limit_login_done(struct ctx *ctx, struct entry *e, const char *email, struct str device,
                      enum err outcome);

/* The address of the caller after TRUSTED_PROXIES: the right-most hop of X-Forwarded-For that is
 * not a trusted proxy; the header counts only when the peer is one. */
struct proxies *proxies_new(const char *cidrs, const char **why); /* NULL and *why when malformed */
void proxies_free(struct proxies *p);
bool proxies_hold(const struct proxies *p, const char *peer); /* is that one of them? */
const char *proxies_client(const struct proxies *p, struct arena *a, const struct http_req *req);
