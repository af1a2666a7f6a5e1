/* login_limit: the limit on guessing passwords (RESILIENCE 7, L4). Never switched off.
 *
 * In a minute 5 failures of one address for one account, 30 of all addresses for it, and 30 tries of
 * one address; past that a lockout of 1, 2, 4, 8, then 15 minutes. So one stranger locks nobody else
 * out, and many together only who comes from an address that the account did not sign in from in the
 * last 30 days (since the start). A try is counted as a failure until it is settled, so a thousand
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
