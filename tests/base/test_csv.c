#include "test.h"

#include "base/csv.h"

static const char *cell(struct buf *b, struct str text) {
    b->len = 0;
    csv_cell(b, text, true);
    buf_char(b, 0);
    return b->ptr;
}

TEST(cells_are_quoted_where_they_must_and_never_begin_a_formula) {
    static const struct {
        const char *text, *cell;
    } CASES[] = {
        { "", "" },
        { "plain", "plain" },
        { "a,b", "\"a,b\"" },
        { "a;b", "\"a;b\"" }, /* what separates cells in half of Europe */
        { "say \"hi\"", "\"say \"\"hi\"\"\"" },
        { "two\nlines", "\"two\nlines\"" },
        { " blank in front", "\" blank in front\"" },
        /* numbers stay what they are */
        { "+33612345678", "+33612345678" },
        { "-5", "-5" },
        { "-0.25", "-0.25" },
        { "12.5", "12.5" },
        /* and sums are none */
        { "+1-1", "\"'+1-1\"" },
        { "+1 (555) 0100", "\"'+1 (555) 0100\"" },
        { "+", "\"'+\"" },
        { "-", "\"'-\"" },
        { "1.2.3", "1.2.3" },
        { "+1.2.3", "\"'+1.2.3\"" },
        { "-.5", "\"'-.5\"" },
        { "=1+1", "\"'=1+1\"" },
        { "=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"" },
        { "@SUM(A1)", "\"'@SUM(A1)\"" },
        { "-2+3+cmd|' /C calc'!A0", "\"'-2+3+cmd|' /C calc'!A0\"" },
        { "  =1", "\"'  =1\"" },
        { "\t=1", "\"'\t=1\"" },
        { "\tx", "\"'\tx\"" },
        { "\r=1", "\"'\r=1\"" },
        { "\uFF1D1", "\"'\uFF1D1\"" },
        { "\uFF0B1", "\"'\uFF0B1\"" },
        { "a=b", "a=b" },
        { "mail@example.org", "mail@example.org" },
        { "\xF0\x9F\x93\x9E phone", "\xF0\x9F\x93\x9E phone" },
    };
    struct buf b = { 0 };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        CHECK_TEXT(cell(&b, str_of(CASES[i].text)), CASES[i].cell);
    buf_fini(&b);
}

TEST(a_row_has_commas_between_its_cells_and_ends_with_both_characters) {
    struct buf b = { 0 };
    csv_cell(&b, STR("a"), true);
    csv_cell(&b, (struct str){ NULL, 0 }, false);
    csv_cell(&b, STR("c"), false);
    csv_row_end(&b);
    buf_char(&b, 0);
    CHECK_TEXT(b.ptr, "a,,c\r\n");
    buf_fini(&b);
}
