#include "providers/twilio.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"

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
                                      .authorize = authorize };
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
