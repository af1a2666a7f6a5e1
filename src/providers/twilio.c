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

struct upstream_request twilio_request(const struct upstream_credential *c, const char *method,
                                       const char *operation, const char *path) {
    bool has_form = strcmp(method, "POST") == 0;
    return (struct upstream_request){ .provider = PROVIDER_TWILIO,
                                      .operation = operation,
                                      .method = method,
                                      .path = path,
                                      .content_type =
                                          has_form ? "application/x-www-form-urlencoded" : NULL,
                                      .credential = c,
                                      .authorize = authorize,
                                      .reason = reason };
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
