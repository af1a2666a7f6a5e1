/* login_limit: the limit on guessing passwords (RESILIENCE 7, L4). Never switched off.
 *
 * In a minute 5 failures of one address for one account, 30 of all addresses for it, and 30 tries of
 * one address; past that a lockout of 1, 2, 4, 8, then 15 minutes. So one stranger locks nobody else
 * out, and many together only who comes from an address that the account did not sign in from in the
 * last 30 days (since the start). A browser that signed in before is counted for itself alone, with 5
 * failures a minute: what strangers do does not touch it, nor what it does them. A try is counted as a failure until it is settled, so a thousand
 * guesses at once are no better than five. An hour of quiet forgets the lockouts, for an account and
 * an address a success too. Thread safe, bounded like ratelimit. */
#pragma once

#include "resilience/ratelimit.h"

struct login_limit;

struct login_limit *login_limit_new(void);
void login_limit_free(struct login_limit *l); /* NULL is fine */

/* account: normalised by the caller; empty when there is none (OAuth start). ip: IPv6 as /64. */
struct ratelimit_result login_limit_enter(struct login_limit *l, struct str account, struct str ip,
                                          int64_t now_ms);

enum login_verdict { LOGIN_FAILED, LOGIN_SUCCEEDED, LOGIN_UNDECIDED /* we could not check */ };

/* After each enter that was allowed. */
void login_limit_settle(struct login_limit *l, struct str account, struct str ip,
                        enum login_verdict v, int64_t now_ms);

/* The same for a browser that signed in to the account before, in place of the two above; device: its
 * secret. The caller has proven that it is the account's. */
struct ratelimit_result login_limit_enter_device(struct login_limit *l, struct str device,
                                                 int64_t now_ms);
void login_limit_settle_device(struct login_limit *l, struct str device, enum login_verdict v,
                               int64_t now_ms);
