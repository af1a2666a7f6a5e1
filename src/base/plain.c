#include "base/plain.h"

#include <stdint.h>

/* Of a sequence that str_utf8_step called whole. */
static uint32_t code_of(const char *bytes, size_t n) {
    const unsigned char *p = (const unsigned char *)bytes;
    uint32_t c = n == 1 ? p[0] : p[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3F);
    return c;
}

static bool is_plain(uint32_t c) {
    if (c < 0x20 || (c >= 0x7F && c < 0xA0))
        return false;
    return !(c >= 0x2028 && c <= 0x202E) && !(c >= 0x2066 && c <= 0x2069);
}

static bool is_unseen(uint32_t c) {
    return c == 0x061C || c == 0x200B || c == 0x200E || c == 0x200F || c == 0xFEFF ||
           (c >= 0xE0000 && c <= 0xE007F);
}

bool plain_is(struct str text) {
    bool is_whole;
    for (size_t i = 0, n; i < text.len; i += n) {
        n = str_utf8_step(text.ptr + i, text.len - i, &is_whole);
        if (!is_whole || !is_plain(code_of(text.ptr + i, n)))
            return false;
    }
    return true;
}

static void put_code(struct buf *out, uint32_t c) {
    if (c > 0xFFFF)
        buf_printf(out, "\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10), 0xDC00 + (c & 0x3FF));
    else
        buf_printf(out, "\\u%04x", c);
}

void plain_put(struct buf *out, struct str text) {
    bool is_whole;
    size_t from = 0; /* of what is plain and not yet written */
    for (size_t i = 0, n; i < text.len; i += n) {
        n = str_utf8_step(text.ptr + i, text.len - i, &is_whole);
        uint32_t c = is_whole ? code_of(text.ptr + i, n) : 0xFFFD;
        if (is_whole && is_plain(c) && !is_unseen(c))
            continue;
        buf_put(out, text.ptr + from, i - from);
        from = i + n;
        if (is_whole)
            put_code(out, c);
        else
            buf_text(out, "\xef\xbf\xbd");
    }
    if (text.len > from)
        buf_put(out, text.ptr + from, text.len - from);
}
