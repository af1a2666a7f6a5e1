/* What is kept can be read again, and is the same however the bytes were cut. */
#include "fuzz/fuzz.h"

#include "base/buf.h"
#include "base/jsonw.h"
#include "base/sift.h"

static const char *const PATHS[] = { "message.type", "message.call.id", "message.list[].id",
                                     "a.b",          "[].id",           NULL };

static struct str sifted(struct arena *a, struct str text, const char *const *paths, size_t step,
                         enum sift_end *how) {
    struct sift *s = sift_new(a, paths, 64 << 10);
    struct buf *out = buf_in(a);
    struct jsonw w = jsonw_to(out);
    bool is_cut;
    for (size_t at = 0; at < text.len; at += step)
        sift_feed(s, (struct str){ text.ptr + at, step < text.len - at ? step : text.len - at });
    json_t *tree = sift_end(s, how, &is_cut);
    if (tree)
        jsonw_tree(&w, tree);
    return buf_view(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = { (const char *)data, size };
    for (int all = 0; all < 2; all++) {
        struct arena *a = arena_new(32 << 20);
        const char *const *paths = all ? NULL : PATHS;
        enum sift_end how, cut, again;
        struct str one = sifted(a, text, paths, size ? size : 1, &how);
        struct str bytes = sifted(a, text, paths, 1, &cut);
        CLAIM(how == cut && str_eq(one, bytes));
        CLAIM(str_is_utf8(one));
        if (one.len) {
            struct str twice = sifted(a, one, NULL, 7, &again);
            CLAIM(again == SIFT_WHOLE && str_eq(one, twice));
        }
        CLAIM(!arena_is_spent(a));
        arena_free(a);
    }
    return 0;
}
