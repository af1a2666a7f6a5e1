#include "obs/fields.h"

#include <string.h>

#include "base/clock.h"
#include "base/plain.h"

enum { DIGITS_MIN = 7, DIGITS_MAX = 15, URL_MAX = 2048, TIME_CHARS_MAX = 40 };

/* '+', a digit that is not 0, at most 15 digits in all. */
bool field_is_phone(const char *text) {
    size_t n = 0;
    if (text[0] != '+' || text[1] < '1' || text[1] > '9')
        return false;
    for (text++; text[n]; n++)
        if (text[n] < '0' || text[n] > '9')
            return false;
    return n >= DIGITS_MIN && n <= DIGITS_MAX;
}

void field_phone(struct ctx *ctx, const json_t *body, const char *name, const char *what) {
    const json_t *value = json_object_get(body, name);
    const char *text = json_string_value(value);
    if (!value || json_is_null(value))
        ctx_field(ctx, name, "required",
                  arena_printf(ctx->arena, "The field %s is missing: %s.", name, what));
    else if (!text)
        ctx_field(ctx, name, "wrong_type",
                  arena_printf(ctx->arena, "The field %s, %s, must be a text.", name, what));
    else if (!field_is_phone(text))
        ctx_field(ctx, name, "wrong_format",
                  "Write the number with + and the country, like +33612345678.");
}

const char *field_text(struct ctx *ctx, const json_t *body, const char *name, bool required,
                       size_t min_chars, size_t max_chars) {
    const json_t *value = json_object_get(body, name);
    const char *text = json_string_value(value);
    if (!value || json_is_null(value)) {
        if (required)
            ctx_field(ctx, name, "required",
                      arena_printf(ctx->arena, "The field %s is missing.", name));
        return NULL;
    }
    if (!text) {
        ctx_field(ctx, name, "wrong_type",
                  arena_printf(ctx->arena, "The field %s must be a text.", name));
        return NULL;
    }
    if (str_fits(str_of(text), min_chars, max_chars))
        return text;
    ctx_field_range(ctx, name, str_chars(str_of(text)) < min_chars ? "too_short" : "too_long",
                    (double)min_chars, (double)max_chars,
                    arena_printf(ctx->arena, "The field %s needs %zu to %zu characters.", name,
                                 min_chars, max_chars));
    return NULL;
}

const char *field_name(struct ctx *ctx, const json_t *body, const char *name, bool required,
                       size_t max_chars) {
    const char *text = field_text(ctx, body, name, required, 1, max_chars);
    if (!text || plain_is(str_of(text)))
        return text;
    ctx_field(
        ctx, name, "wrong_format",
        arena_printf(ctx->arena,
                     "The field %s has a line break, a control character or one that turns the "
                     "direction of writing; take it out.",
                     name));
    return NULL;
}

int64_t field_time(struct ctx *ctx, const json_t *body, const char *name, bool required) {
    const char *text = field_text(ctx, body, name, required, 1, TIME_CHARS_MAX);
    int64_t ms = 0;
    if (text && !clock_parse_rfc3339(text, strlen(text), &ms))
        ctx_field(ctx, name, "wrong_format",
                  "Write the time as in RFC 3339, like 2026-11-20T10:00:00Z.");
    return ms;
}

/* A host follows, and nothing that a URL has only in escapes. */
static bool is_https(const char *text) {
    size_t len = strlen(text);
    if (strncmp(text, "https://", 8) != 0 || len < 9 || len > URL_MAX || strchr("/?#:@", text[8]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] == 0x7f || strchr("\"<>\\^`{|}", text[i]))
            return false;
    return true;
}

bool field_bool(struct ctx *ctx, const json_t *body, const char *name) {
    const json_t *value = json_object_get(body, name);
    if (value && !json_is_null(value) && !json_is_boolean(value))
        ctx_field(ctx, name, "wrong_type",
                  arena_printf(ctx->arena, "The field %s must be true or false.", name));
    return json_is_true(value);
}

void field_https(struct ctx *ctx, const char *name, const json_t *url) {
    const char *text = json_string_value(url);
    if (!url || json_is_null(url))
        return;
    if (!text)
        ctx_field(ctx, name, "wrong_type",
                  arena_printf(ctx->arena, "The field %s takes addresses as texts.", name));
    else if (!is_https(text))
        ctx_field(ctx, name, "wrong_format",
                  arena_printf(ctx->arena,
                               "%s must be an address that begins with https://, of at most 2048 "
                               "characters.",
                               name));
}

static int count_bytes(const char *piece, size_t len, void *total) {
    *(size_t *)total += len;
    return 0;
}

size_t field_bytes(const json_t *value) {
    size_t bytes = 0;
    json_dump_callback(value, count_bytes, &bytes, JSON_COMPACT | JSON_ENCODE_ANY);
    return bytes;
}

void field_unknown(struct ctx *ctx, const char *name) {
    ctx_field(ctx, arena_strdup(ctx->arena, name), "unknown_field",
              arena_printf(ctx->arena, "There is no field %.40s here.", name));
}

enum err fields_known(struct ctx *ctx, const json_t *body, const char *const *names, size_t count) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)body, name, value) {
        bool known = false;
        for (size_t i = 0; i < count && !known; i++)
            known = strcmp(name, names[i]) == 0;
        if (!known)
            field_unknown(ctx, name);
    }
    return ctx_fields_ok(ctx);
}
