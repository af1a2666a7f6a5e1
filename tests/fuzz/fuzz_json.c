/* What was read is written again, and read again it is the same. */
#include "fuzz/fuzz.h"

#include "base/json.h"
#include "base/jsonw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *a = arena_new(64 << 20);
    const char *why = NULL;
    json_t *tree = json_parse(a, (struct str){ (const char *)data, size }, &why);
    if (tree) {
        struct buf b = { 0 };
        struct jsonw w = jsonw_to(&b);
        jsonw_tree(&w, tree);
        json_t *again = json_parse(a, buf_view(&b), &why);
        CLAIM(again); /* a real may be an integer of the same value now, -0 be 0 */
        struct buf second = { 0 }, third = { 0 };
        w = jsonw_to(&second);
        jsonw_tree(&w, again);
        again = json_parse(a, buf_view(&second), &why);
        CLAIM(again);
        w = jsonw_to(&third);
        jsonw_tree(&w, again);
        CLAIM(str_eq(buf_view(&second), buf_view(&third)));
        buf_fini(&b);
        buf_fini(&second);
        buf_fini(&third);
    } else {
        CLAIM(why && why[0]);
    }
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    jsonw_list(&w);
    jsonw_str(&w, (struct str){ (const char *)data, size });
    jsonw_list_end(&w);
    CLAIM(str_is_utf8(buf_view(&b)));
    CLAIM(json_parse(a, buf_view(&b), &why));
    buf_fini(&b);
    arena_free(a);
    return 0;
}
