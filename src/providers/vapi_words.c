#include "providers/vapi_words.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

enum { COMPLAINTS_MAX = 3, FIELD_CHARS_MAX = 80, WORDS_CHARS_MAX = 160 };

/* "model.messages.0.content" */
static size_t field_len(const char *text) {
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '.' || text[n] == '_')
        n++;
    return n <= FIELD_CHARS_MAX ? n : 0;
}

static bool is_plain(const char *text) {
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr(" .,_-", text[i]))
            return false;
    return n > 0 && n <= WORDS_CHARS_MAX;
}

/* The two forms of class-validator that say which field; anything else could be anything. */
static bool add_complaint(struct buf *out, const char *text) {
    static const char UNKNOWN[] = "property ";
    bool is_unknown = text && strncmp(text, UNKNOWN, sizeof UNKNOWN - 1) == 0;
    const char *field = is_unknown ? text + sizeof UNKNOWN - 1 : text;
    size_t len = field ? field_len(field) : 0;
    if (len == 0)
        return false;
    const char *rest = field + len;
    if (is_unknown && strcmp(rest, " should not exist") != 0)
        return false;
    if (!is_unknown && (strncmp(rest, " must ", 6) != 0 || !is_plain(rest)))
        return false;
    buf_text(out, out->len ? "; " : "");
    if (is_unknown)
        buf_printf(out, "it does not know the field %.*s", (int)len, field);
    else
        buf_printf(out, "%.*s%s", (int)len, field, rest);
    return true;
}

static const char *complaints(struct ctx *ctx, const json_t *message) {
    struct buf *out = buf_in(ctx->arena);
    size_t told = 0;
    if (json_is_string(message))
        told = add_complaint(out, json_string_value(message));
    for (size_t i = 0; i < json_array_size(message) && told < COMPLAINTS_MAX; i++)
        told += add_complaint(out, json_string_value(json_array_get(message, i)));
    if (told == 0)
        return NULL;
    buf_text(out, ".");
    return str_dup(ctx->arena, buf_view(out));
}

const char *vapi_words(struct ctx *ctx, struct str body) {
    const char *why;
    json_t *tree = json_parse(ctx->arena, body, &why);
    const char *error = json_text(tree, "error");
    if (str_find(body, STR("Over Concurrency Limit")) >= 0)
        return "as many calls as your plan allows are under way.";
    if (error && strcmp(error, "assistant_pinned") == 0)
        return "something else there, such as a phone number, still uses this assistant; have it "
               "use another one first.";
    return complaints(ctx, json_object_get(tree, "message"));
}
