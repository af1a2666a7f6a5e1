#include "base/template.h"

#include <stdlib.h>
#include <string.h>

#include "base/defs.h"
#include "base/memory.h"
#include "base/plain.h"

enum { FREE_STEPS = 1 << 16, STEPS_PER_BYTE = 4 };

enum kind { TEXT, VALUE, RAW, SECTION, INVERTED, CLOSE, PARTIAL, NOTHING };

/* A stretch of the source and what it means. Of a tag, what is its name. */
struct node {
    enum kind kind;
    bool begins_line; /* here the indentation of a partial is due */
    uint32_t at, len;
    uint32_t end;                   /* of a section: the index of its CLOSE */
    uint32_t which;                 /* of a partial: its place among the names */
    uint32_t indent_at, indent_len; /* of a partial on a line of its own: the blanks before it */
};

struct template_code {
    struct str source;
    struct node *nodes;
    size_t count;
    const char *partials[TEMPLATE_PARTIALS_MAX + 1];
};

/* --- where and why --------------------------------------------------------------------------- */

static void place(struct template_error *wrong, struct str source, size_t at) {
    size_t line_at = 0;
    wrong->line = 1;
    for (size_t i = 0; i < at && i < source.len; i++) {
        if (source.ptr[i] != '\n')
            continue;
        wrong->line++;
        line_at = i + 1;
    }
    wrong->column = 1 + str_chars((struct str){ source.ptr + line_at, at - line_at });
}

/* What people wrote, in a sentence: not more of it than they need to find it. */
static struct str shown(struct str name) {
    size_t len = 0;
    while (len < name.len && len < 40 && (unsigned char)name.ptr[len] >= 0x20) {
        bool is_whole;
        len += str_utf8_step(name.ptr + len, name.len - len, &is_whole);
    }
    return (struct str){ name.ptr, len < name.len ? len : name.len };
}

/* --- compiling ------------------------------------------------------------------------------- */

struct compiler {
    struct arena *a;
    struct str source;
    struct template_error *wrong;
    struct template_code *out;
    size_t room, partials, at;         /* at: all before it is compiled */
    uint32_t open[TEMPLATE_DEPTH_MAX]; /* sections, by their nodes */
    size_t depth;
};

struct tag {
    enum kind kind;
    size_t from, to; /* with its braces */
    struct str name;
};

static bool fail(struct compiler *c, size_t at, const char *why) {
    *c->wrong = (struct template_error){ .fault = TEMPLATE_WRONG, .why = why };
    place(c->wrong, c->source, at);
    return false;
}

static struct node *add(struct compiler *c, enum kind kind, size_t at, size_t len) {
    struct template_code *t = c->out;
    if (t->count == c->room) {
        c->room = c->room ? 2 * c->room : 32;
        t->nodes = memory_resized(t->nodes, c->room * sizeof *t->nodes);
    }
    struct node *n = &t->nodes[t->count++];
    *n = (struct node){ .kind = kind, .at = (uint32_t)at, .len = (uint32_t)len };
    return n;
}

static bool begins_line(const struct compiler *c, size_t at) {
    return at == 0 || c->source.ptr[at - 1] == '\n';
}

static void add_text(struct compiler *c, size_t to) {
    if (to > c->at)
        add(c, TEXT, c->at, to - c->at)->begins_line = begins_line(c, c->at);
    c->at = to;
}

static bool is_blank(char b) {
    return b == ' ' || b == '\t';
}

static bool is_space(char b) {
    return is_blank(b) || b == '\n' || b == '\r';
}

static struct str trimmed(struct str s) {
    while (s.len && is_space(s.ptr[0]))
        s = (struct str){ s.ptr + 1, s.len - 1 };
    while (s.len && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static bool is_name_byte(char b) {
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b == '_' ||
           b == '-' || (unsigned char)b >= 0x80;
}

/* "a", "a.b", "." */
static bool is_name(struct str name) {
    bool part = false;
    if (str_is(name, "."))
        return true;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '.' ? !part : !is_name_byte(name.ptr[i]))
            return false;
        part = name.ptr[i] != '.';
    }
    return part && name.len <= TEMPLATE_NAME_MAX;
}

static bool check_name(struct compiler *c, const struct tag *t) {
    if (t->kind == NOTHING || (is_name(t->name) && str_is_utf8(t->name)))
        return true;
    if (!t->name.len)
        return fail(c, t->from, "This tag has no name.");
    if (t->name.len > TEMPLATE_NAME_MAX)
        return fail(c, t->from,
                    arena_printf(c->a, "A name has at most %d bytes.", TEMPLATE_NAME_MAX));
    if (t->name.ptr[0] == '=')
        return fail(c, t->from, "The delimiters are always {{ and }}; they cannot be set.");
    if (strchr("<$", t->name.ptr[0]))
        return fail(c, t->from,
                    "Templates have no parents and no blocks; use a partial, {{> name}}.");
    return fail(c, t->from,
                arena_printf(c->a,
                             "\"%.*s\" is no name: a name is made of letters, digits, _ and -, "
                             "with dots between its parts.",
                             STR_FMT(shown(t->name))));
}

/* The tag that begins at from, where {{ is. */
static bool read_tag(struct compiler *c, size_t from, struct tag *t) {
    static const char SIGNS[] = "#^/>&!";
    static const enum kind KINDS[] = { SECTION, INVERTED, CLOSE, PARTIAL, RAW, NOTHING };
    struct str rest = { c->source.ptr + from + 2, c->source.len - from - 2 };
    bool is_triple = rest.len && rest.ptr[0] == '{';
    rest = is_triple ? (struct str){ rest.ptr + 1, rest.len - 1 } : rest;
    ptrdiff_t end = str_find(rest, is_triple ? STR("}}}") : STR("}}"));
    *t = (struct tag){ .kind = is_triple ? RAW : VALUE, .from = from };
    if (end < 0)
        return fail(c, from,
                    is_triple ? "This tag is not closed: }}} is missing."
                              : "This tag is not closed: }} is missing.");
    t->to = (size_t)(rest.ptr + end - c->source.ptr) + (is_triple ? 3 : 2);
    t->name = trimmed((struct str){ rest.ptr, (size_t)end });
    const char *sign =
        !is_triple && t->name.len && t->name.ptr[0] ? strchr(SIGNS, t->name.ptr[0]) : NULL;
    if (sign) {
        t->kind = KINDS[sign - SIGNS];
        t->name = trimmed((struct str){ t->name.ptr + 1, t->name.len - 1 });
    }
    return check_name(c, t);
}

/* Is the tag alone on its line? Then *from and *to are those of the line. */
static bool is_alone(const struct compiler *c, const struct tag *t, size_t *from, size_t *to) {
    const char *s = c->source.ptr;
    *from = t->from;
    *to = t->to;
    if (t->kind == VALUE || t->kind == RAW)
        return false;
    while (*from > c->at && is_blank(s[*from - 1]))
        --*from;
    if (!begins_line(c, *from))
        return false;
    while (*to < c->source.len && is_blank(s[*to]))
        ++*to;
    if (*to + 1 < c->source.len && s[*to] == '\r' && s[*to + 1] == '\n')
        ++*to;
    if (*to == c->source.len)
        return true;
    return s[(*to)++] == '\n';
}

static bool open_section(struct compiler *c, const struct tag *t) {
    if (c->depth == TEMPLATE_DEPTH_MAX)
        return fail(c, t->from,
                    arena_printf(c->a, "Sections may be at most %d deep in each other.",
                                 TEMPLATE_DEPTH_MAX));
    c->open[c->depth++] = (uint32_t)c->out->count - 1;
    return true;
}

static bool close_section(struct compiler *c, const struct tag *t) {
    if (!c->depth)
        return fail(c, t->from,
                    arena_printf(c->a, "{{/%.*s}} closes a section that was not opened.",
                                 STR_FMT(shown(t->name))));
    struct node *open = &c->out->nodes[c->open[--c->depth]];
    struct str name = { c->source.ptr + open->at, open->len };
    if (!str_eq(name, t->name)) {
        struct template_error at;
        place(&at, c->source, open->at);
        return fail(
            c, t->from,
            arena_printf(c->a, "The section %.*s, opened in line %zu, must be closed before %.*s.",
                         STR_FMT(shown(name)), at.line, STR_FMT(shown(t->name))));
    }
    open->end = (uint32_t)c->out->count - 1;
    return true;
}

static bool note_partial(struct compiler *c, const struct tag *t, struct node *n) {
    for (n->which = 0; n->which < c->partials; n->which++)
        if (str_is(t->name, c->out->partials[n->which]))
            return true;
    if (c->partials == TEMPLATE_PARTIALS_MAX)
        return fail(
            c, t->from,
            arena_printf(c->a, "A template uses at most %d others.", TEMPLATE_PARTIALS_MAX));
    c->out->partials[c->partials++] = str_dup(c->a, t->name);
    return true;
}

static bool add_tag(struct compiler *c, const struct tag *t) {
    size_t line_from, line_to;
    bool alone = is_alone(c, t, &line_from, &line_to);
    add_text(c, alone ? line_from : t->from);
    c->at = alone ? line_to : t->to;
    bool first = !alone && begins_line(c, t->from);
    if (t->kind == NOTHING && !first)
        return true;
    struct node *n =
        add(c, t->kind, t->name.len ? (size_t)(t->name.ptr - c->source.ptr) : t->from, t->name.len);
    n->begins_line = first;
    if (alone) {
        n->indent_at = (uint32_t)line_from;
        n->indent_len = (uint32_t)(t->from - line_from);
    }
    switch (t->kind) {
    case SECTION:
    case INVERTED:
        return open_section(c, t);
    case CLOSE:
        return close_section(c, t);
    case PARTIAL:
        return note_partial(c, t, n);
    default:
        return true;
    }
}

static bool compile(struct compiler *c) {
    ptrdiff_t found;
    struct tag t;
    if (c->source.len > UINT32_MAX / 2)
        return fail(c, 0, "This is too long for a template.");
    while ((found = str_find((struct str){ c->source.ptr + c->at, c->source.len - c->at },
                             STR("{{"))) >= 0)
        if (!read_tag(c, c->at + (size_t)found, &t) || !add_tag(c, &t))
            return false;
    add_text(c, c->source.len);
    if (!c->depth)
        return true;
    const struct node *open = &c->out->nodes[c->open[c->depth - 1]];
    struct str name = { c->source.ptr + open->at, open->len };
    return fail(c, open->at,
                arena_printf(c->a, "The section %.*s is not closed: {{/%.*s}} is missing.",
                             STR_FMT(shown(name)), STR_FMT(shown(name))));
}

struct template_code *template_compile(struct arena *a, struct str source,
                                       struct template_error *wrong) {
    struct compiler c = { .a = a, .source = source, .wrong = wrong };
    c.source.ptr = source.ptr ? source.ptr : "";
    c.out = arena_alloc(a, sizeof *c.out);
    c.out->source = c.source;
    *wrong = (struct template_error){ .fault = TEMPLATE_FINE };
    bool good = compile(&c);
    if (c.out->nodes)
        arena_defer(a, free, c.out->nodes);
    return good ? c.out : NULL;
}

const char *template_partial(const struct template_code *t, size_t i) {
    return i < TEMPLATE_PARTIALS_MAX ? t->partials[i] : NULL;
}

/* --- writing --------------------------------------------------------------------------------- */

/* Where a partial stands: what goes before each of its lines. */
struct frame {
    const struct frame *outer;
    const struct template_code *t;
    const char *name; /* NULL: the template itself */
    struct str indent;
    size_t depth;
};

struct writer {
    struct arena *a;
    const struct template_run *run;
    struct buf *out;
    struct template_error *wrong;
    size_t from, steps;                              /* from: where in out it begins */
    size_t nested;                                   /* sections and partials that we are in */
    const json_t *contexts[TEMPLATE_NESTED_MAX + 1]; /* the innermost last */
    size_t count;
};

static struct str name_of(const struct frame *f, const struct node *n) {
    return (struct str){ f->t->source.ptr + n->at, n->len };
}

static bool give_up(struct writer *w, const struct frame *f, const struct node *n,
                    enum template_fault fault, const char *why) {
    bool is_named = n->kind != TEXT && fault != TEMPLATE_TOO_LONG;
    *w->wrong = (struct template_error){ .fault = fault,
                                         .partial = f->name,
                                         .name = is_named ? str_dup(w->a, name_of(f, n)) : NULL,
                                         .why = why };
    place(w->wrong, f->t->source, n->at);
    return false;
}

static bool too_long(struct writer *w, const struct frame *f, const struct node *n) {
    return give_up(w, f, n, TEMPLATE_TOO_LONG,
                   arena_printf(w->a, "More than %zu bytes would come out.", w->run->output_max));
}

static bool too_much(struct writer *w, const struct frame *f, const struct node *n) {
    return give_up(
        w, f, n, TEMPLATE_TOO_LONG,
        "This takes more work than its result may have bytes: the sections go through too "
        "many entries.");
}

/* What may be done is worth what may come out, and something for templates that say little. */
static bool step(struct writer *w, const struct frame *f, const struct node *n, size_t steps) {
    w->steps += steps;
    return w->steps <= FREE_STEPS + STEPS_PER_BYTE * w->run->output_max || too_much(w, f, n);
}

static bool put(struct writer *w, const struct frame *f, const struct node *n, struct str s) {
    if (s.len > w->run->output_max - (w->out->len - w->from))
        return too_long(w, f, n);
    buf_str(w->out, s);
    return true;
}

static bool put_indent(struct writer *w, const struct frame *f, const struct frame *of,
                       const struct node *n) {
    if (!of)
        return true;
    return put_indent(w, f, of->outer, n) && put(w, f, n, of->indent);
}

/* Line by line where lines are indented: an empty one is not. */
static bool put_lines(struct writer *w, const struct frame *f, const struct node *n) {
    struct str rest = name_of(f, n);
    bool first = n->begins_line;
    while (rest.len) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.ptr) + 1 : rest.len;
        if (first && rest.ptr[0] != '\n' && !put_indent(w, f, f, n))
            return false;
        if (!put(w, f, n, (struct str){ rest.ptr, len }))
            return false;
        rest = (struct str){ rest.ptr + len, rest.len - len };
        first = true;
    }
    return true;
}

static bool is_indented(const struct frame *f) {
    for (; f; f = f->outer)
        if (f->indent.len)
            return true;
    return false;
}

static bool put_text(struct writer *w, const struct frame *f, const struct node *n) {
    if (w->run->mode == TEMPLATE_LINE && !plain_is(name_of(f, n)))
        return give_up(w, f, n, TEMPLATE_NOT_PLAIN,
                       "This must stay in one line, without control characters.");
    return is_indented(f) ? put_lines(w, f, n) : put(w, f, n, name_of(f, n));
}

/* --- values ---------------------------------------------------------------------------------- */

/* NULL: it is not there. */
static const json_t *look_up(struct writer *w, struct str name) {
    const json_t *found = NULL;
    struct str rest;
    if (str_is(name, "."))
        return w->contexts[w->count - 1];
    struct str first = str_cut(name, '.', &rest);
    for (size_t i = w->count; i > 0 && !found; i--, w->steps++)
        found = json_object_getn(w->contexts[i - 1], first.ptr, first.len);
    while (rest.ptr && found) {
        first = str_cut(rest, '.', &rest);
        found = json_object_getn(found, first.ptr, first.len);
        w->steps++;
    }
    return found;
}

static bool is_true(const json_t *value) {
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_NULL:
    case JSON_FALSE:
        return false;
    case JSON_STRING:
        return json_string_length(value) > 0;
    case JSON_INTEGER:
        return json_integer_value(value) != 0;
    case JSON_REAL:
        return json_real_value(value) < 0 || json_real_value(value) > 0;
    case JSON_ARRAY:
        return json_array_size(value) > 0;
    default:
        return true;
    }
}

static bool put_escaped(struct writer *w, const struct frame *f, const struct node *n,
                        struct str s) {
    static const struct {
        char of;
        struct str is;
    } ESCAPES[] = { { '&', { "&amp;", 5 } },
                    { '<', { "&lt;", 4 } },
                    { '>', { "&gt;", 4 } },
                    { '"', { "&quot;", 6 } },
                    { '\'', { "&#39;", 5 } } };
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        for (size_t k = 0; k < ARRAY_LEN(ESCAPES); k++) {
            if (s.ptr[i] != ESCAPES[k].of)
                continue;
            if (!put(w, f, n, (struct str){ s.ptr + from, i - from }) ||
                !put(w, f, n, ESCAPES[k].is))
                return false;
            from = i + 1;
        }
    }
    return put(w, f, n, (struct str){ s.ptr + from, s.len - from });
}

static bool put_words(struct writer *w, const struct frame *f, const struct node *n, struct str s) {
    if (w->run->mode == TEMPLATE_LINE && !plain_is(s))
        return give_up(
            w, f, n, TEMPLATE_NOT_PLAIN,
            arena_printf(w->a,
                         "The variable %.*s has a line break or a control character, and "
                         "this must stay in one line.",
                         STR_FMT(name_of(f, n))));
    return w->run->mode == TEMPLATE_HTML && n->kind == VALUE ? put_escaped(w, f, n, s)
                                                             : put(w, f, n, s);
}

/* The shortest digits that mean this number. */
static bool put_real(struct writer *w, const struct frame *f, const struct node *n, double value) {
    char digits[40];
    snprintf(digits, sizeof digits, "%.15g", value);
    double read = strtod(digits, NULL);
    if (read < value || read > value)
        snprintf(digits, sizeof digits, "%.17g", value);
    return put(w, f, n, str_of(digits));
}

static bool put_value(struct writer *w, const struct frame *f, const struct node *n) {
    const json_t *value = look_up(w, name_of(f, n));
    char digits[32];
    if (!value)
        return give_up(w, f, n, TEMPLATE_MISSING,
                       arena_printf(w->a, "The variable %.*s is missing.", STR_FMT(name_of(f, n))));
    switch (json_typeof(value)) {
    case JSON_STRING:
        return put_words(w, f, n,
                         (struct str){ json_string_value(value), json_string_length(value) });
    case JSON_INTEGER:
        snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
        return put(w, f, n, str_of(digits));
    case JSON_REAL:
        return put_real(w, f, n, json_real_value(value));
    case JSON_TRUE:
        return put(w, f, n, STR("true"));
    case JSON_FALSE:
        return put(w, f, n, STR("false"));
    case JSON_NULL:
        return true;
    default:
        return give_up(w, f, n, TEMPLATE_NO_TEXT,
                       arena_printf(w->a, "The variable %.*s is a list or an object, and no text.",
                                    STR_FMT(name_of(f, n))));
    }
}

/* --- sections and partials ------------------------------------------------------------------- */

static bool write_nodes(struct writer *w, const struct frame *f, size_t from, size_t to);

static bool goes_on(struct writer *w, const struct frame *f, const struct node *n) {
    return give_up(
        w, f, n, TEMPLATE_TOO_DEEP,
        arena_printf(w->a,
                     "%.*s goes on and on: partials may be at most %d deep in each other, "
                     "and %d with the sections around them.",
                     STR_FMT(name_of(f, n)), TEMPLATE_DEPTH_MAX, TEMPLATE_NESTED_MAX));
}

/* With context as the innermost one; NULL: those that there are. */
static bool write_in(struct writer *w, const struct frame *f, const struct node *n,
                     const json_t *context) {
    size_t from = (size_t)(n - f->t->nodes) + 1, count = w->count;
    if (w->nested == TEMPLATE_NESTED_MAX)
        return goes_on(w, f, n);
    if (context)
        w->contexts[w->count++] = context;
    w->nested++;
    bool good = step(w, f, n, 1) && write_nodes(w, f, from, (size_t)n->end + 1);
    w->nested--;
    w->count = count;
    return good;
}

static bool write_section(struct writer *w, const struct frame *f, const struct node *n) {
    const json_t *value = look_up(w, name_of(f, n)), *entry;
    size_t i;
    if (is_true(value) == (n->kind == INVERTED))
        return true;
    if (n->kind == INVERTED || json_is_true(value))
        return write_in(w, f, n, NULL);
    if (!json_is_array(value))
        return write_in(w, f, n, value);
    json_array_foreach(value, i, entry) if (!write_in(w, f, n, entry)) return false;
    return true;
}

static bool write_partial(struct writer *w, const struct frame *f, const struct node *n) {
    const char *name = f->t->partials[n->which];
    const struct template_code *t = w->run->partial ? w->run->partial(w->run->arg, name) : NULL;
    if (!t)
        return give_up(w, f, n, TEMPLATE_UNKNOWN,
                       arena_printf(w->a, "There is no template %s to put here.", name));
    if (f->depth == TEMPLATE_DEPTH_MAX || w->nested == TEMPLATE_NESTED_MAX)
        return goes_on(w, f, n);
    struct frame inner = { .outer = f,
                           .t = t,
                           .name = name,
                           .indent = { f->t->source.ptr + n->indent_at, n->indent_len },
                           .depth = f->depth + 1 };
    w->nested++;
    bool good = write_nodes(w, &inner, 0, t->count);
    w->nested--;
    return good;
}

static bool write_node(struct writer *w, const struct frame *f, const struct node *n) {
    if (n->begins_line && n->kind != TEXT && !put_indent(w, f, f, n))
        return false;
    switch (n->kind) {
    case TEXT:
        return put_text(w, f, n);
    case VALUE:
    case RAW:
        return put_value(w, f, n);
    case SECTION:
    case INVERTED:
        return write_section(w, f, n);
    case PARTIAL:
        return write_partial(w, f, n);
    case CLOSE:
    case NOTHING:
        break;
    }
    return true;
}

static bool write_nodes(struct writer *w, const struct frame *f, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        const struct node *n = &f->t->nodes[i];
        if (!step(w, f, n, 1) || !write_node(w, f, n))
            return false;
        if (n->kind == SECTION || n->kind == INVERTED)
            i = n->end;
    }
    return true;
}

bool template_write(struct arena *a, const struct template_code *t, const struct template_run *run,
                    struct buf *out, struct template_error *wrong) {
    struct writer w = { .a = a, .run = run, .out = out, .wrong = wrong, .from = out->len };
    struct frame whole = { .t = t };
    *wrong = (struct template_error){ .fault = TEMPLATE_FINE };
    w.contexts[w.count++] = run->data;
    return write_nodes(&w, &whole, 0, t->count);
}
