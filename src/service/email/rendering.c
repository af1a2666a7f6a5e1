#include "service/email/rendering.h"

#include <string.h>

#include "base/fiber.h"
#include "base/template.h"

enum {
    INLINE_MAX = 16 << 10,
    SHELF_MAX = 64
}; /* bytes that are quick; partials of one rendering */

/* --- compiling, beside the loop when it is long ------------------------------------------------- */

struct compiling {
    struct arena *a;
    struct str source;
    struct template_error wrong;
    struct template_code *out;
};

static void compile(void *arg) {
    struct compiling *c = arg;
    c->out = template_compile(c->a, c->source, &c->wrong);
}

static struct template_code *compiled(struct ctx *ctx, struct str source,
                                      struct template_error *wrong) {
    struct compiling c = { .a = ctx->arena, .source = source };
    if (source.len > INLINE_MAX)
        fiber_offload(compile, &c);
    else
        compile(&c);
    *wrong = c.wrong;
    return c.out;
}

static void note_wrong(struct ctx *ctx, const char *field, const struct template_error *wrong) {
    ctx_field(ctx, field, "wrong_format",
              arena_printf(ctx->arena, "Line %zu, column %zu: %s", wrong->line, wrong->column,
                           wrong->why));
}

static void check_part(struct ctx *ctx, const char *field, struct str source) {
    struct template_error wrong;
    if (source.ptr && !compiled(ctx, source, &wrong))
        note_wrong(ctx, field, &wrong);
}

void rendering_check(struct ctx *ctx, const struct rendered *content) {
    check_part(ctx, "subject", content->subject);
    check_part(ctx, "text", content->text);
    check_part(ctx, "html", content->html);
}

/* --- partials ----------------------------------------------------------------------------------- */

/* What a part needs, all in memory before it is written. */
struct shelf {
    struct {
        const char *name;
        const struct template_code *code; /* NULL: there is none */
    } items[SHELF_MAX];
    size_t count, bytes;
};

static const struct template_code *shelf_find(void *arg, const char *name) {
    const struct shelf *s = arg;
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->items[i].name, name) == 0)
            return s->items[i].code;
    return NULL;
}

static bool shelf_has(const struct shelf *s, const char *name) {
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->items[i].name, name) == 0)
            return true;
    return false;
}

static bool shelf_want(struct shelf *s, const struct template_code *t) {
    const char *name;
    for (size_t i = 0; (name = template_partial(t, i)); i++) {
        if (shelf_has(s, name))
            continue;
        if (s->count == SHELF_MAX)
            return false;
        s->items[s->count++].name = name;
    }
    return true;
}

static enum err load(struct ctx *ctx, struct db_conn *c, const char *name, bool html,
                     const struct template_code **out, size_t *bytes) {
    struct template_error wrong;
    struct template_view v;
    bool found = false;
    if (template_name_is_good(name))
        TRY(template_find(ctx, c, name, &v, &found));
    struct str source = !found ? (struct str){ NULL, 0 } : html ? v.content.html : v.content.text;
    *bytes += source.len;
    *out = source.ptr ? compiled(ctx, source, &wrong) : NULL;
    return OK;
}

/* False when they are too many, or too long. */
static enum err shelf_fill(struct ctx *ctx, struct db_conn *c, struct shelf *s,
                           const struct template_code *whole, bool html, bool *fits) {
    *fits = shelf_want(s, whole);
    for (size_t i = 0; i < s->count && *fits; i++) {
        TRY(load(ctx, c, s->items[i].name, html, &s->items[i].code, &s->bytes));
        *fits = s->bytes <= RENDERED_SOURCES_MAX &&
                (!s->items[i].code || shelf_want(s, s->items[i].code));
    }
    return OK;
}

/* --- writing ------------------------------------------------------------------------------------ */

struct writing {
    struct ctx *ctx;
    const struct template_code *whole;
    struct template_run run;
    struct template_error wrong;
    struct buf *out;
    bool good;
};

static void write_it(void *arg) {
    struct writing *w = arg;
    w->good = template_write(w->ctx->arena, w->whole, &w->run, w->out, &w->wrong);
}

static const char *where(struct ctx *ctx, const char *part, const struct template_error *wrong) {
    return wrong->partial ? arena_printf(ctx->arena, "%s of the template %s, line %zu", part,
                                         wrong->partial, wrong->line)
                          : arena_printf(ctx->arena, "%s, line %zu", part, wrong->line);
}

/* Once for each variable, however many parts it is missing in. */
static void note_variable(struct ctx *ctx, const char *part, const struct template_error *wrong) {
    const char *field = arena_printf(ctx->arena, "variables.%s", wrong->name);
    for (size_t i = 0; i < ctx->problem.field_count; i++)
        if (strcmp(ctx->problem.fields[i].field, field) == 0)
            return;
    ctx_field(
        ctx, field,
        wrong->fault == TEMPLATE_MISSING   ? "required"
        : wrong->fault == TEMPLATE_NO_TEXT ? "wrong_type"
                                           : "wrong_format",
        arena_printf(ctx->arena, "%s It is used in %s.", wrong->why, where(ctx, part, wrong)));
}

static void note(struct ctx *ctx, const char *field, const char *part,
                 const struct template_error *wrong) {
    const char *code = wrong->fault == TEMPLATE_TOO_LONG  ? "too_long"
                       : wrong->fault == TEMPLATE_UNKNOWN ? "unknown"
                                                          : "wrong_format";
    bool is_values = wrong->fault == TEMPLATE_MISSING || wrong->fault == TEMPLATE_NO_TEXT ||
                     (wrong->fault == TEMPLATE_NOT_PLAIN && wrong->name);
    if (is_values)
        return note_variable(ctx, part, wrong);
    const char *why = wrong->fault == TEMPLATE_UNKNOWN
                          ? arena_printf(ctx->arena,
                                         "There is no template %s with a part for this, and it is "
                                         "asked for here.",
                                         wrong->name)
                          : wrong->why;
    ctx_field(ctx, field ? field : part, code,
              arena_printf(ctx->arena, "In %s: %s", where(ctx, part, wrong), why));
}

struct part {
    const char *name;
    enum template_mode mode;
    size_t max;
    struct str source;
    struct str *out;
};

static enum err make_part(struct ctx *ctx, struct db_conn *c, const json_t *variables,
                          const char *field, const struct part *p) {
    struct shelf *shelf = arena_alloc(ctx->arena, sizeof *shelf);
    struct writing w = { .ctx = ctx,
                         .run = { p->mode, variables, p->max, shelf_find, shelf },
                         .out = buf_in(ctx->arena) };
    bool fits;
    *p->out = (struct str){ NULL, 0 };
    if (!p->source.ptr)
        return OK;
    w.whole = compiled(ctx, p->source, &w.wrong);
    if (!w.whole) {
        note_wrong(ctx, field ? field : p->name, &w.wrong);
        return OK;
    }
    shelf->bytes = p->source.len;
    TRY(shelf_fill(ctx, c, shelf, w.whole, p->mode == TEMPLATE_HTML, &fits));
    if (!fits) {
        ctx_field(
            ctx, field ? field : p->name, "too_long",
            "With its partials this template holds more than 1 MiB, or more than 64 of them.");
        return OK;
    }
    fiber_offload(write_it, &w); /* its work is bounded, but by the megabyte */
    if (!w.good)
        note(ctx, field, p->name, &w.wrong);
    *p->out = buf_view(w.out);
    return OK;
}

enum err rendering_make(struct ctx *ctx, struct db_conn *c, const struct rendered *content,
                        const json_t *variables, const char *field, struct rendered *out) {
    struct rendered made;
    const struct part parts[] = {
        { "subject", TEMPLATE_LINE, TEMPLATE_SUBJECT_MAX, content->subject, &made.subject },
        { "text", TEMPLATE_TEXT, RENDERED_PART_MAX, content->text, &made.text },
        { "html", TEMPLATE_HTML, RENDERED_PART_MAX, content->html, &made.html },
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        TRY(make_part(ctx, c, variables, field, &parts[i]));
    TRY(ctx_fields_ok(ctx));
    *out = made;
    return OK;
}
