#include <string.h>

#include "auth/devices.h"
#include "auth/identity.h"
#include "auth/password.h"
#include "auth/people.h"
#include "auth/session.h"
#include "http/cookie.h"
#include "routes/limits.h"
#include "routes/people.h"
#include "routes/reply.h"
#include "routes/resources.h"

/* {"user","workspace","csrf_token","profile"}, and the cookie where there is one. */
static void write_grant(struct call *call, struct jsonw *w, const struct grant *g) {
    jsonw_key(w, "user");
    people_write_user(w, &g->user);
    jsonw_key(w, "workspace");
    people_write_workspace(w, &g->workspace);
    jsonw_text_at(w, "csrf_token", g->csrf[0] ? g->csrf : NULL);
    jsonw_text_at(w, "profile", call->entry->profile);
}

static enum err answer(struct ctx *ctx, struct call *call, int status, const struct grant *g) {
    struct jsonw w = reply_json(call, status);
    jsonw_object(&w);
    write_grant(call, &w, g);
    jsonw_object_end(&w);
    if (g->cookie)
        reply_set_cookie(ctx, call, g->cookie);
    return OK;
}

/* *device: the cookie of a browser that signed in to this account before; empty when there is none. */
static enum err find_device(struct ctx *ctx, struct call *call, const char *email,
                            struct str *device) {
    struct str cookie = cookie_find(call->req, reply_device_name(ctx));
    bool found;
    *device = (struct str){ NULL, 0 };
    TRY(auth_device_find(ctx, cookie, email, &found));
    if (!found)
        return OK;
    auth_password_known(ctx); /* wherever it is now, it waits in the places kept for such */
    *device = cookie;
    return OK;
}

/* Behind the session's cookie. Who is signed in stays so when this cannot be written. */
static void keep_device(struct ctx *ctx, struct call *call, const char *user_id) {
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    const char *value;
    struct str cookie = cookie_find(call->req, reply_device_name(ctx));
    if (auth_device_keep(ctx, cookie, user_id, &value) == OK)
        reply_set_device(ctx, call, value, (int64_t)DEVICE_DAYS * 24 * 3600);
}

enum err post_auth_setup(struct ctx *ctx, struct call *call) {
    struct grant g = { 0 };
    struct input in = input_of(ctx, call);
    const char *token = input_text(&in, "token", true, 1, 256);
    const char *email = input_text(&in, "email", true, 1, 254);
    const char *password =
        input_text(&in, "password", true, PASSWORD_MIN_CHARS, PASSWORD_MAX_CHARS);
    const char *name = input_name(&in, "name", false, 100);
    if (email)
        people_check_email(ctx, email);
    TRY(input_done(&in));
    TRY(limit_login(ctx, call->entry, "",
                    STR(""))); /* tokens are guessed per address, not per account */
    TRY(auth_setup(ctx, str_of(token), email, str_of(password), name, &g));
    if (call->entry->welcome)
        TRY(call->entry->welcome(call->entry->sandbox_arg, ctx, g.workspace.id));
    TRY(answer(ctx, call, 201, &g));
    keep_device(ctx, call, g.user.id);
    return OK;
}

enum err post_auth_login(struct ctx *ctx, struct call *call) {
    struct grant g = { 0 };
    struct str device;
    struct input in = input_of(ctx, call);
    const char *email = input_text(&in, "email", true, 1, 254);
    const char *password = input_text(&in, "password", true, 1, 256);
    TRY(input_done(&in));
    TRY(find_device(ctx, call, email, &device));
    TRY(limit_login(ctx, call->entry, email, device));
    enum err e = auth_login(ctx, email, str_of(password), &g);
    limit_login_done(ctx, call->entry, email, device, e);
    TRY(e);
    TRY(answer(ctx, call, 200, &g));
    keep_device(ctx, call, g.user.id);
    return OK;
}

enum err post_auth_refresh(struct ctx *ctx, struct call *call) {
    struct grant g = { 0 };
    struct str cookie = cookie_find(call->req, reply_cookie_name(ctx));
    if (!cookie.ptr)
        return ctx_fail(ctx, ERR_SESSION_REQUIRED, "Sign in first; there is no session to renew.");
    enum err e = auth_refresh(ctx, cookie, &g);
    if (e == ERR_SESSION_REQUIRED)
        reply_clear_cookie(ctx, call);
    TRY(e);
    return answer(ctx, call, 200, &g);
}

enum err put_auth_workspace(struct ctx *ctx, struct call *call) {
    struct grant g = { 0 };
    struct str cookie = cookie_find(call->req, reply_cookie_name(ctx));
    struct input in = input_of(ctx, call);
    const char *id = input_text(&in, "workspace_id", true, 1, ID_BYTES);
    TRY(input_done(&in));
    if (ctx->who.key_id[0] || !cookie.ptr)
        return ctx_fail(ctx, ERR_FORBIDDEN,
                        "An API key is for one workspace; only somebody signed in can go to "
                        "another.");
    TRY(auth_move(ctx, cookie, id, &g));
    return answer(ctx, call, 200, &g);
}

enum err post_auth_logout(struct ctx *ctx, struct call *call) {
    struct str cookie = cookie_find(call->req, reply_cookie_name(ctx));
    if (cookie.ptr)
        TRY(auth_logout(ctx, cookie));
    reply_clear_cookie(ctx, call);
    return reply_none(call);
}

enum err put_auth_password(struct ctx *ctx, struct call *call) {
    struct password_changed changed;
    struct user me;
    struct str device;
    bool is_given;
    struct input in = input_of(ctx, call);
    const char *current = input_text(&in, "current_password", true, 1, PASSWORD_MAX_CHARS);
    const char *next =
        input_text(&in, "new_password", true, PASSWORD_MIN_CHARS, PASSWORD_MAX_CHARS);
    bool revoke_keys = input_bool(&in, "revoke_keys", &is_given);
    TRY(input_done(&in));
    if (ctx->who.key_id[0])
        return ctx_fail(ctx, ERR_FORBIDDEN, "Sign in to change a password; an API key cannot.");
    TRY(people_get(ctx, ctx->who.user_id, &me));
    TRY(find_device(ctx, call, me.email, &device));
    TRY(limit_login(ctx, call->entry, me.email, device));
    struct password_change c = { str_of(current), str_of(next), revoke_keys };
    enum err e = auth_password_change(ctx, &me, &c, &changed);
    limit_login_done(ctx, call->entry, me.email, device, e);
    TRY(e);
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    write_grant(call, &w, &changed.grant);
    jsonw_i64_at(&w, "keys_kept", changed.keys_kept);
    jsonw_i64_at(&w, "keys_revoked", changed.keys_revoked);
    jsonw_object_end(&w);
    reply_set_cookie(ctx, call, changed.grant.cookie);
    keep_device(ctx, call, me.id);
    return OK;
}

enum err get_auth_me(struct ctx *ctx, struct call *call) {
    struct grant g;
    TRY(auth_me(ctx, &g));
    memcpy(g.csrf, ctx->who.csrf, sizeof g.csrf);
    return answer(ctx, call, 200, &g);
}
