#include "base/str.h"

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

int str_order(struct str a, struct str b) {
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool str_eq_nocase(struct str a, struct str b) {
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

bool str_starts(struct str s, struct str with) {
    return s.len >= with.len && str_eq((struct str){ s.ptr, with.len }, with);
}

bool str_ends(struct str s, struct str with) {
    return s.len >= with.len && str_eq((struct str){ s.ptr + s.len - with.len, with.len }, with);
}

struct str str_trim(struct str s) {
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

struct str str_cut(struct str s, char sep, struct str *rest) {
    const char *at = s.len ? memchr(s.ptr, sep, s.len) : NULL;
    if (!at) {
        *rest = (struct str){ NULL, 0 };
        return s;
    }
    size_t before = (size_t)(at - s.ptr);
    *rest = (struct str){ at + 1, s.len - before - 1 };
    return (struct str){ s.ptr, before };
}

ptrdiff_t str_find(struct str s, struct str what) {
    if (what.len > s.len)
        return -1;
    const char *at = memmem(s.ptr, s.len, what.ptr, what.len);
    return at ? at - s.ptr : -1;
}

bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *out) {
    bool negative = s.len && s.ptr[0] == '-';
    size_t i = negative ? 1 : 0;
    if (i == s.len || s.len - i > 18)
        return false;
    int64_t value = 0;
    for (; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        value = value * 10 + (s.ptr[i] - '0');
    }
    if (negative)
        value = -value;
    if (value < min || value > max)
        return false;
    *out = value;
    return true;
}

char *str_dup(struct arena *a, struct str s) {
    return arena_strndup(a, s.ptr, s.len);
}

size_t str_utf8_step(const char *bytes, size_t left, bool *is_whole) {
    const unsigned char *p = (const unsigned char *)bytes;
    unsigned char c = p[0];
    *is_whole = c < 0x80;
    if (c < 0x80)
        return 1;
    size_t n = c >= 0xC2 && c <= 0xDF ? 2 : (c & 0xF0) == 0xE0 ? 3 : c >= 0xF0 && c <= 0xF4 ? 4 : 0;
    unsigned char low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned char high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    size_t i = 1;
    for (; i < n && i < left && p[i] >= low && p[i] <= high; i++) {
        low = 0x80;
        high = 0xBF;
    }
    *is_whole = n && i == n;
    return i;
}

bool str_is_utf8(struct str s) {
    bool is_whole = true;
    for (size_t i = 0; i < s.len && is_whole;)
        i += str_utf8_step(s.ptr + i, s.len - i, &is_whole);
    return is_whole;
}

struct str str_clean(struct arena *a, struct str s) {
    static const char MARK[] = "\xEF\xBF\xBD";
    size_t len = 0;
    bool is_whole;
    if (str_is_utf8(s))
        return s;
    char *out = arena_alloc(a, s.len * 3); /* each byte a mark of three, at worst */
    for (size_t i = 0, n; i < s.len; i += n) {
        n = str_utf8_step(s.ptr + i, s.len - i, &is_whole);
        memcpy(out + len, is_whole ? s.ptr + i : MARK, is_whole ? n : 3);
        len += is_whole ? n : 3;
    }
    return (struct str){ out, len };
}

bool str_is_visible(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] <= 0x20 || (unsigned char)s.ptr[i] >= 0x7F)
            return false;
    return true;
}

bool str_has_nul(struct str s) {
    return s.len && memchr(s.ptr, 0, s.len) != NULL;
}

size_t str_distance(struct str a, struct str b) {
    enum { MOST = 64 };
    if (a.len > MOST)
        a.len = MOST;
    if (b.len > MOST)
        b.len = MOST;
    size_t row[MOST + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            size_t best = diagonal + (lower(a.ptr[i - 1]) != lower(b.ptr[j - 1]));
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[b.len];
}

bool str_copy(char *to, size_t room, struct str from) {
    if (room == 0)
        return false;
    size_t n = from.len < room ? from.len : room - 1;
    if (n)
        memcpy(to, from.ptr, n);
    to[n] = 0;
    return n == from.len;
}

size_t str_chars(struct str s) {
    size_t n = 0; /* continuation bytes do not count */
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    return n;
}

bool str_fits(struct str s, size_t min_chars, size_t max_chars) {
    size_t chars = str_chars(s);
    return chars >= min_chars && chars <= max_chars && str_is_utf8(s);
}
