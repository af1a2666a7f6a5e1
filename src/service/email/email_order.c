#include "service/email/email_order.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mailbox.h"
#include "base/plain.h"
#include "obs/fields.h"
#include "providers/mime.h"

enum { REPLY_TO_MAX = 10, HEADERS_MAX = 10, HEADER_MAX_BYTES = 900, TEMPLATE_NAME_MAX = 64 };

/* --- addresses ------------------------------------------------------------------------------- */

static bool is_there(const struct email_order *o, const char *key) {
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->recipients[i].address_key, key) == 0)
            return true;
    return false;
}

/* "to[3]", or "to" where it is the only one. */
static const char *place_of(struct ctx *ctx, const char *name, size_t i, bool is_list) {
    return is_list ? arena_printf(ctx->arena, "%s[%zu]", name, i) : name;
}

static bool check_mailbox(struct ctx *ctx, const char *field, const json_t *value,
                          struct str *address) {
    if (!json_is_string(value)) {
        ctx_field(ctx, field, "wrong_type", "An address is a text, like mail@example.com.");
        return false;
    }
    const char *wrong =
        mailbox_find((struct str){ json_string_value(value), json_string_length(value) }, address);
    if (wrong)
        ctx_field(ctx, field, "wrong_format", wrong);
    return !wrong;
}

static void take_one(struct ctx *ctx, const char *kind, const char *field, const json_t *value,
                     struct email_order *out) {
    struct str address;
    if (!check_mailbox(ctx, field, value, &address))
        return;
    const char *key = mailbox_key(ctx->arena, address);
    if (is_there(out, key))
        return;
    if (out->count == EMAIL_RECIPIENTS_MAX) {
        ctx_field_range(ctx, field, "too_many", 1, EMAIL_RECIPIENTS_MAX,
                        "A mail goes to 50 addresses at most, in to, cc and bcc together.");
        return;
    }
    out->recipients[out->count++] = (struct email_recipient_row){
        .kind = kind, .address = json_string_value(value), .address_key = key, .status = "requested"
    };
}

/* One address, or a list of them. */
static void take_recipients(struct ctx *ctx, const json_t *body, const char *name,
                            struct email_order *out) {
    const json_t *value = json_object_get(body, name), *one;
    size_t i;
    if (!value || json_is_null(value))
        return;
    if (!json_is_array(value)) {
        take_one(ctx, name, name, value, out);
        return;
    }
    size_t wrong = ctx->problem.field_count;
    json_array_foreach(value, i, one) {
        take_one(ctx, name, place_of(ctx, name, i, true), one, out);
        if (ctx->problem.field_count > wrong && out->count == EMAIL_RECIPIENTS_MAX)
            return; /* said once */
    }
}

static void check_reply_to(struct ctx *ctx, const json_t *value) {
    struct str address;
    const json_t *one;
    size_t i;
    if (!value || json_is_null(value))
        return;
    if (!json_is_array(value)) {
        check_mailbox(ctx, "reply_to", value, &address);
        return;
    }
    if (json_array_size(value) > REPLY_TO_MAX)
        ctx_field_range(ctx, "reply_to", "too_many", 0, REPLY_TO_MAX,
                        "A mail asks for answers to 10 addresses at most.");
    json_array_foreach(value, i, one)
        check_mailbox(ctx, place_of(ctx, "reply_to", i, true), one, &address);
}

/* --- the rest -------------------------------------------------------------------------------- */

static bool is_ascii(struct str text) {
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    return true;
}

static void check_headers(struct ctx *ctx, const json_t *headers) {
    const char *name;
    json_t *value;
    if (!headers || json_is_null(headers))
        return;
    if (!json_is_object(headers)) {
        ctx_field(ctx, "headers", "wrong_type", "headers is an object of names and texts.");
        return;
    }
    if (json_object_size(headers) > HEADERS_MAX)
        ctx_field_range(ctx, "headers", "too_many", 0, HEADERS_MAX, "A mail takes 10 headers.");
    json_object_foreach((json_t *)headers, name, value) {
        const char *field = arena_join(ctx->arena, "headers.", name);
        struct str text = { json_string_value(value), json_string_length(value) };
        if (!mime_header_is_allowed(name))
            ctx_field(ctx, field, "unsupported",
                      "Headers may be X-..., List-Unsubscribe, List-Unsubscribe-Post, List-Id, "
                      "References, In-Reply-To, Precedence, Auto-Submitted and Importance.");
        else if (!text.ptr || !text.len || text.len > HEADER_MAX_BYTES || !plain_is(text) ||
                 !is_ascii(text))
            ctx_field(ctx, field, "wrong_format",
                      "A header is one line of 1 to 900 plain ASCII characters.");
    }
}

static void check_time(struct ctx *ctx, const json_t *body, struct email_order *out) {
    int64_t now_ms = ava_wall_ms(), at_ms = field_time(ctx, body, "scheduled_at", false);
    if (!at_ms)
        return;
    if (at_ms < now_ms || at_ms > now_ms + EMAIL_AHEAD_DAYS * INT64_C(24) * 3600 * 1000)
        ctx_field(ctx, "scheduled_at", "out_of_range",
                  "scheduled_at is between now and 30 days from now.");
    out->scheduled_at = json_text(body, "scheduled_at");
}

/* A template says all that would stand in these. */
static void read_template(struct ctx *ctx, const json_t *body, struct email_order *out) {
    static const char *const SAID[] = { "subject", "text", "html" };
    const json_t *variables = json_object_get(body, "variables");
    out->template_name = field_text(ctx, body, "template", true, 1, TEMPLATE_NAME_MAX);
    for (size_t i = 0; i < ARRAY_LEN(SAID); i++)
        if (json_object_get(body, SAID[i]) && !json_is_null(json_object_get(body, SAID[i])))
            ctx_field(ctx, SAID[i], "conflict",
                      "Send a template, or subject, text and html: the template says all three.");
    if (variables && !json_is_null(variables) && !json_is_object(variables))
        ctx_field(ctx, "variables", "wrong_type", "variables is an object.");
    out->variables = json_is_object(variables) ? variables : NULL;
}

static void read_text(struct ctx *ctx, const json_t *body, struct email_order *out) {
    if (json_object_get(body, "template") && !json_is_null(json_object_get(body, "template"))) {
        read_template(ctx, body, out);
        return;
    }
    if (json_object_get(body, "variables"))
        ctx_field(ctx, "variables", "conflict", "variables are for a template; send template too.");
    out->subject = field_name(ctx, body, "subject", true, EMAIL_SUBJECT_MAX);
    out->text = field_text(ctx, body, "text", false, 1, EMAIL_PART_MAX);
    out->html = field_text(ctx, body, "html", false, 1, EMAIL_PART_MAX);
    if (!json_object_get(body, "text") && !json_object_get(body, "html"))
        ctx_field(ctx, "text", "required", "A mail needs a text, an html part, or both.");
}

enum err email_order_read(struct ctx *ctx, const json_t *body, const struct lift *files,
                          struct email_order *out) {
    static const char *const KNOWN[] = { "to",           "cc",       "bcc",       "reply_to",
                                         "subject",      "text",     "html",      "headers",
                                         "scheduled_at", "template", "variables", "attachments" };
    *out = (struct email_order){ .count = 0 };
    size_t before = ctx->problem.field_count;
    take_recipients(ctx, body, "to", out);
    if (!out->count && ctx->problem.field_count == before)
        ctx_field(ctx, "to", "required", "to is an address, or a list of 1 to 50.");
    take_recipients(ctx, body, "cc", out);
    take_recipients(ctx, body, "bcc", out);
    read_text(ctx, body, out);
    out->reply_to = json_object_get(body, "reply_to");
    out->headers = json_object_get(body, "headers");
    check_reply_to(ctx, out->reply_to);
    check_headers(ctx, out->headers);
    check_time(ctx, body, out);
    attachments_read(ctx, body, files, &out->attachments);
    return fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
}

enum err email_order_test(struct ctx *ctx, const json_t *body, const struct lift *files,
                          struct email_order *out) {
    static const char *const KNOWN[] = { "to" };
    *out = (struct email_order){ .template_name = "test_mail" };
    take_recipients(ctx, body, "to", out);
    if (!out->count && !ctx->problem.field_count)
        ctx_field(ctx, "to", "required", "to is the address that gets the test mail.");
    if (out->count > 1)
        ctx_field(ctx, "to", "too_many", "The test mail goes to one address.");
    return fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
}
