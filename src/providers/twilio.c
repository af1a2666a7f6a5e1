#include "providers/twilio.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/jsonw.h"

bool twilio_is_account_sid(struct str text) {
    unsigned char raw[16];
    return str_starts(text, STR("AC")) &&
           hex_decode((struct str){ text.ptr + 2, text.len - 2 }, raw, sizeof raw);
}

static void authorize(struct ctx *ctx, const struct upstream_request *req,
                      const struct secret *fields, struct upstream_headers *out) {
    struct str sid = secret_field(fields, "account_sid");
    struct str token = secret_field(fields, "auth_token");
    char *pair = arena_printf(ctx->arena, "%.*s:%.*s", STR_FMT(sid), STR_FMT(token));
    char *encoded = base64_encode(ctx->arena, pair, strlen(pair));
    out->lines[out->count++] = arena_printf(ctx->arena, "Authorization: Basic %s", encoded);
    explicit_bzero(pair, strlen(pair));
    explicit_bzero(encoded, strlen(encoded));
}

/* Twilio numbers what goes wrong: the common ones in our words (twilio.com/docs/api/errors). */
static const struct {
    int64_t code;
    const char *words;
} CODES[] = {
    { 13225, "Twilio does not call this number" },
    { 21201, "there is no number to call" },
    { 21205, "the URL is not one that Twilio can ask" },
    { 21210, "the number to call from is not one of this account" },
    { 21211, "the number to reach is not a valid phone number" },
    { 21212, "the number to call or write from is not a valid phone number" },
    { 21214, "the number to call cannot be reached" },
    { 21215, "the account may not call this country" },
    { 21217, "the number to call is not a valid phone number" },
    { 21408, "the account may not write to this country" },
    { 21606, "the number to write from is not one of this account that can send texts" },
    { 21609, "Twilio cannot reach the address for status callbacks; look at AVA_PUBLIC_URL" },
    { 21610, "this person asked for no more texts" },
    { 21611, "too many texts of this number still wait to be sent" },
    { 21612, "there is no way from this number to that one" },
    { 21614, "the number to reach is not a mobile number" },
    { 21617, "the text is too long" },
    { 30003, "the phone could not be reached" },
    { 30004, "the phone or its carrier blocks texts" },
    { 30005, "the phone number is not known" },
    { 30006, "the number is a landline, or its carrier takes no texts" },
    { 30007, "the carrier took it for spam" },
    { 30008, "the carrier did not say why" },
};

static const char *words_of(int64_t code) {
    for (size_t i = 0; i < ARRAY_LEN(CODES); i++)
        if (CODES[i].code == code)
            return CODES[i].words;
    return NULL;
}

static const char *reason(struct ctx *ctx, struct str body) {
    const char *why;
    json_t *error = json_parse(ctx->arena, body, &why);
    int64_t code = json_i64_or(error, "code", 0);
    const char *words = words_of(code);
    if (code == 0)
        return NULL;
    return words ? arena_printf(ctx->arena, "%s (code %lld).", words, (long long)code)
                 : arena_printf(ctx->arena, "its code is %lld.", (long long)code);
}

const char *twilio_error_words(struct ctx *ctx, int64_t code) {
    const char *words = words_of(code);
    return arena_printf(ctx->arena, "Twilio reports an error: %s (code %lld).",
                        words ? words : "one that it numbers", (long long)code);
}

static const char *account_path(struct ctx *ctx, const char *account_sid) {
    return twilio_path(ctx, account_sid, "");
}

static struct upstream_request get(const struct upstream_credential *c, const char *operation,
                                   const char *path) {
    return (struct upstream_request){ .provider = PROVIDER_TWILIO,
                                      .operation = operation,
                                      .method = "GET",
                                      .path = path,
                                      .credential = c,
                                      .authorize = authorize,
                                      .reason = reason };
}

/* --- numbers --------------------------------------------------------------------------------- */

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

enum err twilio_numbers_read(struct ctx *ctx, const struct upstream_credential *c,
                             const char *account_sid, int limit, const char *cursor,
                             struct upstream_answer *out) {
    struct str query = str_of(arena_printf(ctx->arena, "PageSize=%d", limit));
    if (cursor && !cursor_to_query(ctx, cursor, &query)) {
        ctx_field(ctx, "cursor", "wrong_format", "The cursor is not one that this list gave.");
        return ctx_fields_ok(ctx);
    }
    const char *path = arena_printf(ctx->arena, "%s/IncomingPhoneNumbers.json?%.*s",
                                    account_path(ctx, account_sid), STR_FMT(query));
    struct upstream_request req = get(c, "numbers.list", path);
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
        get(c, "account.get", arena_printf(ctx->arena, "%s.json", account_path(ctx, account_sid)));
    account.digest = to_account;
    TRY(upstream_call(ctx, &account, &answer));
    if (!str_is(answer.body, "active")) {
        ctx->problem.service = provider_name(PROVIDER_TWILIO);
        return ctx_fail(ctx, ERR_ACCOUNT_PROBLEM,
                        "Twilio says that this account is not active; look at it there.");
    }
    struct upstream_request list =
        get(c, "numbers.list",
            arena_printf(ctx->arena, "%s/IncomingPhoneNumbers.json?PageSize=50",
                         account_path(ctx, account_sid)));
    list.digest = to_numbers;
    TRY(upstream_call(ctx, &list, &answer));
    const char *why;
    *numbers =
        (int)json_array_size(json_object_get(json_parse(ctx->arena, answer.body, &why), "numbers"));
    return OK;
}

/* --- what calls and texts share ---------------------------------------------------------------- */

struct upstream_request twilio_request(const struct upstream_credential *c, const char *method,
                                       const char *operation, const char *path) {
    struct upstream_request req = get(c, operation, path);
    req.method = method;
    if (strcmp(method, "POST") == 0)
        req.content_type = "application/x-www-form-urlencoded";
    return req;
}

void twilio_pair(struct buf *form, const char *name, const char *value) {
    if (!value)
        return;
    if (form->len)
        buf_char(form, '&');
    percent_encode(form, str_of(name));
    buf_char(form, '=');
    percent_encode(form, str_of(value));
}

const char *twilio_path(struct ctx *ctx, const char *account_sid, const char *tail) {
    return arena_join(ctx->arena, "/2010-04-01/Accounts/", account_sid, tail);
}

const char *twilio_thing_path(struct ctx *ctx, const char *account_sid, const char *kind,
                              const char *sid) {
    struct buf *path = buf_in(ctx->arena);
    buf_text(path, twilio_path(ctx, account_sid, kind));
    percent_encode(path, str_of(sid));
    buf_text(path, ".json");
    return str_dup(ctx->arena, buf_view(path));
}

/* "Tue, 31 Aug 2010 20:36:28 +0000": an HTTP date but for the zone, which is always this one. */
int64_t twilio_time(const char *text) {
    char http[32];
    int64_t unix_ms;
    size_t len = text ? strlen(text) : 0;
    if (len != 31 || strcmp(text + len - 5, "+0000") != 0)
        return 0;
    memcpy(http, text, len - 5);
    memcpy(http + len - 5, "GMT", 4);
    return clock_parse_http_date(http, strlen(http), &unix_ms) ? unix_ms : 0;
}

enum { CLOCKS_APART_MS = 60 * 1000 };

const char *twilio_search_path(struct ctx *ctx, const char *account_sid, const char *list,
                               const char *filter, const struct twilio_search *search) {
    struct buf *query = buf_in(ctx->arena);
    char since[32];
    clock_rfc3339(search->since_ms - CLOCKS_APART_MS, since);
    memcpy(strchr(since, '.'), "Z", 2); /* whole seconds, as in its samples */
    twilio_pair(query, filter, since);
    twilio_pair(query, "From", search->from);
    twilio_pair(query, "PageSize", arena_printf(ctx->arena, "%d", TWILIO_PAGE));
    twilio_pair(query, "To", search->to);
    return arena_printf(ctx->arena, "%s?%.*s", twilio_path(ctx, account_sid, list),
                        STR_FMT(buf_view(query)));
}

static bool is_text(const json_t *facts, const char *name, const char *wanted) {
    const char *is = json_text(facts, name);
    return is && strcmp(is, wanted) == 0;
}

void twilio_pick(struct ctx *ctx, struct str page, const struct twilio_search *search,
                 struct twilio_matches *out) {
    const char *why;
    json_t *tree = json_parse(ctx->arena, page, &why), *one;
    size_t i;
    *out = (struct twilio_matches){ .is_whole = json_is_true(json_object_get(tree, "is_whole")) };
    json_array_foreach(json_object_get(tree, "found"), i, one) {
        int64_t made_ms = json_i64_or(one, "made_at", 0);
        bool is_like = is_text(one, "to", search->to) && is_text(one, "from", search->from) &&
                       (!search->body || is_text(one, "body", search->body)) &&
                       made_ms >= search->since_ms - CLOCKS_APART_MS &&
                       made_ms <= search->until_ms + CLOCKS_APART_MS;
        if (!is_like)
            continue;
        if (out->count < TWILIO_PAGE)
            out->list[out->count++] = one;
        else
            out->is_whole = false;
    }
}
