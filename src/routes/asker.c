#include "routes/asker.h"

#include "auth/identity.h"
#include "http/cookie.h"
#include "routes/reply.h"

/* An Authorization header counts alone, whatever it holds; by_session is asked without one. */
static enum err ask_who(struct ctx *ctx, const struct http_req *req, bool *found,
                        enum err (*by_session)(struct ctx *, struct str, bool *)) {
    struct str header = http_field(req, "authorization");
    *found = false;
    if (header.ptr) {
        struct str scheme = { header.ptr, header.len < 7 ? header.len : 7 };
        if (str_eq_nocase(scheme, STR("bearer ")))
            return auth_by_key(ctx, str_trim((struct str){ header.ptr + 7, header.len - 7 }),
                               found);
        return OK;
    }
    struct str cookie = cookie_find(req, reply_cookie_name(ctx));
    return cookie.ptr ? by_session(ctx, cookie, found) : OK;
}

enum err asker_identify(struct ctx *ctx, const struct http_req *req, bool *found) {
    return ask_who(ctx, req, found, auth_by_session);
}

enum err asker_lasts(struct ctx *ctx, const struct http_req *req, bool *found) {
    return ask_who(ctx, req, found, auth_session_lasts);
}
