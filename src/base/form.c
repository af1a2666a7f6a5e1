#include "base/form.h"

#include "base/encode.h"

bool form_parse(struct arena *a, struct str text, struct form *out) {
    *out = (struct form){ 0 };
    if (text.len == 0)
        return true;
    size_t most = 1;
    for (size_t i = 0; i < text.len; i++)
        most += text.ptr[i] == '&';
    if (most > FORM_PAIRS_MAX)
        return false;
    out->pairs = arena_alloc(a, most * sizeof *out->pairs);
    for (struct str rest = text, part; rest.ptr;) {
        part = str_cut(rest, '&', &rest);
        if (part.len == 0)
            continue;
        struct str raw_value, name = str_cut(part, '=', &raw_value);
        struct form_pair *p = &out->pairs[out->count];
        if (!percent_decode(a, name, true, &p->name) ||
            !percent_decode(a, raw_value, true, &p->value))
            return false;
        out->count++;
    }
    return true;
}

struct str form_find(const struct form *f, const char *name) {
    for (size_t i = 0; i < f->count; i++)
        if (str_is(f->pairs[i].name, name))
            return f->pairs[i].value;
    return (struct str){ NULL, 0 };
}
