/* percent, base64, base64url and hex: what decodes is canonical, what was encoded decodes. */
#include "fuzz/fuzz.h"

#include "base/encode.h"

static void check_percent(struct arena *a, struct str text) {
    struct str out;
    struct buf b = { 0 };
    percent_decode(a, text, false, &out);
    percent_decode(a, text, true, &out);
    percent_encode(&b, text);
    CLAIM(percent_decode(a, buf_view(&b), true, &out) && str_eq(out, text));
    buf_fini(&b);
}

static void check_base64(struct arena *a, struct str text) {
    struct str out;
    if (base64_decode(a, text, &out))
        CLAIM(str_is(text, base64_encode(a, out.ptr, out.len)));
    CLAIM(base64_decode(a, str_of(base64_encode(a, text.ptr, text.len)), &out) &&
          str_eq(out, text));
    base64url_encode(a, text.ptr, text.len);
}

static void check_hex(struct arena *a, struct str text) {
    unsigned char *raw = arena_alloc(a, text.len + 1), *back = arena_alloc(a, text.len + 1);
    char *hex = arena_alloc(a, 2 * text.len + 1);
    if (text.len % 2 == 0)
        hex_decode(text, raw, text.len / 2);
    hex_encode(hex, text.ptr, text.len);
    CLAIM(hex_decode(str_of(hex), back, text.len));
    CLAIM(text.len == 0 || memcmp(back, text.ptr, text.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *a = arena_new(64 << 20);
    struct str text = { (const char *)data, size };
    check_percent(a, text);
    check_base64(a, text);
    check_hex(a, text);
    arena_free(a);
    return 0;
}
