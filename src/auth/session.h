/* session: signing in, staying in, signing out (RESILIENCE 13).
 *
 * A session id serves the API for 15 minutes and auth/refresh for 8 idle hours, at most 7 days in
 * all; refresh rotates it. The old id keeps working for 30 s; used later it ends the session. */
#pragma once

#include "store/people.h"

enum { SETUP_LINK_MINUTES = 30 };

/* What a successful sign-in hands out. */
struct grant {
    const char *cookie; /* the id itself; stored only as a hash */
    char csrf[48];
    struct user user;
    struct workspace workspace;
};

/* ERR_INVALID on the field "password" for a wrong address and a wrong password alike. */
enum err auth_login(struct ctx *ctx, const char *email, struct str password, struct grant *out);

/* The first account, by the token of the setup link. ERR_FORBIDDEN for a used or old token. */
enum err auth_setup(struct ctx *ctx, struct str token, const char *email, struct str password,
                    const char *name, struct grant *out);

/* ERR_SESSION_REQUIRED when the cookie is over or was used after its rotation. */
enum err auth_refresh(struct ctx *ctx, struct str cookie, struct grant *out);
/* The session goes on in another workspace of the person, where it stays. ERR_NOT_FOUND when they belong to no such
 * one, ERR_SESSION_REQUIRED when the cookie is over or was rotated. */
enum err auth_move(struct ctx *ctx, struct str cookie, const char *workspace_id, struct grant *out);
/* Ends the session of any cookie that auth_refresh would take; OK for one that is over. */
enum err auth_logout(struct ctx *ctx, struct str cookie);

/* Somebody's own password. API keys stay unless revoke_keys says otherwise: they are other secrets,
 * and a backend that runs on one must not stop because its person has a new password. */
struct password_change {
    struct str current, next;
    bool revoke_keys;
};
struct password_changed {
    struct grant grant; /* a new session; all others of the person are over */
    int64_t keys_kept, keys_revoked;
};
/* ERR_INVALID on "current_password" when that is not right. */
enum err auth_password_change(struct ctx *ctx, const struct user *user,
                              const struct password_change *change, struct password_changed *out);

/* Of the one who asks now, for auth/me: user and workspace; cookie and csrf stay empty. */
enum err auth_me(struct ctx *ctx, struct grant *out);

/* A fresh setup token, good for SETUP_LINK_MINUTES. */
enum err auth_setup_token(struct ctx *ctx, const char **token);
enum err auth_setup_needed(struct ctx *ctx, bool *needed); /* no account exists */

/* Removes sessions, invitations and setup tokens that are over; now and then. */
enum err auth_sweep(struct ctx *ctx);
