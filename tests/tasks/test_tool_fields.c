#include "tasks/tool_fields.h"

#include <string.h>

#include "base/json.h"
#include "test.h"

static const char *const KINDS[] = { "visit", "call", NULL };

static const char *no_x(struct arena *a, const char *text) {
    return strchr(text, 'x') ? "There must be no x." : NULL;
}

static const struct tool_field FIELDS[] = {
    { .name = "title", .type = TOOL_TEXT, .is_required = true, .min = 2, .max = 5, .wrong = no_x },
    { .name = "minutes", .type = TOOL_NUMBER, .min = 5, .max = 60, .about = "How long." },
    { .name = "start", .type = TOOL_TIME },
    { .name = "loud", .type = TOOL_FLAG },
    { .name = "mail", .type = TOOL_EMAIL },
    { .name = "phone", .type = TOOL_PHONE },
    { .name = "kind", .type = TOOL_CHOICE, .choices = KINDS },
    { .name = "whom", .type = TOOL_CHOICE },
    { .name = "numbers", .type = TOOL_NUMBERS },
    { 0 },
};

/* What is kept of it as compact JSON; or, where something is wrong, each field with its code. */
static const char *check(struct arena *a, const char *given, const char *prefix) {
    struct ctx ctx;
    const json_t *out = NULL;
    const char *why = "";
    struct buf *b = buf_in(a);
    ctx_init(&ctx, NULL, a, 1000);
    enum err e = tool_fields_check(&ctx, FIELDS, prefix,
                                   given ? json_parse(a, str_of(given), &why) : NULL, &out);
    buf_text(b, "");
    for (size_t i = 0; i < ctx.problem.field_count; i++)
        buf_printf(b, "%s%s %s", i ? ", " : "", ctx.problem.fields[i].field,
                   ctx.problem.fields[i].code);
    CHECK_INT(e == OK, ctx.problem.field_count == 0);
    if (e == OK) {
        struct jsonw w = jsonw_to(b);
        jsonw_tree(&w, out);
    }
    return str_dup(a, buf_view(b));
}

#define WITH(more) "{\"title\":\"ab\"," more "}"

static void check_all(const char *const (*cases)[2], size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct arena *a = arena_new(1 << 20);
        const char *got = check(a, cases[i][0], "");
        if (strcmp(got, cases[i][1]) != 0)
            print_error("%s\n", cases[i][0]);
        CHECK_TEXT(got, cases[i][1]);
        arena_free(a);
    }
}

TEST(what_models_leave_out_by_null_or_an_empty_text_is_absent) {
    static const char *const CASES[][2] = {
        { WITH("\"minutes\":null,\"start\":\"\",\"loud\":null,\"kind\":\"\",\"numbers\":null"),
          "{\"title\":\"ab\"}" },
        { "{\"title\":null}", "title required" },
        { "{\"title\":\"\"}", "title required" },
        { "{}", "title required" },
        { NULL, "title required" },
    };
    check_all(CASES, ARRAY_LEN(CASES));
}

TEST(a_number_may_be_a_text_or_have_a_point_but_is_whole_and_in_its_range) {
    static const char *const CASES[][2] = {
        { WITH("\"minutes\":30"), "{\"title\":\"ab\",\"minutes\":30}" },
        { WITH("\"minutes\":\"30\""), "{\"title\":\"ab\",\"minutes\":30}" },
        { WITH("\"minutes\":30.0"), "{\"title\":\"ab\",\"minutes\":30}" },
        { WITH("\"minutes\":5"), "{\"title\":\"ab\",\"minutes\":5}" },
        { WITH("\"minutes\":60"), "{\"title\":\"ab\",\"minutes\":60}" },
        { WITH("\"minutes\":4"), "minutes wrong_format" },
        { WITH("\"minutes\":61"), "minutes wrong_format" },
        { WITH("\"minutes\":30.5"), "minutes wrong_format" },
        { WITH("\"minutes\":1e300"), "minutes wrong_format" },
        { WITH("\"minutes\":-1e300"), "minutes wrong_format" },
        { WITH("\"minutes\":9223372036854775807"), "minutes wrong_format" },
        { WITH("\"minutes\":\"30 minutes\""), "minutes wrong_format" },
        { WITH("\"minutes\":\"30.0\""), "minutes wrong_format" },
        { WITH("\"minutes\":true"), "minutes wrong_format" },
        { WITH("\"minutes\":[30]"), "minutes wrong_format" },
    };
    check_all(CASES, ARRAY_LEN(CASES));
}

TEST(texts_times_addresses_and_choices_are_judged_as_what_they_are) {
    static const char *const CASES[][2] = {
        { "{\"title\":\"a\"}", "title wrong_format" },
        { "{\"title\":\"abcdef\"}", "title wrong_format" },
        { "{\"title\":\"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xe2\x82\xac\"}",
          "{\"title\":\"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xe2\x82\xac\"}" }, /* five letters */
        { "{\"title\":\"axb\"}", "title wrong_format" },
        { "{\"title\":7}", "title wrong_format" },
        { "{\"title\":[\"ab\"]}", "title wrong_format" },
        { WITH("\"start\":\"2026-12-01T09:00:00+01:00\""),
          "{\"title\":\"ab\",\"start\":\"2026-12-01T09:00:00+01:00\"}" },
        { WITH("\"start\":\"2026-12-01T09:00\""),
          "{\"title\":\"ab\",\"start\":\"2026-12-01T09:00\"}" },
        { WITH("\"start\":\"tomorrow\""), "start wrong_format" },
        { WITH("\"start\":1795132800"), "start wrong_format" },
        { WITH("\"loud\":true"), "{\"title\":\"ab\",\"loud\":true}" },
        { WITH("\"loud\":\"true\""), "loud wrong_format" },
        { WITH("\"mail\":\"a@b.example\""), "{\"title\":\"ab\",\"mail\":\"a@b.example\"}" },
        { WITH("\"mail\":\"a at b\""), "mail wrong_format" },
        { WITH("\"mail\":\"a@b.example\\r\\nBcc: c@d.example\""), "mail wrong_format" },
        { WITH("\"phone\":\"+14155550142\""), "{\"title\":\"ab\",\"phone\":\"+14155550142\"}" },
        { WITH("\"phone\":\"4155550142\""), "phone wrong_format" },
        { WITH("\"kind\":\"visit\""), "{\"title\":\"ab\",\"kind\":\"visit\"}" },
        { WITH("\"kind\":\"Visit\""), "kind wrong_format" },
        { WITH("\"kind\":0"), "kind wrong_format" },
        { WITH("\"whom\":\"Sales\""), "{\"title\":\"ab\",\"whom\":\"Sales\"}" },
        { WITH("\"whom\":{}"), "whom wrong_format" },
        { WITH("\"numbers\":[{\"name\":\"A\",\"number\":\"+14155550142\"}]"),
          "{\"title\":\"ab\",\"numbers\":[{\"name\":\"A\",\"number\":\"+14155550142\"}]}" },
        { WITH("\"numbers\":{}"), "numbers wrong_format" },
        { WITH("\"numbers\":[{\"name\":\"A\"}]"), "numbers wrong_format" },
        { WITH("\"numbers\":[{\"name\":\"A\",\"number\":\"+14155550142\",\"x\":1}]"),
          "numbers wrong_format" },
    };
    check_all(CASES, ARRAY_LEN(CASES));
}

TEST(every_field_that_is_wrong_or_unknown_is_named_below_its_prefix) {
    struct arena *a = arena_new(1 << 20);
    CHECK_TEXT(check(a, "{\"title\":\"ab\",\"minutes\":1,\"colour\":null}", "settings."),
               "settings.colour unknown, settings.minutes wrong_format");
    arena_free(a);
}

TEST(models_get_a_schema_and_choices_of_the_settings) {
    struct arena *a = arena_new(1 << 20);
    struct buf *b = buf_in(a);
    struct jsonw w = jsonw_to(b);
    const char *why = "";
    const json_t *settings =
        json_parse(a, STR("{\"numbers\":[{\"name\":\"Sales\"},{\"name\":\"A\\\"b\"}]}"), &why);
    tool_fields_schema(&w, FIELDS, settings);
    const json_t *schema = json_parse(a, buf_view(b), &why);
    const json_t *all = json_object_get(schema, "properties");
    CHECK_TEXT(json_text(schema, "type"), "object");
    CHECK_INT(json_object_size(all), 9);
    CHECK_INT(json_array_size(json_object_get(schema, "required")), 1);
    CHECK_TEXT(json_text(json_object_get(all, "minutes"), "type"), "integer");
    CHECK_INT(json_i64_or(json_object_get(all, "minutes"), "maximum", 0), 60);
    CHECK_TEXT(json_text(json_object_get(all, "loud"), "type"), "boolean");
    const json_t *kinds = json_object_get(json_object_get(all, "kind"), "enum"),
                 *whom = json_object_get(json_object_get(all, "whom"), "enum");
    CHECK_TEXT(json_string_value(json_array_get(kinds, 1)), "call");
    CHECK_TEXT(json_string_value(json_array_get(whom, 1)), "A\"b");
    CHECK(!json_object_get(json_object_get(all, "title"), "enum"));
    arena_free(a);
}
