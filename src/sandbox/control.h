/* control: the API under /sandbox/api, as openapi.yaml has it. Any thread. */
#pragma once

#include "http/message.h"
#include "obs/ctx.h"
#include "sandbox/caller.h"
#include "sandbox/faults.h"
#include "sandbox/ledger.h"
#include "sandbox/pretend_smtp.h"

enum { CONTROL_SENDS_MAX = 21 };

struct control_sending {
    const struct caller_webhook *what;
    int count;
    int statuses[CONTROL_SENDS_MAX]; /* 0: no answer */
    char resource[40];
};

struct control {
    struct faults *faults;
    struct ledger *ledger;
    const char *vapi_url, *twilio_url, *resend_url, *google_url, *microsoft_url;
    /* Sends it and waits; from any thread, on a fiber or not. */
    void (*send)(void *arg, struct control_sending *sending);
    /* Lets a pretend provider do what is asked beside its API, on its own thread; waits. tail: what stands
     * behind its name. ERR_NOT_FOUND: none of that name does anything. */
    enum err (*stage)(void *arg, struct ctx *ctx, struct str provider, const struct http_req *req,
                      struct str tail, json_t *body, struct http_reply *reply);
    /* Shows its page of consent, or takes the answer; likewise. */
    enum err (*consent)(void *arg, struct ctx *ctx, struct str provider, const struct http_req *req,
                        struct http_reply *reply);
    void *arg;
    struct pretend_smtp *smtp;
};

/* Names each field of the body that is none of these. */
void control_refuse_unknown(struct ctx *ctx, json_t *body, const char *const *known, size_t count);

enum err control_serve(const struct control *c, struct ctx *ctx, const struct http_req *req,
                       struct http_reply *reply);
