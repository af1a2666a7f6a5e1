#include "base/json.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"

/* What is too much of it, or NULL. Deep: jansson itself would go 2048 levels down and take a fiber's
 * whole stack with it (measured: 80 KB at 256 levels). Many: a value of two bytes becomes a tree
 * of a hundred, so that 1 MiB of text would take 60 MB. */
static const char *too_much(struct str text) {
    int depth = 0, values = 0; /* a bracket opens one, a comma brings the next */
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
        } else if (c == '{' || c == '[' || c == ',') {
            if (++values > JSON_VALUES_MAX)
                return "JSON holds more than 65,536 values";
            if (c != ',' && ++depth > JSON_DEPTH_MAX)
                return "JSON nests deeper than 32 levels";
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return NULL;
}

/* What json_parse makes lives in the caller's arena, and needs no tidying: a tree is a hundred
 * small allocations, and malloc and free of them cost more than the parsing. Each block says in
 * front where it came from; free() of one of the arena's does nothing. Everything else (trees made
 * by hand, deep copies) comes from memory_take: a member that jansson has no room for would be left out
 * without a word. */
static __thread struct arena *parsing;

struct block {
    _Alignas(16) bool is_arenas;
};

static void *block_new(size_t bytes) {
    struct block *b =
        parsing ? arena_alloc(parsing, sizeof *b + bytes) : memory_take(sizeof *b + bytes);
    b->is_arenas = parsing != NULL;
    return b + 1;
}

static void block_free(void *p) {
    struct block *b = p ? (struct block *)p - 1 : NULL;
    if (b && !b->is_arenas)
        free(b);
}

__attribute__((constructor)) static void use_blocks(void) {
    json_set_alloc_funcs(block_new, block_free);
    json_object_seed(0); /* now, before there are threads */
}

void json_use_arena(struct arena *a) {
    parsing = a;
}

json_t *json_parse(struct arena *a, struct str text, const char **why) {
    json_error_t error;
    const char *much = too_much(text);
    if (much) {
        *why = much;
        return NULL;
    }
    parsing = a;
    json_t *tree = json_loadb(text.ptr ? text.ptr : "", text.len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    parsing = NULL;
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
    return tree;
}

const char *json_text(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

const char *json_word(const json_t *object, const char *name, size_t max) {
    return json_word_of(json_object_get(object, name), max);
}

const char *json_word_of(const json_t *value, size_t max) {
    const char *text = json_string_value(value);
    if (!text || !text[0] || strlen(text) > max)
        return NULL;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20)
            return NULL;
    return text;
}

int64_t json_i64_or(const json_t *object, const char *name, int64_t fallback) {
    const json_t *v = json_object_get(object, name);
    return json_is_integer(v) ? json_integer_value(v) : fallback;
}
