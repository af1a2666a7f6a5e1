/* lift: what remains of a JSON text is one too and says the same but for the files; nothing is read beyond its end. */
#include "fuzz/fuzz.h"

#include "base/json.h"
#include "base/lift.h"

static void hash(unsigned char out[LIFT_HASH_BYTES], struct str bytes) {
    memset(out, bytes.len ? bytes.ptr[bytes.len - 1] : 0, LIFT_HASH_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *a = arena_new(64 << 20);
    struct lift lift;
    const char *why;
    char *own = arena_copy(a, data, size); /* to its last byte, for sanitizers */
    struct str text = { own, size }, rest = lift_files(a, text, hash, &lift);
    bool was_json = json_parse(a, text, &why) != NULL;
    CLAIM(!was_json || json_parse(a, rest, &why));
    CLAIM(lift.count || str_eq(text, rest));
    for (size_t i = 0; i < lift.count; i++)
        CLAIM(lift_find(&lift, lift.items[i].mark) == &lift.items[i]);
    arena_free(a);
    return 0;
}
