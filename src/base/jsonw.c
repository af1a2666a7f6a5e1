#include "base/jsonw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static void value_begins(struct jsonw *w) {
    if (w->comma)
        buf_char(w->out, ',');
    w->comma = true;
}

void jsonw_object(struct jsonw *w) {
    value_begins(w);
    buf_char(w->out, '{');
    w->comma = false;
}

void jsonw_object_end(struct jsonw *w) {
    buf_char(w->out, '}');
    w->comma = true;
}

void jsonw_list(struct jsonw *w) {
    value_begins(w);
    buf_char(w->out, '[');
    w->comma = false;
}

void jsonw_list_end(struct jsonw *w) {
    buf_char(w->out, ']');
    w->comma = true;
}

/* What cannot stand in a JSON text as it is. NUL could, but readers that end their texts with one
 * refuse it (ours among them): it becomes U+FFFD, as in sift.h. */
static void put_special(struct buf *out, unsigned char c) {
    static const char HEX[] = "0123456789abcdef";
    const char pair[] = { '\\', (char)c },
               code[] = { '\\', 'u', '0', '0', HEX[c >> 4], HEX[c & 15] };
    if (c == '"' || c == '\\')
        buf_put(out, pair, sizeof pair);
    else if (c == '\n')
        buf_put(out, "\\n", 2);
    else if (c == 0)
        buf_text(out, "\xEF\xBF\xBD");
    else
        buf_put(out, code, sizeof code);
}

static void put_escaped(struct buf *out, struct str s) {
    buf_reserve(out, s.len + 2);
    buf_char(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_put(out, s.ptr + from, i - from);
        from = i + 1;
        put_special(out, c);
    }
    buf_put(out, s.ptr + from, s.len - from);
    buf_char(out, '"');
}

void jsonw_key(struct jsonw *w, const char *name) {
    value_begins(w);
    put_escaped(w->out, str_of(name));
    buf_char(w->out, ':');
    w->comma = false;
}

void jsonw_key_str(struct jsonw *w, struct str name) {
    jsonw_str(w, name);
    buf_char(w->out, ':');
    w->comma = false;
}

void jsonw_str(struct jsonw *w, struct str value) {
    value_begins(w);
    if (str_is_utf8(value)) {
        put_escaped(w->out, value);
        return;
    }
    struct buf clean = { 0 };
    bool is_whole;
    for (size_t i = 0, n; i < value.len; i += n) {
        n = str_utf8_step(value.ptr + i, value.len - i, &is_whole);
        if (is_whole)
            buf_put(&clean, value.ptr + i, n);
        else
            buf_text(&clean, "\xEF\xBF\xBD");
    }
    put_escaped(w->out, buf_view(&clean));
    buf_fini(&clean);
}

void jsonw_text(struct jsonw *w, const char *value) {
    if (value)
        jsonw_str(w, str_of(value));
    else
        jsonw_null(w);
}

void jsonw_i64(struct jsonw *w, int64_t value) {
    value_begins(w);
    buf_i64(w->out, value);
}

void jsonw_double(struct jsonw *w, double value) {
    if (!isfinite(value)) {
        jsonw_null(w);
        return;
    }
    char digits[40];
    snprintf(digits, sizeof digits, "%.15g", value);
    if (strtod(digits, NULL) != value)
        snprintf(digits, sizeof digits, "%.17g", value);
    value_begins(w);
    buf_text(w->out, digits);
}

void jsonw_bool(struct jsonw *w, bool value) {
    value_begins(w);
    buf_text(w->out, value ? "true" : "false");
}

void jsonw_null(struct jsonw *w) {
    value_begins(w);
    buf_text(w->out, "null");
}

void jsonw_raw(struct jsonw *w, struct str json) {
    value_begins(w);
    buf_str(w->out, json);
}

void jsonw_tree(struct jsonw *w, const json_t *value) {
    const char *name;
    json_t *member;
    size_t i;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        jsonw_object(w);
        json_object_foreach((json_t *)value, name, member) {
            jsonw_key(w, name);
            jsonw_tree(w, member);
        }
        jsonw_object_end(w);
        break;
    case JSON_ARRAY:
        jsonw_list(w);
        json_array_foreach(value, i, member) jsonw_tree(w, member);
        jsonw_list_end(w);
        break;
    case JSON_STRING:
        jsonw_str(w, (struct str){ json_string_value(value), json_string_length(value) });
        break;
    case JSON_INTEGER:
        jsonw_i64(w, json_integer_value(value));
        break;
    case JSON_REAL:
        jsonw_double(w, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        jsonw_bool(w, json_is_true(value));
        break;
    case JSON_NULL:
        jsonw_null(w);
        break;
    }
}

void jsonw_time(struct jsonw *w, int64_t unix_ms) {
    if (unix_ms == 0) {
        jsonw_null(w);
        return;
    }
    char text[32];
    clock_rfc3339(unix_ms, text);
    jsonw_text(w, text);
}

void jsonw_text_at(struct jsonw *w, const char *name, const char *value) {
    jsonw_key(w, name);
    jsonw_text(w, value);
}

void jsonw_str_at(struct jsonw *w, const char *name, struct str value) {
    jsonw_key(w, name);
    jsonw_str(w, value);
}

void jsonw_i64_at(struct jsonw *w, const char *name, int64_t value) {
    jsonw_key(w, name);
    jsonw_i64(w, value);
}

void jsonw_bool_at(struct jsonw *w, const char *name, bool value) {
    jsonw_key(w, name);
    jsonw_bool(w, value);
}

void jsonw_time_at(struct jsonw *w, const char *name, int64_t unix_ms) {
    jsonw_key(w, name);
    jsonw_time(w, unix_ms);
}
