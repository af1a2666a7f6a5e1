#include "tasks/tool_fields.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mailbox.h"
#include "base/tree.h"
#include "base/zone.h"
#include "obs/fields.h"

static const char *const NAMES[] = {
    [TOOL_TEXT] = "text",     [TOOL_TIME] = "time",      [TOOL_NUMBER] = "number",
    [TOOL_FLAG] = "flag",     [TOOL_EMAIL] = "email",    [TOOL_PHONE] = "phone",
    [TOOL_CHOICE] = "choice", [TOOL_NUMBERS] = "numbers"
};

/* --- checking --------------------------------------------------------------------------------- */

/* Models leave out what they do not know by null, or by an empty text. */
static bool is_given(const json_t *value) {
    return value && !json_is_null(value) &&
           !(json_is_string(value) && json_string_length(value) == 0);
}

/* A text in one line where that is asked for; what is wrong of it, or NULL. */
static const char *text_wrong(struct arena *a, const struct tool_field *f, const json_t *value) {
    int64_t ms;
    const char *text = json_string_value(value);
    if (!text)
        return "This must be a text.";
    size_t chars = str_chars(str_of(text));
    switch (f->type) {
    case TOOL_TIME:
        return clock_parse_rfc3339(text, strlen(text), &ms) || zone_parse_local(str_of(text), &ms)
                   ? NULL
                   : "Write the time as 2026-12-01T09:00:00+01:00.";
    case TOOL_EMAIL:
        return mailbox_wrong(str_of(text));
    case TOOL_PHONE:
        return field_is_phone(text) ? NULL : "Write the number as +14155550142.";
    default:
        break;
    }
    if ((int)chars < f->min || (int)chars > f->max)
        return arena_printf(a, "This must have %d to %d characters.", f->min, f->max);
    return f->wrong ? f->wrong(a, text) : NULL;
}

static const char *choice_wrong(struct arena *a, const struct tool_field *f, const json_t *value) {
    const char *text = json_string_value(value);
    if (!f->choices) /* what there is to choose from is for the tool to say */
        return text ? NULL : "This must be a text.";
    struct buf *b = buf_in(a);
    buf_text(b, "This must be one of");
    for (const char *const *c = f->choices; *c; c++) {
        if (text && strcmp(text, *c) == 0)
            return NULL;
        buf_printf(b, "%s %s", c == f->choices ? "" : ",", *c);
    }
    buf_char(b, '.');
    return b->ptr;
}

/* A number, or a text of one. */
static const char *number_wrong(struct arena *a, const struct tool_field *f, const json_t *value,
                                int64_t *out) {
    bool is_number = json_is_integer(value);
    if (is_number)
        *out = json_integer_value(value);
    else if (json_is_real(value) && json_real_value(value) >= -1e9 &&
             json_real_value(value) <= 1e9) /* 30.0 */
        is_number = (double)(*out = (int64_t)json_real_value(value)) == json_real_value(value);
    else if (json_is_string(value))
        is_number = str_to_i64(str_of(json_string_value(value)), INT32_MIN, INT32_MAX, out);
    return is_number && *out >= f->min && *out <= f->max
               ? NULL
               : arena_printf(a, "This must be a whole number from %d to %d.", f->min, f->max);
}

static const char *numbers_wrong(struct arena *a, const json_t *list) {
    const json_t *one;
    size_t i;
    if (!json_is_array(list) || json_array_size(list) > TOOL_NUMBERS_MAX)
        return "This must be a list of at most 20 entries with a name and a number each.";
    json_array_foreach(list, i, one) {
        const char *name = json_word(one, "name", 60), *number = json_text(one, "number");
        if (!name || !number || !field_is_phone(number) || json_object_size(one) != 2)
            return arena_printf(a, "Entry %zu must be {\"name\":...,\"number\":\"+14155550142\"}.",
                                i + 1);
    }
    return NULL;
}

static void check_one(struct ctx *ctx, const struct tool_field *f, const char *prefix,
                      json_t *value, json_t *out) {
    const char *wrong = NULL;
    int64_t number = 0;
    switch (f->type) {
    case TOOL_NUMBER:
        wrong = number_wrong(ctx->arena, f, value, &number);
        break;
    case TOOL_FLAG:
        wrong = json_is_boolean(value) ? NULL : "This must be true or false.";
        break;
    case TOOL_CHOICE:
        wrong = choice_wrong(ctx->arena, f, value);
        break;
    case TOOL_NUMBERS:
        wrong = numbers_wrong(ctx->arena, value);
        break;
    default:
        wrong = text_wrong(ctx->arena, f, value);
    }
    if (wrong)
        ctx_field(ctx, arena_join(ctx->arena, prefix, f->name), "wrong_format", wrong);
    else if (f->type == TOOL_NUMBER)
        json_object_set_new(out, f->name, json_integer(number));
    else
        json_object_set_new(out, f->name, json_deep_copy(value));
}

static const struct tool_field *field_of(const struct tool_field *fields, const char *name) {
    for (; fields->name; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

enum err tool_fields_check(struct ctx *ctx, const struct tool_field *fields, const char *prefix,
                           const json_t *given, const json_t **out) {
    json_t *checked = json_object(), *value;
    const char *name;
    json_object_foreach((json_t *)given, name, value) {
        if (!field_of(fields, name))
            ctx_field(ctx, arena_join(ctx->arena, prefix, name), "unknown",
                      "There is no such field.");
    }
    for (const struct tool_field *f = fields; f->name; f++) {
        value = json_object_get(given, f->name);
        if (is_given(value))
            check_one(ctx, f, prefix, value, checked);
        else if (f->is_required)
            ctx_field(ctx, arena_join(ctx->arena, prefix, f->name), "required",
                      "This is required.");
    }
    *out = tree_in(ctx->arena, checked);
    return ctx_fields_ok(ctx);
}

/* --- for models ------------------------------------------------------------------------------- */

static void write_choices(struct jsonw *w, const struct tool_field *f, const json_t *settings) {
    const json_t *list = json_object_get(settings, "numbers"), *one;
    size_t i;
    if (!f->choices && !json_array_size(list))
        return;
    jsonw_key(w, "enum");
    jsonw_list(w);
    for (const char *const *c = f->choices; c && *c; c++)
        jsonw_text(w, *c);
    if (!f->choices)
        json_array_foreach(list, i, one) jsonw_text(w, json_text(one, "name"));
    jsonw_list_end(w);
}

static void write_property(struct jsonw *w, const struct tool_field *f, const json_t *settings) {
    jsonw_key(w, f->name);
    jsonw_object(w);
    jsonw_text_at(w, "type",
                  f->type == TOOL_NUMBER ? "integer"
                  : f->type == TOOL_FLAG ? "boolean"
                                         : "string");
    jsonw_text_at(w, "description", f->about);
    if (f->type == TOOL_NUMBER) {
        jsonw_i64_at(w, "minimum", f->min);
        jsonw_i64_at(w, "maximum", f->max);
    }
    if (f->type == TOOL_CHOICE)
        write_choices(w, f, settings);
    jsonw_object_end(w);
}

void tool_fields_schema(struct jsonw *w, const struct tool_field *fields, const json_t *settings) {
    jsonw_object(w);
    jsonw_text_at(w, "type", "object");
    jsonw_key(w, "properties");
    jsonw_object(w);
    for (const struct tool_field *f = fields; f->name; f++)
        write_property(w, f, settings);
    jsonw_object_end(w);
    jsonw_key(w, "required");
    jsonw_list(w);
    for (const struct tool_field *f = fields; f->name; f++)
        if (f->is_required)
            jsonw_text(w, f->name);
    jsonw_list_end(w);
    jsonw_object_end(w);
}

/* --- for people ------------------------------------------------------------------------------- */

void tool_fields_write(struct jsonw *w, const struct tool_field *fields) {
    jsonw_list(w);
    for (const struct tool_field *f = fields; f->name; f++) {
        jsonw_object(w);
        jsonw_text_at(w, "name", f->name);
        jsonw_text_at(w, "type", NAMES[f->type]);
        jsonw_bool_at(w, "required", f->is_required);
        jsonw_text_at(w, "description", f->about);
        if (f->type == TOOL_NUMBER || f->type == TOOL_TEXT) {
            jsonw_i64_at(w, "min", f->min);
            jsonw_i64_at(w, "max", f->max);
        }
        if (f->choices) {
            jsonw_key(w, "choices");
            jsonw_list(w);
            for (const char *const *c = f->choices; *c; c++)
                jsonw_text(w, *c);
            jsonw_list_end(w);
        }
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
}
