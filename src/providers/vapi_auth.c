#include "providers/vapi_auth.h"

#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/json.h"
#include "crypto/hmac.h"

enum { SECRET_CHARS_MAX = 512, NAME_CHARS_MAX = 64, FORMAT_CHARS_MAX = 256 };

static const char FIELD[] = "webhook_auth";

const char *const VAPI_AUTH_PARTS[] = {
    "type",
    "token",
    "headerName",
    "bearerPrefixEnabled",
    "secretKey",
    "algorithm",
    "signatureHeader",
    "timestampHeader",
    "messageIdHeader",
    "signaturePrefix",
    "includeTimestamp",
    "payloadFormat",
    "signatureEncoding",
    "secretIsBase64",
    NULL,
};

static struct str json_part(const void *arg, const char *name) {
    const json_t *part = json_object_get(arg, name);
    if (json_is_boolean(part))
        return json_is_true(part) ? STR("true") : STR("false");
    return json_is_string(part) ? (struct str){ json_string_value(part), json_string_length(part) }
                                : (struct str){ NULL, 0 };
}

struct vapi_auth_plan vapi_auth_plan_of(const json_t *plan) {
    return (struct vapi_auth_plan){ json_part, plan };
}

static struct str text_or(const struct vapi_auth_plan *plan, const char *name,
                          const char *fallback) {
    struct str text = plan->part(plan->arg, name);
    return text.ptr ? text : str_of(fallback);
}

static bool flag_or(const struct vapi_auth_plan *plan, const char *name, bool fallback) {
    struct str text = plan->part(plan->arg, name);
    return text.ptr ? str_is(text, "true") : fallback;
}

/* The header that this part of the plan names. */
static struct str header_of(const struct vapi_auth_plan *plan, const struct vapi_auth_request *r,
                            const char *part, const char *fallback) {
    char name[NAME_CHARS_MAX + 1];
    if (!str_copy(name, sizeof name, text_or(plan, part, fallback)))
        return (struct str){ NULL, 0 };
    return r->header(r->arg, name);
}

/* --- bearer ---------------------------------------------------------------------------------- */

static bool bearer_is_valid(const struct vapi_auth_plan *plan, const struct vapi_auth_request *r) {
    struct str token = text_or(plan, "token", "");
    struct str sent = header_of(plan, r, "headerName", "Authorization");
    if (flag_or(plan, "bearerPrefixEnabled", true) && sent.len > 7 &&
        str_eq_nocase((struct str){ sent.ptr, 7 }, STR("bearer ")))
        sent = str_trim((struct str){ sent.ptr + 7, sent.len - 7 });
    return token.len && sent.len && hmac_equal(sent, token);
}

/* --- hmac ------------------------------------------------------------------------------------ */

static bool holds(struct str text, const char *part) {
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static struct str format_of(const struct vapi_auth_plan *plan) {
    bool dated = flag_or(plan, "includeTimestamp", true);
    return text_or(plan, "payloadFormat", dated ? "{timestamp}.{body}" : "{body}");
}

/* Seconds, or milliseconds as JavaScript counts them. */
static bool is_fresh(struct str text, int64_t now_s) {
    const int64_t first_in_ms = INT64_C(100000000000);
    int64_t at;
    if (!str_to_i64(text, 0, INT64_MAX / 2, &at))
        return false;
    if (at >= first_in_ms)
        at /= 1000;
    return at >= now_s - VAPI_AUTH_TOLERANCE_S && at <= now_s + VAPI_AUTH_TOLERANCE_S;
}

/* payloadFormat with its placeholders filled; what is no placeholder stands for itself. */
static void fill(struct buf *out, struct str format, const struct vapi_auth_request *r,
                 struct str timestamp, struct str id) {
    const struct {
        struct str name, value;
    } PARTS[] = { { STR("{body}"), r->body },
                  { STR("{timestamp}"), timestamp },
                  { STR("{method}"), r->method },
                  { STR("{url}"), r->url },
                  { STR("{svix-id}"), id } };
    for (size_t at = 0; at < format.len;) {
        struct str rest = { format.ptr + at, format.len - at };
        size_t i = 0;
        while (i < ARRAY_LEN(PARTS) && !str_starts(rest, PARTS[i].name))
            i++;
        if (i == ARRAY_LEN(PARTS)) {
            buf_char(out, format.ptr[at++]);
            continue;
        }
        buf_str(out, PARTS[i].value);
        at += PARTS[i].name.len;
    }
}

/* Returns how many bytes, 0 for an algorithm that is not known. */
static size_t digest(struct str algorithm, unsigned char out[HMAC_SHA512_BYTES], struct str key,
                     struct str text) {
    if (str_is(algorithm, "sha256")) {
        hmac_sha256(out, key, text);
        return HMAC_SHA256_BYTES;
    }
    if (str_is(algorithm, "sha512")) {
        hmac_sha512(out, key, text);
        return HMAC_SHA512_BYTES;
    }
    if (str_is(algorithm, "sha1")) {
        hmac_sha1(out, key, text);
        return HMAC_SHA1_BYTES;
    }
    return 0;
}

static bool decode(struct arena *a, const struct vapi_auth_plan *plan, struct str text, size_t len,
                   struct str *out) {
    if (str_is(text_or(plan, "signatureEncoding", "hex"), "base64"))
        return base64_decode(a, text, out) && out->len == len;
    unsigned char *bytes = arena_alloc(a, HMAC_SHA512_BYTES);
    *out = (struct str){ (char *)bytes, len };
    return hex_decode(text, bytes, len);
}

/* The key as the hash takes it; *copy: where it was decoded to, to be wiped. */
static bool key_of(struct arena *a, const struct vapi_auth_plan *plan, struct str *key,
                   struct str *copy) {
    *copy = (struct str){ NULL, 0 };
    *key = text_or(plan, "secretKey", "");
    if (key->len && flag_or(plan, "secretIsBase64", false)) {
        if (!base64_decode(a, *key, copy))
            return false;
        *key = *copy;
    }
    return key->len > 0;
}

static bool hash_is_right(struct arena *a, const struct vapi_auth_plan *plan, struct str text,
                          struct str header) {
    unsigned char mac[HMAC_SHA512_BYTES];
    struct str key, copy, sent;
    bool right = false;
    if (key_of(a, plan, &key, &copy)) {
        size_t len = digest(text_or(plan, "algorithm", "sha256"), mac, key, text);
        right = len && decode(a, plan, header, len, &sent) &&
                hmac_equal(sent, (struct str){ (char *)mac, len });
    }
    if (copy.len)
        explicit_bzero((char *)copy.ptr, copy.len);
    return right;
}

static bool hmac_is_valid(struct arena *a, const struct vapi_auth_plan *plan,
                          const struct vapi_auth_request *r) {
    struct str format = format_of(plan), prefix = text_or(plan, "signaturePrefix", "");
    struct str header = header_of(plan, r, "signatureHeader", "x-signature");
    struct str stamp = header_of(plan, r, "timestampHeader", "x-timestamp");
    struct str id = header_of(plan, r, "messageIdHeader", "svix-id");
    if (!holds(format, "{body}") || (holds(format, "{svix-id}") && !id.len))
        return false;
    if (holds(format, "{timestamp}") && !is_fresh(stamp, r->now_s))
        return false;
    if (!header.len || !str_starts(header, prefix))
        return false;
    struct buf text = { 0 };
    fill(&text, format, r, stamp, id);
    bool right = hash_is_right(a, plan, buf_view(&text),
                               (struct str){ header.ptr + prefix.len, header.len - prefix.len });
    buf_fini(&text);
    return right;
}

bool vapi_auth_is_valid(struct arena *a, const struct vapi_auth_plan *plan,
                        const struct vapi_auth_request *r) {
    struct str type = text_or(plan, "type", "");
    if (str_is(type, "bearer"))
        return bearer_is_valid(plan, r);
    return str_is(type, "hmac") && hmac_is_valid(a, plan, r);
}

bool vapi_auth_covers_body(const struct vapi_auth_plan *plan) {
    return str_is(text_or(plan, "type", ""), "hmac");
}

/* --- may it be kept? ------------------------------------------------------------------------- */

enum kind { TEXT, HEADER_NAME, FLAG, CHOICE };

struct rule {
    const char *name, *type; /* type: of plan */
    enum kind kind;
    size_t chars_max;
    bool is_required;
    const char *choices; /* " a b " */
};

static const struct rule RULES[] = {
    { "token", "bearer", TEXT, SECRET_CHARS_MAX, true, NULL },
    { "headerName", "bearer", HEADER_NAME, NAME_CHARS_MAX, false, NULL },
    { "bearerPrefixEnabled", "bearer", FLAG, 0, false, NULL },
    { "secretKey", "hmac", TEXT, SECRET_CHARS_MAX, true, NULL },
    { "algorithm", "hmac", CHOICE, 0, true, " sha256 sha512 sha1 " },
    { "signatureHeader", "hmac", HEADER_NAME, NAME_CHARS_MAX, false, NULL },
    { "timestampHeader", "hmac", HEADER_NAME, NAME_CHARS_MAX, false, NULL },
    { "messageIdHeader", "hmac", HEADER_NAME, NAME_CHARS_MAX, false, NULL },
    { "signaturePrefix", "hmac", TEXT, NAME_CHARS_MAX, false, NULL },
    { "includeTimestamp", "hmac", FLAG, 0, false, NULL },
    { "payloadFormat", "hmac", TEXT, FORMAT_CHARS_MAX, false, NULL },
    { "signatureEncoding", "hmac", CHOICE, 0, false, " hex base64 " },
    { "secretIsBase64", "hmac", FLAG, 0, false, NULL },
};

static void complain(struct ctx *ctx, const char *name, const char *code, const char *message) {
    ctx_field(ctx, arena_printf(ctx->arena, "%s.%.40s", FIELD, name), code, message);
}

static bool is_header_name(const char *text) {
    for (; *text; text++)
        if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
              (*text >= '0' && *text <= '9') || *text == '-' || *text == '_'))
            return false;
    return true;
}

static bool is_printable(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7F)
            return false;
    return true;
}

/* Is it exactly one of the words? */
static bool is_choice(const char *choices, const char *text) {
    for (struct str rest = str_of(choices); rest.ptr;) {
        struct str word = str_cut(rest, ' ', &rest);
        if (word.len && str_is(word, text))
            return true;
    }
    return false;
}

static void check_text(struct ctx *ctx, const struct rule *rule, const char *text) {
    struct arena *a = ctx->arena;
    if (!str_fits(str_of(text), 1, rule->chars_max))
        ctx_field_range(
            ctx, arena_printf(a, "%s.%s", FIELD, rule->name), text[0] ? "too_long" : "too_short", 1,
            (double)rule->chars_max,
            arena_printf(a, "%s needs 1 to %zu characters.", rule->name, rule->chars_max));
    else if (rule->kind == HEADER_NAME ? !is_header_name(text) : !is_printable(text))
        complain(ctx, rule->name, "wrong_format",
                 arena_printf(a, "%s has characters that cannot stand there.", rule->name));
}

static void check_rule(struct ctx *ctx, const struct rule *rule, const json_t *value) {
    struct arena *a = ctx->arena;
    const char *text = json_string_value(value);
    if (!value || json_is_null(value)) {
        if (rule->is_required)
            complain(ctx, rule->name, "required",
                     arena_printf(a, "The plan needs %s.", rule->name));
    } else if (rule->kind == FLAG) {
        if (!json_is_boolean(value))
            complain(ctx, rule->name, "wrong_type",
                     arena_printf(a, "%s must be true or false.", rule->name));
    } else if (!text) {
        complain(ctx, rule->name, "wrong_type", arena_printf(a, "%s must be a text.", rule->name));
    } else if (rule->kind != CHOICE) {
        check_text(ctx, rule, text);
    } else if (!is_choice(rule->choices, text)) {
        complain(ctx, rule->name, "unsupported",
                 arena_printf(a, "%s must be one of%s.", rule->name, rule->choices));
    }
}

static void check_names(struct ctx *ctx, const json_t *plan, const char *type) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)plan, name, value) {
        bool known = strcmp(name, "type") == 0;
        for (size_t i = 0; i < ARRAY_LEN(RULES); i++)
            known |= strcmp(RULES[i].name, name) == 0 && strcmp(RULES[i].type, type) == 0;
        if (!known)
            complain(ctx, name, "unknown_field", "The plan has a field that is not known here.");
    }
}

void vapi_auth_check_plan(struct ctx *ctx, const json_t *plan) {
    const char *type = json_text(plan, "type"), *format = json_text(plan, "payloadFormat");
    const char *key = json_text(plan, "secretKey");
    struct str raw;
    if (!json_is_object(plan)) {
        ctx_field(ctx, FIELD, "wrong_type", "The plan must be an object with type bearer or hmac.");
        return;
    }
    if (!type || (strcmp(type, "bearer") != 0 && strcmp(type, "hmac") != 0)) {
        complain(ctx, "type", "unsupported", "The plan's type must be bearer or hmac.");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(RULES); i++)
        if (strcmp(RULES[i].type, type) == 0)
            check_rule(ctx, &RULES[i], json_object_get(plan, RULES[i].name));
    check_names(ctx, plan, type);
    if (format && !strstr(format, "{body}"))
        complain(ctx, "payloadFormat", "wrong_format",
                 "The payloadFormat must hold {body}: a signature without it proves nothing.");
    if (key && json_is_true(json_object_get(plan, "secretIsBase64")) &&
        (!base64_decode(ctx->arena, str_of(key), &raw) || !raw.len))
        complain(ctx, "secretKey", "wrong_format", "The secretKey is not base64.");
    if (json_dumpb(plan, NULL, 0, JSON_COMPACT) > VAPI_AUTH_PLAN_BYTES_MAX)
        ctx_field_range(ctx, FIELD, "too_long", 0, VAPI_AUTH_PLAN_BYTES_MAX,
                        "The plan must be at most 1024 bytes of JSON.");
}
