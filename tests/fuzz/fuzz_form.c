/* Form bodies and query strings; whatever is read, encoded again, reads the same. */
#include "fuzz/fuzz.h"

#include "base/encode.h"
#include "base/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *a = arena_new(64 << 20);
    struct form form, again;
    if (form_parse(a, (struct str){ (const char *)data, size }, &form)) {
        struct buf b = { 0 };
        CLAIM(form.count <= FORM_PAIRS_MAX);
        for (size_t i = 0; i < form.count; i++) {
            if (i)
                buf_char(&b, '&');
            percent_encode(&b, form.pairs[i].name);
            buf_char(&b, '=');
            percent_encode(&b, form.pairs[i].value);
        }
        CLAIM(form_parse(a, buf_view(&b), &again) && again.count == form.count);
        for (size_t i = 0; i < form.count; i++)
            CLAIM(str_eq(form.pairs[i].name, again.pairs[i].name) &&
                  str_eq(form.pairs[i].value, again.pairs[i].value));
        form_find(&form, "a");
        buf_fini(&b);
    }
    arena_free(a);
    return 0;
}
