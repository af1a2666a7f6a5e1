#include "providers/twilio_numbers.h"

#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/jsonw.h"

static bool is_number(const json_t *n) {
    return json_is_object(n) && json_text(n, "sid") && json_text(n, "phone_number");
}

static void number_write(struct jsonw *w, const json_t *n) {
    const json_t *can = json_object_get(n, "capabilities");
    static const char *const KINDS[] = { "voice", "sms", "mms" };
    jsonw_object(w);
    jsonw_text_at(w, "id", NULL); /* numbers get Ava's own id when they are imported */
    jsonw_text_at(w, "provider_id", json_text(n, "sid"));
    jsonw_text_at(w, "phone_number", json_text(n, "phone_number"));
    jsonw_text_at(w, "friendly_name", json_text(n, "friendly_name"));
    jsonw_key(w, "capabilities");
    jsonw_object(w);
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        const json_t *yes = json_object_get(can, KINDS[i]);
        if (!yes && i) /* the samples write SMS and MMS in capitals */
            yes = json_object_get(can, i == 1 ? "SMS" : "MMS");
        jsonw_bool_at(w, KINDS[i], json_is_true(yes));
    }
    jsonw_object_end(w);
    jsonw_text_at(w, "voice_url", json_text(n, "voice_url"));
    jsonw_text_at(w, "sms_url", json_text(n, "sms_url"));
    jsonw_bool_at(w, "imported", false);
    jsonw_object_end(w);
}

/* next_page_uri is relative and names our own list; anything else is not followed. */
static bool is_next_page(const char *uri, const char **cursor, struct ctx *ctx) {
    struct str path = str_of(uri), query;
    const char *list = "/IncomingPhoneNumbers.json";
    if (!str_starts(path, STR("/2010-04-01/Accounts/AC")))
        return false;
    struct str before = str_cut(path, '?', &query);
    if (!str_ends(before, str_of(list)) || !query.len || query.len > 1024)
        return false;
    *cursor = base64url_encode(ctx->arena, query.ptr, query.len);
    return true;
}

static bool to_numbers(struct ctx *ctx, struct str body, struct str *kept) {
    const char *why, *cursor = NULL;
    json_t *page = json_parse(ctx->arena, body, &why), *n;
    const json_t *list = json_object_get(page, "incoming_phone_numbers");
    const json_t *next = json_object_get(page, "next_page_uri");
    size_t i;
    if (!json_is_array(list) || (next && !json_is_null(next) && !json_is_string(next)) ||
        (json_is_string(next) && json_string_length(next) &&
         !is_next_page(json_string_value(next), &cursor, ctx)))
        return false;
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    jsonw_key(&w, "numbers");
    jsonw_list(&w);
    json_array_foreach(list, i, n) {
        if (!is_number(n))
            return false;
        number_write(&w, n);
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

static const char *list_path(struct ctx *ctx, const char *account_sid, const char *query) {
    return arena_join(ctx->arena, twilio_path(ctx, account_sid, "/IncomingPhoneNumbers.json"), "?",
                      query);
}

enum err twilio_numbers_read(struct ctx *ctx, const struct upstream_credential *c,
                             const char *account_sid, int limit, const char *cursor,
                             struct upstream_answer *out) {
    struct str query = str_of(arena_printf(ctx->arena, "PageSize=%d", limit));
    if (cursor && !cursor_to_query(ctx, cursor, &query)) {
        ctx_field(ctx, "cursor", "wrong_format", "The cursor is not one that this list gave.");
        return ctx_fields_ok(ctx);
    }
    const char *path =
        list_path(ctx, account_sid, arena_printf(ctx->arena, "%.*s", STR_FMT(query)));
    struct upstream_request req = twilio_request(c, "GET", "numbers.list", path);
    req.digest = to_numbers;
    req.resource = "numbers";
    return upstream_call(ctx, &req, out);
}

/* --- checking a credential ------------------------------------------------------------------- */

static bool to_account(struct ctx *ctx, struct str body, struct str *kept) {
    const char *why;
    json_t *account = json_parse(ctx->arena, body, &why);
    const char *status = json_text(account, "status");
    if (!status || !json_text(account, "sid"))
        return false;
    *kept = str_of(status);
    return true;
}

enum err twilio_check(struct ctx *ctx, const struct upstream_credential *c, const char *account_sid,
                      int *numbers) {
    struct upstream_answer answer;
    struct upstream_request account =
        twilio_request(c, "GET", "account.get", twilio_path(ctx, account_sid, ".json"));
    account.digest = to_account;
    TRY(upstream_call(ctx, &account, &answer));
    if (!str_is(answer.body, "active")) {
        ctx->problem.service = provider_name(PROVIDER_TWILIO);
        return ctx_fail(ctx, ERR_ACCOUNT_PROBLEM,
                        "Twilio says that this account is not active; look at it there.");
    }
    struct upstream_request list =
        twilio_request(c, "GET", "numbers.list", list_path(ctx, account_sid, "PageSize=50"));
    list.digest = to_numbers;
    TRY(upstream_call(ctx, &list, &answer));
    const char *why;
    *numbers =
        (int)json_array_size(json_object_get(json_parse(ctx->arena, answer.body, &why), "numbers"));
    return OK;
}
