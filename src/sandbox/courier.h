/* courier: tells what became of a call or a text to the URL that was given for it, when it happens.
 *
 * It reads records (a JSON object of the provider's world, which keeps the rest in it):
 *     "kind"      "status", "message-status": of caller.h
 *     "callback"  where to; a fragment like #rc=5&rp=ct,5xx says how many retries, and of what: when
 *                 nobody answers (ct, rt), or with an answer of 5xx. One of ct without it
 *     "account_sid", "token"  who signs
 *     or, of kind "vapi", "headers" that go along and "tries" at most; params is the JSON body then
 *     or, of kind "resend", the "secret" that signs it (crypto/standard_webhook.h) and "tries"
 *     "steps"     [{"at": Unix ms, "params": {...}?}], in order; without params nothing is told
 *     "told"      how many steps are behind it
 * One step of a record is under way at a time, so that they arrive in order. All of it happens on
 * the sandbox's own thread; the clock seam says when. */
#pragma once

#include <jansson.h>

#include "sandbox/caller.h"

struct courier;

struct courier_host {
    /* Sends the letter once, on a fiber: the status, 0 when nobody answered. answer (NULL: not wanted)
     * is the arena's. */
    int (*send)(void *arg, struct arena *a, const char *url, const struct caller_letter *letter,
                struct str *answer);
    bool (*is_stopping)(void *arg);
    void *arg;
};

struct courier *courier_new(const struct courier_host *host);
void courier_free(struct courier *c); /* after its loop has ended; NULL is fine */

/* Sends one letter of its kind now and waits for the answer, without a second try; url and headers as
 * in a record. On a fiber. */
int courier_ask(struct courier *c, struct arena *a, const char *url, const json_t *headers,
                const json_t *params, struct str *answer);

/* Follows the record to its last step, with a reference of its own. On a fiber. */
void courier_follow(struct courier *c, json_t *record);
