#include "base/json.h"

#include <stdbool.h>

/* How deep brackets nest outside of strings: jansson itself would go 2048 levels down and take
 * a fiber's whole stack with it (measured: 80 KB at 256 levels). */
static bool is_too_deep(struct str text) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX)
                return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

static void release_tree(void *tree) {
    json_decref(tree);
}

json_t *json_parse(struct arena *a, struct str text, const char **why) {
    if (is_too_deep(text)) {
        *why = "JSON nests deeper than 32 levels";
        return NULL;
    }
    json_error_t error;
    json_t *tree = json_loadb(text.ptr ? text.ptr : "", text.len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!tree) {
        /* jansson's text may quote what it read; keep its position and our own words only. */
        const char *kind = json_error_code(&error) == json_error_duplicate_key
                               ? "a name stands twice in one object"
                           : json_error_code(&error) == json_error_invalid_utf8
                               ? "the text is not valid UTF-8"
                           : json_error_code(&error) == json_error_null_character
                               ? "a string holds a NUL character"
                           : json_error_code(&error) == json_error_premature_end_of_input
                               ? "the text ends too early"
                               : "the text is not valid JSON";
        *why = arena_printf(a, "%s (line %d, column %d)", kind, error.line, error.column);
        return NULL;
    }
    arena_defer(a, release_tree, tree);
    return tree;
}

const char *json_text(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

int64_t json_i64_or(const json_t *object, const char *name, int64_t fallback) {
    const json_t *v = json_object_get(object, name);
    return json_is_integer(v) ? json_integer_value(v) : fallback;
}
