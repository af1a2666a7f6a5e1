#include <string.h>

#include "auth/identity.h"
#include "auth/people.h"
#include "auth/session.h"
#include "http/cookie.h"
#include "routes/limits.h"
#include "routes/people.h"
#include "routes/reply.h"
#include "routes/resources.h"

/* {"user","workspace","csrf_token","profile"}, and the cookie where there is one. */
static enum err answer(struct ctx *ctx, struct call *call, int status, const struct grant *g) {
    struct jsonw w = reply_json(call, status);
    jsonw_object(&w);
    jsonw_key(&w, "user");
    people_write_user(&w, &g->user);
    jsonw_key(&w, "workspace");
    people_write_workspace(&w, &g->workspace);
    jsonw_text_at(&w, "csrf_token", g->csrf[0] ? g->csrf : NULL);
    jsonw_text_at(&w, "profile", call->entry->profile);
    jsonw_object_end(&w);
    if (g->cookie)
        reply_set_cookie(ctx, call, g->cookie);
    return OK;
}

enum err post_auth_setup(struct ctx *ctx, struct call *call) {
    struct grant g = { 0 };
    struct input in = input_of(ctx, call);
    const char *token = input_text(&in, "token", true, 1, 256);
    const char *email = input_text(&in, "email", true, 1, 254);
    const char *password = input_text(&in, "password", true, 12, 256);
    const char *name = input_text(&in, "name", false, 1, 100);
    if (email)
        people_check_email(ctx, email);
    TRY(input_done(&in));
    TRY(limit_login(ctx, call->entry, "")); /* tokens are guessed per address, not per account */
    TRY(auth_setup(ctx, str_of(token), email, str_of(password), name, &g));
    if (call->entry->welcome)
        TRY(call->entry->welcome(call->entry->sandbox_arg, ctx, g.workspace.id));
    return answer(ctx, call, 201, &g);
}

enum err post_auth_login(struct ctx *ctx, struct call *call) {
    struct grant g = { 0 };
    struct input in = input_of(ctx, call);
    const char *email = input_text(&in, "email", true, 1, 254);
    const char *password = input_text(&in, "password", true, 1, 256);
    TRY(input_done(&in));
    TRY(limit_login(ctx, call->entry, email));
    enum err e = auth_login(ctx, email, str_of(password), &g);
    limit_login_done(ctx, call->entry, email, e);
    TRY(e);
    return answer(ctx, call, 200, &g);
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

enum err post_auth_logout(struct ctx *ctx, struct call *call) {
    struct str cookie = cookie_find(call->req, reply_cookie_name(ctx));
    if (cookie.ptr)
        TRY(auth_logout(ctx, cookie));
    reply_clear_cookie(ctx, call);
    return reply_none(call);
}

enum err get_auth_me(struct ctx *ctx, struct call *call) {
    struct grant g;
    TRY(auth_me(ctx, &g));
    memcpy(g.csrf, ctx->who.csrf, sizeof g.csrf);
    return answer(ctx, call, 200, &g);
}
