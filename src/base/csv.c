#include "base/csv.h"

#include <string.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* "+33612345678", "-5", "-0.25": no other sign, and so no sum. */
static bool is_plain_number(struct str text) {
    size_t i = text.len && (text.ptr[0] == '+' || text.ptr[0] == '-'), from = i, points = 0;
    for (; i < text.len; i++) {
        points += text.ptr[i] == '.';
        if (!is_digit(text.ptr[i]) && text.ptr[i] != '.')
            return false;
    }
    return text.len > from && points <= 1 && is_digit(text.ptr[from]) &&
           is_digit(text.ptr[text.len - 1]);
}

/* The signs as they are, and the wide ones that some spreadsheets take for the same. */
static bool begins_formula(struct str text) {
    static const char *const SIGNS[] = {
        "=", "+", "-", "@", "\uFF1D", "\uFF0B", "\uFF0D", "\uFF20"
    };
    size_t blanks = 0;
    while (blanks < text.len && strchr(" \t\r\n\v\f", text.ptr[blanks]) && text.ptr[blanks])
        blanks++;
    if (blanks && text.ptr[0] != ' ')
        return true; /* a tab or a line end is one by itself */
    text = (struct str){ text.ptr + blanks, text.len - blanks };
    for (size_t i = 0; i < sizeof SIGNS / sizeof SIGNS[0]; i++)
        if (str_starts(text, str_of(SIGNS[i])))
            return true;
    return false;
}

static bool needs_quotes(struct str text) {
    for (size_t i = 0; i < text.len; i++)
        if (strchr("\",;\r\n", text.ptr[i]) || text.ptr[i] == 0)
            return true;
    return text.len && (text.ptr[0] == ' ' || text.ptr[text.len - 1] == ' ');
}

void csv_cell(struct buf *out, struct str text, bool is_first) {
    bool is_guarded = !is_plain_number(text) && begins_formula(text);
    bool is_quoted = is_guarded || needs_quotes(text);
    if (!is_first)
        buf_char(out, ',');
    if (is_quoted)
        buf_char(out, '"');
    if (is_guarded)
        buf_char(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (is_quoted && text.ptr[i] == '"')
            buf_char(out, '"');
        buf_char(out, text.ptr[i]);
    }
    if (is_quoted)
        buf_char(out, '"');
}

void csv_row_end(struct buf *out) {
    buf_text(out, "\r\n");
}
