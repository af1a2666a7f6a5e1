#include "net/mail_reply.h"

#include "base/buf.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* 0: it begins with no code. */
static int code_of(struct str line) {
    if (line.len < 3 || !is_digit(line.ptr[0]) || !is_digit(line.ptr[1]) || !is_digit(line.ptr[2]))
        return 0;
    int code = (line.ptr[0] - '0') * 100 + (line.ptr[1] - '0') * 10 + (line.ptr[2] - '0');
    return code >= 200 && code < 600 ? code : 0;
}

/* The line that s begins with, without its end; *rest: what follows. False: its end is not there. */
static bool cut_line(struct str s, struct str *line, struct str *rest) {
    const char *end = s.len ? memchr(s.ptr, '\n', s.len) : NULL;
    if (!end)
        return false;
    size_t len = (size_t)(end - s.ptr);
    *rest = (struct str){ end + 1, s.len - len - 1 };
    *line = (struct str){ s.ptr, len && s.ptr[len - 1] == '\r' ? len - 1 : len };
    return true;
}

enum mail_cut mail_reply_cut(struct str in, size_t *len) {
    struct str line, rest = in;
    int code = 0;
    while (cut_line(rest, &line, &rest)) {
        int now = code_of(line);
        if (!now || (code && now != code) || line.len > MAIL_REPLY_LINE_MAX ||
            (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-'))
            return MAIL_CUT_GARBLED;
        code = now;
        *len = in.len - rest.len;
        if (*len > MAIL_REPLY_BYTES_MAX)
            return MAIL_CUT_GARBLED;
        if (line.len == 3 || line.ptr[3] == ' ')
            return MAIL_CUT_WHOLE;
    }
    return rest.len > MAIL_REPLY_LINE_MAX || in.len > MAIL_REPLY_BYTES_MAX ? MAIL_CUT_GARBLED
                                                                           : MAIL_CUT_SHORT;
}

/* How long a code like "5.1.1" is that the text begins with; 0: there is none of this class. */
static size_t enhanced_len(struct str text, char class) {
    size_t i = 1, parts = 0;
    if (!text.len || text.ptr[0] != class)
        return 0;
    while (parts < 2 && i + 1 < text.len && text.ptr[i] == '.' && is_digit(text.ptr[i + 1])) {
        size_t digits = 1;
        while (i + 1 + digits < text.len && is_digit(text.ptr[i + 1 + digits]))
            digits++;
        if (digits > 3)
            return 0;
        i += 1 + digits;
        parts++;
    }
    return parts == 2 && (i == text.len || text.ptr[i] == ' ') ? i : 0;
}

static struct str text_of(struct str line, struct mail_reply *out) {
    struct str text =
        line.len > 4 ? (struct str){ line.ptr + 4, line.len - 4 } : (struct str){ "", 0 };
    size_t skip = enhanced_len(text, line.ptr[0]);
    if (skip && !out->enhanced[0])
        str_copy(out->enhanced, sizeof out->enhanced, (struct str){ text.ptr, skip });
    return str_trim((struct str){ text.ptr + skip, text.len - skip });
}

/* Cut where a character begins. */
static struct str shortened(struct str s, size_t max) {
    if (s.len <= max)
        return s;
    while (max && ((unsigned char)s.ptr[max] & 0xc0) == 0x80)
        max--;
    return (struct str){ s.ptr, max };
}

void mail_reply_read(struct arena *a, struct str whole, struct mail_reply *out) {
    struct buf b = { 0 };
    struct str line, rest = whole;
    *out = (struct mail_reply){ .code = 0 };
    while (cut_line(rest, &line, &rest) && code_of(line)) {
        out->code = code_of(line);
        struct str text = text_of(line, out);
        if (b.len && text.len)
            buf_char(&b, ' ');
        buf_str(&b, text);
    }
    for (size_t i = 0; i < b.len; i++)
        if ((unsigned char)b.ptr[i] < ' ' || b.ptr[i] == 0x7f)
            b.ptr[i] = ' ';
    out->text = str_dup(a, shortened(str_clean(a, buf_view(&b)), MAIL_REPLY_TEXT_MAX));
    buf_fini(&b);
}

struct str mail_reply_last(struct str all) {
    struct str last = { "", 0 };
    size_t len = 0;
    while (all.len && mail_reply_cut(all, &len) == MAIL_CUT_WHOLE) {
        last = (struct str){ all.ptr, len };
        all = (struct str){ all.ptr + len, all.len - len };
    }
    return last;
}

bool mail_reply_offers(struct str ehlo, const char *keyword, struct str *params) {
    struct str line, rest = ehlo, name = str_of(keyword);
    *params = (struct str){ "", 0 };
    if (!cut_line(ehlo, &line, &rest)) /* its first line is the server's name */
        return false;
    while (cut_line(rest, &line, &rest)) {
        struct str said = line.len > 4 ? (struct str){ line.ptr + 4, line.len - 4 } : line;
        if (said.len < name.len || !str_eq_nocase((struct str){ said.ptr, name.len }, name))
            continue;
        struct str behind = { said.ptr + name.len, said.len - name.len };
        if (behind.len && behind.ptr[0] != ' ' && behind.ptr[0] != '=')
            continue; /* "AUTH=LOGIN" is how servers of old write it */
        if (behind.len)
            *params = str_trim((struct str){ behind.ptr + 1, behind.len - 1 });
        return true;
    }
    return false;
}

bool mail_reply_lists(struct str params, const char *word) {
    while (params.ptr) {
        struct str one = str_cut(params, ' ', &params);
        if (str_eq_nocase(one, str_of(word)))
            return true;
    }
    return false;
}
