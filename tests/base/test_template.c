#include "test.h"

#include <time.h>

#include "base/json.h"
#include "base/template.h"

/* Names and sources of partials, in pairs, ended by NULL. */
struct shelf {
    struct arena *a;
    const char *const *pairs;
};

static const struct template_code *find(void *arg, const char *name) {
    const struct shelf *shelf = arg;
    struct template_error wrong;
    for (const char *const *p = shelf->pairs; p && *p; p += 2)
        if (strcmp(*p, name) == 0)
            return template_compile(shelf->a, str_of(p[1]), &wrong);
    return NULL;
}

struct trial {
    const char *source, *data;
    enum template_mode mode;
    const char *const *partials;
    size_t max;
    struct arena *a;
    struct template_error wrong;
};

/* What comes out, or NULL and t->wrong. */
static const char *said(struct trial *t) {
    const char *why;
    struct shelf shelf = { t->a, t->partials };
    struct template_run run = { .mode = t->mode,
                                .data = t->data ? json_parse(t->a, str_of(t->data), &why) : NULL,
                                .output_max = t->max ? t->max : 1 << 20,
                                .partial = find,
                                .arg = &shelf };
    struct buf *out = buf_in(t->a);
    struct template_code *compiled = template_compile(t->a, str_of(t->source), &t->wrong);
    if (!compiled || !template_write(t->a, compiled, &run, out, &t->wrong))
        return NULL;
    return str_dup(t->a, buf_view(out));
}

static void says(const char *source, const char *data, const char *expected) {
    struct trial t = { .source = source, .data = data, .a = arena_new(64 << 20) };
    const char *got = said(&t);
    if (!got)
        print_error("%s: line %zu, column %zu: %s\n", source, t.wrong.line, t.wrong.column,
                    t.wrong.why);
    CHECK(got != NULL);
    CHECK_TEXT(got, expected);
    arena_free(t.a);
}

static void says_with(const char *source, const char *data, const char *const *partials,
                      const char *expected) {
    struct trial t = {
        .source = source, .data = data, .partials = partials, .a = arena_new(64 << 20)
    };
    const char *got = said(&t);
    CHECK(got != NULL);
    CHECK_TEXT(got, expected);
    arena_free(t.a);
}

static struct trial of(const char *source, const char *data) {
    return (struct trial){ .source = source, .data = data };
}

static void fails(struct trial t, enum template_fault fault, size_t line, const char *words) {
    t.a = arena_new(64 << 20);
    CHECK(said(&t) == NULL);
    if (t.wrong.fault != fault || t.wrong.line != line || !strstr(t.wrong.why, words))
        print_error("%s: fault %d, line %zu: %s\n", t.source, (int)t.wrong.fault, t.wrong.line,
                    t.wrong.why);
    CHECK_INT(t.wrong.fault, fault);
    CHECK_INT(t.wrong.line, line);
    CHECK(strstr(t.wrong.why, words) != NULL);
    arena_free(t.a);
}

TEST(text_without_tags_stays_as_it_is) {
    says("", "{}", "");
    says("Hello { world } }}\n\n\\{{!}}!", "{}", "Hello { world } }}\n\n\\!");
}

TEST(a_variable_becomes_its_value) {
    says("Hello {{name}}, {{ name }}!", "{\"name\":\"Ada\"}", "Hello Ada, Ada!");
    says("{{a.b.c}}", "{\"a\":{\"b\":{\"c\":\"deep\"}}}", "deep");
    says("{{n}} {{m}} {{r}} {{w}} {{t}} {{f}}{{z}}",
         "{\"n\":-3,\"m\":9007199254740993,\"r\":1.25,\"w\":2.0,\"t\":true,\"f\":false,\"z\":null}",
         "-3 9007199254740993 1.25 2 true false");
    says("{{größe}} {{x-1}} {{_a}}", "{\"größe\":1,\"x-1\":2,\"_a\":3}", "1 2 3");
}

TEST(values_are_escaped_in_html_alone_and_not_where_they_are_marked) {
    static const char SOURCE[] = "{{v}}|{{{v}}}|{{&v}}|{{& v }}|{{{ v }}}";
    static const char DATA[] = "{\"v\":\"<a href=\\\"x\\\">'&'</a>\"}";
    static const char RAW[] = "<a href=\"x\">'&'</a>";
    struct trial t = {
        .source = SOURCE, .data = DATA, .mode = TEMPLATE_HTML, .a = arena_new(1 << 20)
    };
    const char *html = said(&t);
    CHECK_TEXT(
        html, arena_printf(t.a, "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;|%s|%s|%s|%s",
                           RAW, RAW, RAW, RAW));
    t.mode = TEMPLATE_TEXT;
    CHECK_TEXT(said(&t), arena_printf(t.a, "%s|%s|%s|%s|%s", RAW, RAW, RAW, RAW, RAW));
    arena_free(t.a);
}

TEST(values_are_never_templates) {
    says("{{a}} {{{a}}}", "{\"a\":\"{{b}} {{#c}}{{> d}}\",\"b\":\"no\"}",
         "{{b}} {{#c}}{{> d}} {{b}} {{#c}}{{> d}}");
}

TEST(sections_are_for_lists_objects_and_what_is_true) {
    says("{{#l}}<{{.}}>{{/l}}", "{\"l\":[1,\"b\",2.5]}", "<1><b><2.5>");
    says("{{#l}}<{{x}}{{y}}>{{/l}}", "{\"l\":[{\"x\":1},{\"x\":2}],\"y\":\"!\"}", "<1!><2!>");
    says("{{#o}}{{x}}{{/o}}", "{\"o\":{\"x\":\"in\"},\"x\":\"out\"}", "in");
    says("{{#t}}yes{{/t}}{{#s}} {{.}}{{/s}}{{#n}} {{.}}{{/n}}",
         "{\"t\":true,\"s\":\"text\",\"n\":7}", "yes text 7");
    says("{{#l}}{{#.}}{{.}},{{/.}};{{/l}}", "{\"l\":[[1,2],[3]]}", "1,2,;3,;");
    says("{{#a.b}}{{c}}{{/a.b}}", "{\"a\":{\"b\":{\"c\":\"!\"}}}", "!");
    says("{{#t}}{{x}}{{/t}}", "{\"t\":true,\"x\":\"around\"}", "around");
}

TEST(false_and_missing_are_not_written_and_are_what_inverted_sections_are_for) {
    static const char *const FALSE[] = { "{}",        "{\"v\":false}", "{\"v\":null}",
                                         "{\"v\":0}", "{\"v\":0.0}",   "{\"v\":\"\"}",
                                         "{\"v\":[]}" };
    static const char *const TRUE[] = { "{\"v\":true}", "{\"v\":1}", "{\"v\":\"0\"}", "{\"v\":[0]}",
                                        "{\"v\":{}}" };
    for (size_t i = 0; i < ARRAY_LEN(FALSE); i++)
        says("{{#v}}yes{{/v}}{{^v}}no{{/v}}", FALSE[i], "no");
    for (size_t i = 0; i < ARRAY_LEN(TRUE); i++)
        says("{{#v}}yes{{/v}}{{^v}}no{{/v}}", TRUE[i], "yes");
    says("{{#a.b.c}}x{{/a.b.c}}{{^a.b.c}}y{{/a.b.c}}", "{\"a\":{}}", "y");
}

TEST(the_innermost_context_counts_also_when_the_rest_of_the_name_is_not_there) {
    says("{{#a}}{{x}}{{#b}}{{x}}{{y}}{{/b}}{{/a}}", "{\"a\":{\"x\":1,\"b\":{\"x\":2}},\"y\":3}",
         "123");
    fails(of("{{#a}}{{b.c}}{{/a}}", "{\"a\":{\"b\":{}},\"b\":{\"c\":\"wrong\"}}"), TEMPLATE_MISSING,
          1, "The variable b.c is missing.");
}

TEST(a_line_with_nothing_but_a_tag_leaves_no_empty_line) {
    says("a\n{{#t}}\nb\n{{/t}}\nc\n", "{\"t\":true}", "a\nb\nc\n");
    says("a\r\n  {{! words }}  \r\nb", "{}", "a\r\nb");
    says("{{#l}}\n- {{.}}\n{{/l}}\nend", "{\"l\":[1,2]}", "- 1\n- 2\nend");
    says("  {{#t}}x{{/t}}  \n", "{\"t\":true}", "  x  \n");
    says("{{v}}\n", "{\"v\":\"\"}", "\n");
}

TEST(partials_stand_where_they_are_asked_for_and_see_what_is_there) {
    static const char *const P[] = { "p",   "[{{x}}]",  "lines", "one\n\n{{x}}\n",
                                     "own", "{{>p}}\n", NULL };
    says_with("a {{> p}} {{>p}}", "{\"x\":1}", P, "a [1] [1]");
    says_with("{{#l}}{{>p}}{{/l}}", "{\"l\":[{\"x\":1},{\"x\":2}]}", P, "[1][2]");
    says_with("a\n  {{> lines}}\nb", "{\"x\":\"m\\nn\"}", P, "a\n  one\n\n  m\nn\nb");
    says_with(" {{> own }}\n", "{\"x\":1}", P, " [1]");
    fails(of("a\n{{> none}}", "{}"), TEMPLATE_UNKNOWN, 2, "There is no template none");
}

TEST(a_partial_may_hold_itself_as_deep_as_the_data_is) {
    static const char *const P[] = { "node", "{{v}}{{#in}}({{> node}}){{/in}}", NULL };
    says_with("{{> node}}", "{\"v\":1,\"in\":[{\"v\":2,\"in\":[]},{\"v\":3,\"in\":false}]}", P,
              "1(2)(3)");
}

TEST(endless_partials_end_with_an_error) {
    static const char *const P[] = { "p", "x{{> q}}", "q", "{{> p}}", "t", "{{> t}}{{> t}}", NULL };
    fails((struct trial){ .source = "{{> p}}", .data = "{}", .partials = P }, TEMPLATE_TOO_DEEP, 1,
          "goes on and on");
    fails((struct trial){ .source = "{{> t}}", .data = "{}", .partials = P }, TEMPLATE_TOO_DEEP, 1,
          "t goes on");
}

TEST(what_is_missing_is_named) {
    static const char *const P[] = { "p", "\n{{gone}}", NULL };
    struct trial t = { .source = "{{> p}}", .data = "{}", .partials = P, .a = arena_new(1 << 20) };
    fails(of("Hello\n\n  {{caller}}", "{}"), TEMPLATE_MISSING, 3,
          "The variable caller is missing.");
    fails(of("{{a.b}}", "{\"a\":{\"c\":1}}"), TEMPLATE_MISSING, 1, "variable a.b is");
    fails(of("{{x}}", NULL), TEMPLATE_MISSING, 1, "variable x is");
    CHECK(!said(&t));
    CHECK_TEXT(t.wrong.partial, "p");
    CHECK_TEXT(t.wrong.name, "gone");
    CHECK_INT(t.wrong.line, 2);
    arena_free(t.a);
}

TEST(lists_and_objects_are_no_text) {
    fails(of("{{l}}", "{\"l\":[1]}"), TEMPLATE_NO_TEXT, 1, "The variable l is a list");
    fails(of("{{#o}}{{.}}{{/o}}", "{\"o\":{\"a\":1}}"), TEMPLATE_NO_TEXT, 1, "variable . is");
}

TEST(mistakes_are_told_with_their_place) {
    static const struct {
        const char *source;
        size_t line, column;
        const char *words;
    } CASES[] = {
        { "a\n {{#s}}", 2, 5, "The section s is not closed: {{/s}} is missing." },
        { "{{#a}}\n{{#b}}\n{{/a}}", 3, 1,
          "The section b, opened in line 2, must be closed before a." },
        { "x{{/a}}", 1, 2, "closes a section that was not opened" },
        { "ü {{name", 1, 3, "}} is missing" },
        { "{{{name}}", 1, 1, "}}} is missing" },
        { "{{}}", 1, 1, "no name" },
        { "{{#}}{{/}}", 1, 1, "no name" },
        { "{{a b}}", 1, 1, "\"a b\" is no name" },
        { "{{a..b}}", 1, 1, "is no name" },
        { "{{.a}}", 1, 1, "is no name" },
        { "{{a.}}", 1, 1, "is no name" },
        { "{{=<% %>=}}", 1, 1, "delimiters" },
        { "{{<parent}}", 1, 1, "no parents" },
        { "{{$block}}", 1, 1, "no blocks" },
        { "{{\xff}}", 1, 1, "is no name" },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct arena *a = arena_new(1 << 20);
        struct template_error wrong;
        CHECK(!template_compile(a, str_of(CASES[i].source), &wrong));
        if (wrong.line != CASES[i].line || wrong.column != CASES[i].column ||
            !strstr(wrong.why, CASES[i].words))
            print_error("%s: %zu:%zu %s\n", CASES[i].source, wrong.line, wrong.column, wrong.why);
        CHECK_INT(wrong.fault, TEMPLATE_WRONG);
        CHECK_INT(wrong.line, CASES[i].line);
        CHECK_INT(wrong.column, CASES[i].column);
        CHECK(strstr(wrong.why, CASES[i].words) != NULL);
        arena_free(a);
    }
}

TEST(a_subject_stays_one_line) {
    fails((struct trial){ .source = "Call from {{who}}",
                          .data = "{\"who\":\"a\\r\\nBcc: x\"}",
                          .mode = TEMPLATE_LINE },
          TEMPLATE_NOT_PLAIN, 1, "The variable who has a line break");
    fails((struct trial){ .source = "{{{who}}}",
                          .data = "{\"who\":\"a\\u2028b\"}",
                          .mode = TEMPLATE_LINE },
          TEMPLATE_NOT_PLAIN, 1, "who has");
    fails((struct trial){ .source = "one\ntwo", .data = "{}", .mode = TEMPLATE_LINE },
          TEMPLATE_NOT_PLAIN, 1, "one line");
    struct trial t = { .source = "<{{who}}>",
                       .data = "{\"who\":\"a & b\"}",
                       .mode = TEMPLATE_LINE,
                       .a = arena_new(1 << 20) };
    CHECK_TEXT(said(&t), "<a & b>");
    arena_free(t.a);
}

TEST(sections_are_nested_sixteen_deep_at_most) {
    struct arena *a = arena_new(1 << 20);
    struct template_error wrong;
    struct buf *b = buf_in(a);
    for (int i = 0; i < 10000; i++)
        buf_text(b, "{{#a}}");
    CHECK(!template_compile(a, buf_view(b), &wrong));
    CHECK(strstr(wrong.why, "at most 16 deep") != NULL);
    CHECK_INT(wrong.column, 16 * 6 + 1);
    arena_free(a);
}

/* --- bounds ---------------------------------------------------------------------------------- */

static int64_t cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* {"a":[1, 1, ...]} */
static const char *many(struct arena *a, int count) {
    struct buf *b = buf_in(a);
    buf_text(b, "{\"a\":[1");
    for (int i = 1; i < count; i++)
        buf_text(b, ",1");
    buf_text(b, "]}");
    return b->ptr;
}

TEST(what_doubles_itself_ends_at_its_bound_and_soon) {
    struct arena *a = arena_new(64 << 20);
    const char *loud = "{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}x{{/a}}{{/a}}{{/a}}{{/a}}{{/a}}";
    const char *silent = "{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{/a}}{{/a}}{{/a}}{{/a}}{{/a}}";
    const char *data = many(a, 30000);
    int64_t began = cpu_ms();
    fails((struct trial){ .source = loud, .data = data, .max = 1 << 20 }, TEMPLATE_TOO_LONG, 1,
          "bytes");
    fails((struct trial){ .source = silent, .data = data, .max = 1 << 20 }, TEMPLATE_TOO_LONG, 1,
          "work");
    CHECK(cpu_ms() - began < 2000);
    fails((struct trial){ .source = "{{#a}}123{{/a}}", .data = "{\"a\":[1,2]}", .max = 5 },
          TEMPLATE_TOO_LONG, 1, "More than 5 bytes");
    struct trial whole = { .source = "{{#a}}123{{/a}}", .data = "{\"a\":[1,2]}", .max = 6, .a = a };
    CHECK_TEXT(said(&whole), "123123");
    arena_free(a);
}

TEST(escapes_count_as_what_they_become) {
    fails(
        (struct trial){
            .source = "{{v}}", .data = "{\"v\":\"\\\"\\\"\"}", .mode = TEMPLATE_HTML, .max = 11 },
        TEMPLATE_TOO_LONG, 1, "bytes");
}

TEST(a_partial_that_multiplies_ends_soon) {
    struct arena *a = arena_new(64 << 20);
    const char *const P[] = { "p", "{{#a}}{{> p}}{{/a}}", NULL };
    int64_t began = cpu_ms();
    fails((struct trial){ .source = "{{> p}}", .data = "{\"a\":[1,2,3,4,5,6,7,8]}", .partials = P },
          TEMPLATE_TOO_DEEP, 1, "goes on");
    CHECK(cpu_ms() - began < 2000);
    arena_free(a);
}

TEST(all_partials_are_named_once) {
    struct arena *a = arena_new(1 << 20);
    struct template_error wrong;
    struct template_code *t = template_compile(a, STR("{{> b}}{{#x}}{{> a}}{{> b}}{{/x}}"), &wrong);
    CHECK_TEXT(template_partial(t, 0), "b");
    CHECK_TEXT(template_partial(t, 1), "a");
    CHECK(!template_partial(t, 2));
    arena_free(a);
}
