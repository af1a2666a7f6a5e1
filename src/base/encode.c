#include "base/encode.h"

#include <string.h>

static const char HEX[] = "0123456789abcdef";

void hex_encode(char *out, const void *bytes, size_t len) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = HEX[p[i] >> 4];
        out[2 * i + 1] = HEX[p[i] & 15];
    }
    out[2 * len] = 0;
}

bool hex_is_lower_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* One more than the value of each digit; 0: none. */
static const unsigned char DIGITS[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static int nibble(char c) {
    return DIGITS[(unsigned char)c] - 1;
}

bool hex_decode(struct str text, void *out, size_t len) {
    if (text.len != 2 * len)
        return false;
    unsigned char *p = out;
    for (size_t i = 0; i < len; i++) {
        int high = nibble(text.ptr[2 * i]), low = nibble(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        p[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static char *encode64(struct arena *a, const unsigned char *p, size_t len, const char *last_two,
                      bool pad) {
    char alphabet[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    memcpy(alphabet + 62, last_two, 3);
    char *out = arena_alloc(a, (len + 2) / 3 * 4 + 1);
    size_t at = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        unsigned v = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
                     (left > 2 ? p[i + 2] : 0);
        out[at++] = alphabet[v >> 18];
        out[at++] = alphabet[v >> 12 & 63];
        if (left > 1)
            out[at++] = alphabet[v >> 6 & 63];
        else if (pad)
            out[at++] = '=';
        if (left > 2)
            out[at++] = alphabet[v & 63];
        else if (pad)
            out[at++] = '=';
    }
    out[at] = 0;
    return out;
}

char *base64_encode(struct arena *a, const void *bytes, size_t len) {
    return encode64(a, bytes, len, "+/", true);
}

char *base64url_encode(struct arena *a, const void *bytes, size_t len) {
    return encode64(a, bytes, len, "-_", false);
}

static int value64(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct arena *a, struct str text, struct str *out) {
    if (text.len % 4 != 0)
        return false;
    size_t pad = 0;
    while (pad < 2 && text.len > pad && text.ptr[text.len - 1 - pad] == '=')
        pad++;
    unsigned char *bytes = arena_alloc(a, text.len / 4 * 3 + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i += 4) {
        size_t here = i + 4 == text.len ? 4 - pad : 4;
        unsigned v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = k < here ? value64(text.ptr[i + k]) : 0;
            if (d < 0)
                return false;
            v = v << 6 | (unsigned)d;
        }
        if ((here == 2 && (v & 0xFFFF)) || (here == 3 && (v & 0xFF)))
            return false; /* bits that belong to no byte: not canonical */
        bytes[len++] = (unsigned char)(v >> 16);
        if (here > 2)
            bytes[len++] = (unsigned char)(v >> 8);
        if (here > 3)
            bytes[len++] = (unsigned char)v;
    }
    *out = (struct str){ (char *)bytes, len };
    return true;
}

void percent_encode(struct buf *out, struct str raw) {
    static const char UP[] = "0123456789ABCDEF";
    for (size_t i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char)raw.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            buf_char(out, (char)c);
        } else {
            char escaped[3] = { '%', UP[c >> 4], UP[c & 15] };
            buf_put(out, escaped, 3);
        }
    }
}

bool percent_decode(struct arena *a, struct str text, bool form, struct str *out) {
    char *bytes = arena_alloc(a, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            if (text.len - i < 3)
                return false;
            int high = nibble(text.ptr[i + 1]), low = nibble(text.ptr[i + 2]);
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        bytes[len++] = c;
    }
    *out = (struct str){ bytes, len };
    return true;
}
