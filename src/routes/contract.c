/* The contract, its reference page, and one page for each thing that can go wrong. */
#include "http/status.h"
#include "routes/pages.h"
#include "routes/reply.h"
#include "routes/resources.h"

enum err get_openapi(struct ctx *ctx, struct call *call) {
    return pages_asset(ctx, call, "/openapi.json");
}

enum err get_docs(struct ctx *ctx, struct call *call) {
    return pages_asset(ctx, call, "/docs.html");
}

static void put_part(struct buf *b, const char *heading, const char *text, bool is_code) {
    buf_printf(b, "<h2>%s</h2>\n", heading);
    buf_text(b, is_code ? "<pre><code>" : "<p>");
    pages_escape(b, text);
    buf_text(b, is_code ? "</code></pre>\n" : "</p>\n");
}

enum err get_problem(struct ctx *ctx, struct call *call) {
    for (enum err e = OK + 1; e < ERR_COUNT; e++) {
        const struct err_info *info = err_info(e);
        if (!str_is(call->match->params[0], info->code))
            continue;
        struct buf title = { 0 }, escaped = { 0 }, body = { 0 };
        status_title(&title, info->title, NULL);
        pages_escape(&escaped, title.ptr);
        buf_printf(&body, "<p><code>%s</code>, HTTP status %d</p>\n", info->code, info->status);
        put_part(&body, "What it means", info->meaning, false);
        put_part(&body, "What to do", info->remedy, false);
        put_part(&body, "How to check", info->check, true);
        put_part(&body, "Related metric", info->metric, true);
        enum err done = pages_frame(ctx, call, escaped.ptr, buf_view(&body));
        buf_fini(&title);
        buf_fini(&escaped);
        buf_fini(&body);
        return done;
    }
    return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such problem code.");
}
