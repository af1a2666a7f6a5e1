/* A template is refused with a place and a sentence, or says the same each time, within its bound; a subject
 * stays in one line. The input: a template, and after two NULs the data. */
#include "fuzz/fuzz.h"

#include "base/json.h"
#include "base/plain.h"
#include "base/template.h"

enum { OUTPUT_MAX = 4096 };

static const struct template_code *itself(void *arg, const char *name) {
    return strcmp(name, "gone") == 0 ? NULL : arg;
}

static void claim_words(const struct template_error *wrong) {
    CLAIM(wrong->fault != TEMPLATE_FINE && wrong->line >= 1 && wrong->column >= 1);
    CLAIM(wrong->why && wrong->why[0] && strchr(wrong->why, '\n') == NULL);
}

struct said {
    bool good;
    struct str text;
    struct template_error wrong;
};

static struct said say(struct arena *a, struct template_code *t, const json_t *data,
                       enum template_mode mode) {
    struct template_run run = {
        .mode = mode, .data = data, .output_max = OUTPUT_MAX, .partial = itself, .arg = t
    };
    struct said s;
    struct buf *out = buf_in(a);
    s.good = template_write(a, t, &run, out, &s.wrong);
    s.text = buf_view(out);
    CLAIM(s.text.len <= OUTPUT_MAX);
    CLAIM(s.good ? s.wrong.fault == TEMPLATE_FINE : s.wrong.fault != TEMPLATE_WRONG);
    if (!s.good)
        claim_words(&s.wrong);
    return s;
}

static bool has_special(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] && strchr("&<>\"'", s.ptr[i]))
            return true;
    return false;
}

static void try_it(struct arena *a, struct template_code *t, const json_t *data) {
    struct said text = say(a, t, data, TEMPLATE_TEXT), again = say(a, t, data, TEMPLATE_TEXT);
    struct said html = say(a, t, data, TEMPLATE_HTML), line = say(a, t, data, TEMPLATE_LINE);
    CLAIM(text.good == again.good && str_eq(text.text, again.text));
    CLAIM(!html.good || (text.good && html.text.len >= text.text.len));
    if (text.good && !has_special(text.text))
        CLAIM(html.good && str_eq(html.text, text.text));
    if (line.good)
        CLAIM(str_eq(line.text, text.text) && plain_is(line.text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char DATA[] =
        "{\"a\":1,\"b\":\"<x>\\n\",\"c\":[1,[2],{\"a\":\"y\"}],\"d\":{\"a\":true,\"b\":null},"
        "\"e\":false,\"l\":[[],[[1,2,3,4]],\"\"]}";
    struct str rest, source = fuzz_cut(data, size, &rest);
    struct arena *a = arena_new(64 << 20);
    struct template_error wrong;
    const char *why;
    json_t *values = rest.len ? json_parse(a, rest, &why) : NULL;
    struct template_code *t = template_compile(a, source, &wrong);
    if (t)
        try_it(a, t, values ? values : json_parse(a, STR(DATA), &why));
    else
        claim_words(&wrong);
    CLAIM(t ? wrong.fault == TEMPLATE_FINE : wrong.fault == TEMPLATE_WRONG);
    for (size_t i = 0; t && template_partial(t, i); i++)
        CLAIM(str_is_utf8(str_of(template_partial(t, i))));
    arena_free(a);
    return 0;
}
