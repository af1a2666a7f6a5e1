#include "routes/pages.h"

#include <string.h>

#include "auth/session.h"
#include "http/assets.h"

/* RESILIENCE 13. */
static const char POLICY[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'";

static void put_policy(struct http_reply *reply) {
    http_reply_header_text(reply, "Content-Security-Policy", POLICY);
    http_reply_header_text(reply, "Referrer-Policy", "no-referrer");
    http_reply_header_text(reply, "Cross-Origin-Opener-Policy", "same-origin");
    http_reply_header_text(reply, "X-Frame-Options", "DENY");
}

enum err pages_asset(struct ctx *ctx, struct call *call, const char *path) {
    const struct asset *asset = asset_find(str_of(path));
    if (!asset)
        return ctx_fail(ctx, ERR_NOT_FOUND,
                        "This program was built without the dashboard; run make build.");
    asset_reply(asset, call->req, call->reply);
    put_policy(call->reply);
    return OK;
}

static bool is_screen(struct str path) {
    static const char *const SCREENS[] = { "/",          "/signin",  "/setup",    "/calls",
                                           "/assistant", "/numbers", "/messages", "/connections",
                                           "/activity",  "/people",  "/admin",    "/account" };
    static const struct str WITH_DETAIL[] = { { "/calls/", 7 },
                                              { "/activity/", 10 },
                                              { "/admin/", 7 } };
    for (size_t i = 0; i < ARRAY_LEN(SCREENS); i++)
        if (str_is(path, SCREENS[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(WITH_DETAIL); i++)
        if (path.len > WITH_DETAIL[i].len && str_starts(path, WITH_DETAIL[i]))
            return true;
    return false;
}

enum err pages_serve(struct ctx *ctx, struct call *call) {
    const struct http_req *req = call->req;
    bool needed = false;
    if (req->method != METHOD_GET && req->method != METHOD_HEAD)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is nothing at this address.");
    if (str_starts(req->path, STR("/assets/")) && asset_find(req->path))
        return pages_asset(ctx, call, str_dup(ctx->arena, req->path));
    if (!is_screen(req->path))
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is nothing at this address.");
    TRY(pages_asset(ctx, call, "/index.html"));
    TRY(auth_setup_needed(ctx, &needed));
    if (needed && !str_is(req->path, "/setup") && call->reply->status == 200)
        call->reply->status = 503; /* the page says: finish setup on the server */
    return OK;
}

void pages_escape(struct buf *out, const char *text) {
    for (const char *p = text; *p; p++) {
        if (*p == '<')
            buf_text(out, "&lt;");
        else if (*p == '>')
            buf_text(out, "&gt;");
        else if (*p == '&')
            buf_text(out, "&amp;");
        else if (*p == '"')
            buf_text(out, "&quot;");
        else
            buf_char(out, *p);
    }
}

static void put_mark(struct buf *out, struct str name, const struct page *page) {
    if (str_is(name, "language"))
        buf_text(out, page->language);
    else
        buf_str(out, buf_view(str_is(name, "title") ? page->title : page->body));
}

enum err pages_frame(struct ctx *ctx, struct call *call, const struct page *page) {
    static const struct str MARK = { "<!--ava:", 8 }, END = { "-->", 3 };
    const struct asset *frame = asset_find(STR("/page.html"));
    struct str rest = frame ? (struct str){ (const char *)frame->plain.data, frame->plain.len }
                            : STR("<!doctype html><title><!--ava:title--></title><!--ava:body-->");
    struct buf *out = &call->reply->body;
    ptrdiff_t at, len;
    while ((at = str_find(rest, MARK)) >= 0) {
        buf_put(out, rest.ptr, (size_t)at);
        rest.ptr += (size_t)at + MARK.len;
        rest.len -= (size_t)at + MARK.len;
        if ((len = str_find(rest, END)) < 0)
            break;
        put_mark(out, (struct str){ rest.ptr, (size_t)len }, page);
        rest.ptr += (size_t)len + END.len;
        rest.len -= (size_t)len + END.len;
    }
    buf_str(out, rest);
    call->reply->content_type = "text/html; charset=utf-8";
    http_reply_header_text(call->reply, "Cache-Control", "no-cache");
    put_policy(call->reply);
    return OK;
}
