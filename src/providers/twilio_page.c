#include "providers/twilio_page.h"

#include <string.h>

#include "base/encode.h"
#include "base/json.h"

/* It must name our own list; anything else is not followed. */
static bool is_next_page(struct ctx *ctx, const char *uri, const char *list, const char **cursor) {
    struct str query;
    if (!str_starts(str_of(uri), STR("/2010-04-01/Accounts/AC")))
        return false;
    struct str before = str_cut(str_of(uri), '?', &query);
    if (!str_ends(before, str_of(list)) || !query.len || query.len > 1024)
        return false;
    *cursor = base64url_encode(ctx->arena, query.ptr, query.len);
    return true;
}

bool twilio_page_next(struct ctx *ctx, const json_t *tree, const char *list, const char **cursor) {
    const json_t *next = json_object_get(tree, "next_page_uri");
    *cursor = NULL;
    if (!next || json_is_null(next) || (json_is_string(next) && !json_string_length(next)))
        return true;
    return json_is_string(next) && is_next_page(ctx, json_string_value(next), list, cursor);
}

bool twilio_page(struct ctx *ctx, const json_t *tree, const struct twilio_page *page,
                 struct str *kept) {
    const char *cursor;
    const json_t *one;
    const json_t *items = json_object_get(tree, page->theirs);
    size_t i;
    if (!json_is_array(items) || !twilio_page_next(ctx, tree, page->list, &cursor))
        return false;
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    jsonw_key(&w, page->ours);
    jsonw_list(&w);
    json_array_foreach(items, i, one) {
        page->write(ctx, &w, one);
    }
    jsonw_list_end(&w);
    jsonw_text_at(&w, "next_cursor", cursor);
    jsonw_object_end(&w);
    *kept = buf_view(out);
    return true;
}

static bool is_query_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~=&%+", c));
}

/* Base64url without padding back to a query of Twilio's; only characters a query has. */
static bool cursor_to_query(struct ctx *ctx, const char *cursor, struct str *query) {
    size_t len = strlen(cursor);
    if (len == 0 || len > 1400)
        return false;
    char *padded = arena_alloc(ctx->arena, len + 4);
    memcpy(padded, cursor, len);
    for (size_t i = 0; i < len; i++)
        padded[i] = cursor[i] == '-' ? '+' : cursor[i] == '_' ? '/' : cursor[i];
    while (len % 4)
        padded[len++] = '=';
    if (!base64_decode(ctx->arena, (struct str){ padded, len }, query))
        return false;
    for (size_t i = 0; i < query->len; i++)
        if (!is_query_char(query->ptr[i]))
            return false;
    return query->len > 0;
}

enum err twilio_page_path(struct ctx *ctx, const char *account_sid, const char *list,
                          struct str query, const char *cursor, const char **path) {
    if (cursor && !cursor_to_query(ctx, cursor, &query)) {
        ctx_field(ctx, "cursor", "wrong_format", "The cursor is not one that this list gave.");
        return ctx_fields_ok(ctx);
    }
    *path =
        arena_printf(ctx->arena, "%s?%.*s", twilio_path(ctx, account_sid, list), STR_FMT(query));
    return OK;
}
