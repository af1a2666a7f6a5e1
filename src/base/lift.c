#include "base/lift.h"

#include <stdio.h>
#include <string.h>

#include "base/encode.h"

enum { DEPTH = 3, NO_DIGIT = -1, BLANK = -2, END = -3 };

/* --- base64 as encoders write it ------------------------------------------------------------- */

/* The characters of a JSON text, one by one; what is beyond ASCII comes byte by byte. */
struct chars {
    struct str text;
    size_t at;
};

static int next_char(struct chars *c) {
    static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
    if (c->at >= c->text.len)
        return END;
    unsigned char here = (unsigned char)c->text.ptr[c->at++];
    if (here != '\\' || c->at >= c->text.len)
        return here < ' ' ? 0xff : here; /* JSON has no line break of its own in a text */
    char name = c->text.ptr[c->at++];
    const char *known = name ? strchr(FROM, name) : NULL;
    if (known)
        return (unsigned char)TO[known - FROM];
    unsigned char code[2];
    struct str hex = { c->text.ptr + c->at, 4 };
    if (name != 'u' || c->text.len - c->at < 4 || !hex_decode(hex, code, 2) || code[0])
        return 0xff; /* no base64, whatever it is */
    c->at += 4;
    return code[1];
}

static int digit_of(int c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '\r' || c == '\n' || c == ' ' || c == '\t')
        return BLANK;
    return c == '+' ? 62 : c == '/' ? 63 : NO_DIGIT;
}

static const char *why_no_digit(struct str text, int c) {
    if (str_starts(text, STR("data:")))
        return "Leave \"data:...;base64,\" in front of it away: content is the base64 alone.";
    if (c == '-' || c == '_')
        return "This is base64url; send base64 with + and /.";
    return "This is no base64: A to Z, a to z, 0 to 9, + and /, with = at its end.";
}

/* What may stand behind the last digit: padding to a group of four, and blanks. */
static const char *read_end(struct chars *c, int first, size_t digits) {
    size_t padding = 0;
    for (int at = first; at != END; at = next_char(c)) {
        if (at == '=')
            padding++;
        else if (digit_of(at) != BLANK)
            return "This is no base64: something stands behind the = at its end.";
    }
    return digits % 4 == 1 || padding != (4 - digits % 4) % 4
               ? "It is cut off: base64 comes in groups of four characters, the last one filled "
                 "up with =."
               : NULL;
}

static const char *decode(struct str text, struct buf *out) {
    struct chars c = { text, 0 };
    size_t digits = 0;
    unsigned v = 0;
    int at;
    buf_reserve(out, text.len / 4 * 3 + 4);
    while ((at = next_char(&c)) != END) {
        int d = digit_of(at);
        if (d == BLANK)
            continue;
        if (at == '=')
            break;
        if (d < 0)
            return why_no_digit(text, at);
        v = v << 6 | (unsigned)d;
        if (++digits % 4 == 0) {
            out->ptr[out->len++] = (char)(v >> 16);
            out->ptr[out->len++] = (char)(v >> 8);
            out->ptr[out->len++] = (char)v;
            v = 0;
        }
    }
    if (digits % 4 >= 2)
        out->ptr[out->len++] = (char)(digits % 4 == 2 ? v >> 4 : v >> 10);
    if (digits % 4 == 3)
        out->ptr[out->len++] = (char)(v >> 2);
    return read_end(&c, at, digits);
}

/* --- where they stand ------------------------------------------------------------------------ */

struct lifting {
    struct arena *arena;
    struct str text;
    struct buf *out;
    size_t copied; /* of text, into out */
    void (*hash)(unsigned char out[LIFT_HASH_BYTES], struct str bytes);
    struct lift *lift;
};

/* Past the string that begins at i with its quote; past the end of the text where that has no end. */
static size_t past_string(struct str text, size_t i) {
    for (i++; i < text.len; i++) {
        const char *quote = memchr(text.ptr + i, '"', text.len - i);
        if (!quote)
            break;
        size_t at = (size_t)(quote - text.ptr), slashes = 0;
        while (at - slashes > i && text.ptr[at - slashes - 1] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return at + 1;
        i = at; /* an escaped quote */
    }
    return text.len + 1;
}

static size_t past_blanks(struct str text, size_t i) {
    while (i < text.len && memchr(" \t\r\n", text.ptr[i], 4))
        i++;
    return i;
}

/* Takes out the string from its quote at `from` to `end`. */
static void take(struct lifting *l, size_t from, size_t end) {
    struct str inner = { l->text.ptr + from + 1, end - from - 2 };
    char spare[] = "-", *mark = spare;
    if (l->lift->count < LIFT_MAX) {
        struct lift_item *item = &l->lift->items[l->lift->count];
        struct buf *bytes = buf_in(l->arena);
        unsigned char hash[LIFT_HASH_BYTES];
        char hex[2 * LIFT_HASH_BYTES + 1] = "-";
        item->why = decode(inner, bytes);
        item->bytes = buf_view(bytes);
        if (!item->why) {
            l->hash(hash, item->bytes);
            hex_encode(hex, hash, sizeof hash);
        }
        mark = item->mark;
        snprintf(mark, sizeof item->mark, "%zu %s", l->lift->count++, hex);
    }
    buf_put(l->out, l->text.ptr + l->copied, from + 1 - l->copied);
    buf_text(l->out, mark);
    l->copied = end - 1;
}

struct str lift_files(struct arena *a, struct str text,
                      void (*hash)(unsigned char out[LIFT_HASH_BYTES], struct str bytes),
                      struct lift *out) {
    struct lifting l = { a, text, buf_in(a), 0, hash, out };
    char open[DEPTH + 1] = "";
    size_t depth = 0;
    out->count = 0;
    for (size_t i = 0; i < text.len;) {
        char c = text.ptr[i];
        if (c == '{' || c == '[') {
            if (depth < DEPTH)
                open[depth] = c;
            depth++;
        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        }
        if (c != '"') {
            i++;
            continue;
        }
        size_t end = past_string(text, i), colon = past_blanks(text, end), value;
        struct str name = { text.ptr + i, end - i };
        i = end; /* beyond the text it is over */
        if (depth != DEPTH || strcmp(open, "{[{") != 0 || !str_is(name, "\"content\"") ||
            colon >= text.len || text.ptr[colon] != ':')
            continue;
        value = past_blanks(text, colon + 1);
        if (value >= text.len || text.ptr[value] != '"')
            continue;
        i = past_string(text, value);
        if (i <= text.len)
            take(&l, value, i);
    }
    if (!l.copied)
        return text;
    buf_put(l.out, text.ptr + l.copied, text.len - l.copied);
    return buf_view(l.out);
}

const struct lift_item *lift_find(const struct lift *l, const char *mark) {
    for (size_t i = 0; l && i < l->count; i++)
        if (strcmp(l->items[i].mark, mark) == 0)
            return &l->items[i];
    return NULL;
}

const char *lift_hex(const struct lift_item *item) {
    return strchr(item->mark, ' ') + 1;
}
