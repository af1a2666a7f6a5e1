/* One page for each thing that can go wrong, in English and in German. */
#include "http/accept.h"
#include "http/status.h"
#include "routes/pages.h"
#include "routes/resources.h"

static const char *const LANGUAGES[] = { "en", "de", NULL };

static const struct german {
    const char *title, *meaning, *remedy;
} GERMAN[ERR_COUNT] = {
#define GERMAN(name, title, meaning, remedy) [ERR_##name] = { title, meaning, remedy },
#include "routes/problems_de.def"
#undef GERMAN
};

static void put_part(struct buf *b, const char *heading, const char *text, bool is_code) {
    buf_printf(b, "<h2>%s</h2>\n", heading);
    buf_text(b, is_code ? "<pre><code>" : "<p>");
    pages_escape(b, text);
    buf_text(b, is_code ? "</code></pre>\n" : "</p>\n");
}

static void put_english(const struct err_info *info, struct buf *title, struct buf *body) {
    status_title(title, info->title, NULL);
    buf_printf(body, "<p><code>%s</code>, HTTP status %d</p>\n", info->code, info->status);
    put_part(body, "What it means", info->meaning, false);
    put_part(body, "What to do", info->remedy, false);
    put_part(body, "How to check", info->check, true);
    put_part(body, "Related metric", info->metric, true);
}

static void put_german(const struct err_info *info, const struct german *words, struct buf *title,
                       struct buf *body) {
    buf_text(title, words->title);
    buf_printf(body, "<p><code>%s</code>, HTTP-Status %d</p>\n", info->code, info->status);
    put_part(body, "Was es bedeutet", words->meaning, false);
    put_part(body, "Was zu tun ist", words->remedy, false);
    put_part(body, "Wie Sie es prüfen", info->check, true);
    put_part(body, "Zugehörige Metrik", info->metric, true);
}

enum err get_problem(struct ctx *ctx, struct call *call) {
    struct str code = call->match->params[0];
    enum err e = err_by_code(str_dup(ctx->arena, code));
    if (e == OK)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such problem code.");
    struct buf *title = buf_in(ctx->arena), *escaped = buf_in(ctx->arena);
    struct page page = { .body = buf_in(ctx->arena) };
    page.language = accept_language(http_field(call->req, "accept-language"), LANGUAGES);
    if (page.language == LANGUAGES[0])
        put_english(err_info(e), title, page.body);
    else
        put_german(err_info(e), &GERMAN[e], title, page.body);
    pages_escape(escaped, title->ptr);
    page.title = escaped;
    http_reply_header_text(call->reply, "Vary", "Accept-Language");
    return pages_frame(ctx, call, &page);
}
