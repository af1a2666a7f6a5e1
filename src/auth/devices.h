/* devices: which browser signed in before ("device cookies", as OWASP describes them).
 *
 * A random token in a cookie of its own, stored as a hash and bound to one person. It opens nothing: it
 * only lets the tries of this browser be counted apart from those of strangers, who would otherwise lock
 * the person out. It survives restarts and works from any network. Who signs in as somebody else in the
 * same browser takes the cookie over. A new password ends all of a person's. */
#pragma once

#include "obs/ctx.h"

enum { DEVICE_DAYS = 180 }; /* without a sign-in */

/* Did somebody sign in to this account with that cookie? cookie.ptr may be NULL. */
enum err auth_device_find(struct ctx *ctx, struct str cookie, const char *email, bool *found);

/* After a sign-in: *out is what the browser shall keep, the same again when it is this person's. */
enum err auth_device_keep(struct ctx *ctx, struct str cookie, const char *user_id,
                          const char **out);
