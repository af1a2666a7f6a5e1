/* entry: the way of a request, from its bytes to its answer, in one direction (RESILIENCE 1):
 *
 *     correlation id > is there room > who is it > (unknown: limit per address) > CSRF > limits
 *     per user and workspace > JSON body > idempotency key > the route: check the input, call a
 *     service, write the reply */
#pragma once

#include <jansson.h>
#include <stdatomic.h>

#include "base/form.h"
#include "http/message.h"
#include "http/router.h"
#include "obs/ctx.h"
#include "obs/log_share.h"

struct id;
struct lift;
struct ratelimit;
struct login_limit;
struct shed;
struct known;
struct proxies;

/* What a reload changes as a whole. Never held across a wait: once every loop has turned, nobody
 * reads the rules that were replaced before. */
struct http_turn;
struct http_body;

struct entry_rules {
    struct proxies *proxies; /* whose X-Forwarded-For is believed */
    char *cors_origins;
};

/* What only cli/ knows about the running process; each may be called on any thread. NULL: nobody knows. */
struct inside {
    void *arg;
    int64_t (*last_turn_ms)(void *arg);           /* of the slowest loop: /health/live */
    void (*status)(void *arg, struct buf *out);   /* how all of it fares: a JSON object */
    void (*settings)(void *arg, struct buf *out); /* in force: a JSON list, without secrets */
    void (*backups)(void *arg, struct buf *out);  /* a JSON object; reads files */
    void (*back_up)(void *arg);                   /* one now; NULL: no folder for them is set */
};

/* All that the routes need and that lives as long as the program; made by cli/serve. */
struct entry {
    struct parts parts;
    const char *profile; /* "sandbox", "development", "production" */
    struct router *router;
    const struct route *table; /* what it leads to, for who must not know the routes themselves */
    size_t table_count;
    struct ratelimit *limits;
    struct login_limit *login_limit;
    struct shed *shed; /* told by cli/serve how late the loops are */
    _Atomic(struct entry_rules *) rules;
    atomic_bool draining;
    struct log_share told_overload, told[ERR_COUNT]; /* refusals in the log, by their code */
    struct known *senders; /* paths that webhooks came to which were proven */
    bool metrics_moved;    /* /metrics is on an address of its own */
    /* The sandbox profile answers below /sandbox itself; NULL elsewhere. */
    void (*sandbox)(void *arg, struct ctx *ctx, const struct http_req *req,
                    struct http_reply *reply);
    void *sandbox_arg; /* of both */
    struct inside inside;
    /* What a new workspace gets there: connections to the pretend providers; NULL elsewhere. */
    enum err (*welcome)(void *arg, struct ctx *ctx, const char *workspace_id);
};

enum access {
    ANYONE,
    SIGNED_IN,
    MANAGER,  /* owner or admin of the workspace */
    INSTALLER /* admin of the installation */
};

enum limit_class { UNLIMITED, BY_IP, BY_SETTINGS, BY_DEFAULT, BY_LOGIN, BY_WEBHOOK };

/* What a body must be, and how long it may be (entry_body). */
enum body_kind {
    NO_BODY,
    JSON_BODY,
    MAIL_BODY, /* JSON with files in it, which are taken out */
    AUTH_BODY,
    WEBHOOK_BODY,
    REPORT_BODY /* a webhook's; of a larger one as much, with req->is_cut */
};

/* One request on its way through the routes. */
struct call {
    struct entry *entry;
    const struct http_req *req;
    struct http_reply *reply;
    const struct router_match *match;
    const json_t *body;       /* JSON_BODY, MAIL_BODY, AUTH_BODY: an object */
    struct lift *files;       /* MAIL_BODY: what was taken out of it */
    struct form query;        /* decoded */
    const struct id *claim;   /* of the Idempotency-Key; NULL: none was sent */
    bool claim_has_operation; /* the claim led to one: that is what the key stands for */
    struct reply_plan *plan;  /* reply_will; NULL: none */
    bool only_looks;          /* a POST that changes nothing: no answer of it is kept for its key */
};

struct route {
    struct router_template at; /* first, so that a router can be made of the table */
    enum access access;
    enum limit_class limit;
    enum body_kind body;
    bool no_csrf; /* refresh: a reloaded page has no token yet */
    enum err (*run)(struct ctx *ctx, struct call *call);
};

extern const struct route routes[];
extern const size_t routes_count;

struct entry *entry_new(const struct parts *parts, const char *profile);
void entry_free(struct entry *e);

/* Puts TRUSTED_PROXIES and CORS_ALLOWED_ORIGINS of c in force; cli/ has checked both. Returns the
 * rules before, which the caller frees after a turn of every loop. */
struct entry_rules *entry_swap_rules(struct entry *e, const struct config *c);
void entry_rules_free(struct entry_rules *r); /* NULL is fine */

/* For struct http_app. */
void entry_body(void *entry, const struct http_req *req, struct http_body *out);
void entry_turn(void *entry, const struct http_req *req, struct http_turn *turn);
void entry_handle(void *entry, struct http_req *req, struct http_reply *reply);
void entry_refuse(void *entry, const struct http_req *req, enum err err, const char *detail,
                  struct http_reply *reply);
