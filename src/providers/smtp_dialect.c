#include "providers/smtp_dialect.h"

#include <string.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/mailbox.h"
#include "providers/outbound.h"
#include "providers/smtp.h"

enum { PASSWORD_MAX_BYTES = 512 }; /* so that all fields fit into one secret */

/* --- fields one by one ------------------------------------------------------------------------ */

static const char *wrong_host(struct str text) {
    struct outbound_url parts;
    return outbound_host_parse(text, &parts);
}

static const char *wrong_security(struct str text) {
    return str_is(text, "starttls") || str_is(text, "tls") || str_is(text, "none")
               ? NULL
               : "Set security to starttls (usually port 587), tls (usually port 465) or none.";
}

static void check_port(struct ctx *ctx, const json_t *value) {
    if (!json_is_integer(value))
        ctx_field_range(ctx, "port", "wrong_type", 1, 65535,
                        "The field port must be a whole number from 1 to 65535; 587 is usual for "
                        "starttls, 465 for tls.");
    else if (json_integer_value(value) < 1 || json_integer_value(value) > 65535)
        ctx_field_range(
            ctx, "port", "out_of_range", 1, 65535,
            "The field port must be 1 to 65535; 587 is usual for starttls, 465 for tls.");
}

/* Passwords of mail accounts have blanks and letters of any kind. */
static void check_password(struct ctx *ctx, const json_t *value) {
    const char *text = json_string_value(value);
    size_t bytes = json_string_length(value);
    if (!text)
        ctx_field(ctx, "password", "wrong_type", "The field password must be a text.");
    else if (bytes < 1 || bytes > PASSWORD_MAX_BYTES)
        ctx_field_range(ctx, "password", bytes ? "too_long" : "too_short", 1, PASSWORD_MAX_BYTES,
                        "The field password needs 1 to 512 bytes.");
    else if (bytes != strlen(text) || strpbrk(text, "\r\n"))
        ctx_field(ctx, "password", "wrong_format", "The field password has a line break.");
}

static void check_from(struct ctx *ctx, const json_t *value) {
    const char *text = json_string_value(value);
    const char *name, *address;
    const char *why = text ? mailbox_split(ctx->arena, str_of(text), &name, &address)
                           : "The field from must be a text.";
    if (why)
        ctx_field(ctx, "from", text ? "wrong_format" : "wrong_type", why);
}

static void check_fallback(struct ctx *ctx, const json_t *value) {
    if (!json_is_boolean(value))
        ctx_field(ctx, "fallback", "wrong_type", "The field fallback must be true or false.");
}

static const struct dialect_field FIELDS[] = {
    { .name = "host", .is_required = true, .chars_max = 253, .wrong = wrong_host },
    { .name = "port", .check_object = check_port },
    { .name = "username", .chars_max = 320 },
    { .name = "password", .is_secret = true, .check_object = check_password },
    { .name = "from", .check_object = check_from },
    { .name = "security", .is_required = true, .chars_max = 8, .wrong = wrong_security },
    { .name = "fallback", .check_object = check_fallback },
};

/* --- fields together -------------------------------------------------------------------------- */

static bool is_loopback(const char *host) {
    struct outbound_url parts;
    if (outbound_host_parse(str_of(host), &parts))
        return false;
    if (!parts.is_address)
        return strcmp(parts.host, "localhost") == 0;
    static const unsigned char ONE[16] = { [15] = 1 };
    return parts.address.family == AF_INET ? parts.address.bytes[0] == 127
                                           : memcmp(parts.address.bytes, ONE, sizeof ONE) == 0;
}

static bool is_there(const json_t *body, const char *name) {
    const json_t *value = json_object_get(body, name);
    return value && !json_is_null(value);
}

static void check_fields(struct ctx *ctx, const json_t *body) {
    const char *host = json_text(body, "host"), *security = json_text(body, "security");
    bool has_name = is_there(body, "username"), has_password = is_there(body, "password");
    if (!is_there(body, "port"))
        ctx_field_range(ctx, "port", "required", 1, 65535,
                        "The field port is missing; 587 is usual for starttls, 465 for tls.");
    if (!is_there(body, "from"))
        ctx_field(ctx, "from", "required",
                  "The field from is missing: the address that mails are sent from.");
    if (has_name && !has_password)
        ctx_field(ctx, "password", "required", "The field password is missing; username has one.");
    if (has_password && !has_name)
        ctx_field(ctx, "username", "required", "The field username is missing; password has one.");
    if (security && strcmp(security, "none") == 0 && has_password && host && !is_loopback(host))
        ctx_field(ctx, "security", "unsupported",
                  "A password goes to another machine only encrypted; set security to starttls or "
                  "tls.");
    const char *why =
        host && !wrong_host(str_of(host)) && ctx->parts && ctx->parts->upstream
            ? outbound_host_check(str_of(host), upstream_allowed(ctx->parts->upstream))
            : NULL;
    if (why)
        ctx_field(ctx, "host", "not_allowed", why);
}

static enum err check(struct ctx *ctx, const struct upstream_credential *c,
                      const struct dialect_account *account, struct dialect_check *out) {
    struct smtp_account server;
    const char *message = NULL;
    TRY(smtp_account_of(ctx, account, &server));
    TRY(smtp_check(ctx, c, &server, &message));
    *out = (struct dialect_check){ .message = message, .numbers = -1 };
    return OK;
}

static const struct dialect_refusal REFUSALS[] = { { OK, NULL,
                                                     NULL } }; /* smtp_check names fields */

const struct dialect SMTP_DIALECT = {
    .fields = FIELDS,
    .field_count = ARRAY_LEN(FIELDS),
    .key_field = "password",
    .check_fields = check_fields,
    .check = check,
    .refusals = REFUSALS,
};
