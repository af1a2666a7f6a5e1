/* password: hashing and checking passwords beside the loop. Two at a time, sixteen may wait; more
 * get ERR_OVERLOADED (RESILIENCE 13: each takes 64 MiB). One address (of IPv6 a /48) waits in one
 * place. Where somebody signed in before (since the start), four may wait, eight more places are kept
 * for those, and two of three turns are theirs. */
#pragma once

#include "obs/ctx.h"

enum { PASSWORD_MIN_CHARS = 12, PASSWORD_MAX_CHARS = 256 };

/* Somebody just signed in from where this request comes from. */
void auth_password_known(const struct ctx *ctx);

enum err auth_password_hash(struct ctx *ctx, struct str password, const char **phc);

/* phc NULL stands for an unknown user and takes as long. *rehashed is the same password under
 * today's parameters when phc has older ones and there was room to make it, else NULL. Want of memory is
 * ERR_OVERLOADED, never a wrong password. */
enum err auth_password_verify(struct ctx *ctx, const char *phc, struct str password, bool *good,
                              const char **rehashed);
