/* What Redis answers: it is taken the same whether it comes at once or byte by byte, and nothing that is announced takes
 * room. */
#include "fuzz/fuzz.h"

#include "db/kv_reply.h"

/* Reads all answers; how many there were, and a sum of what they said. *is_broken: they ended in something else. */
static size_t read_all(struct str in, size_t step, int64_t *sum, bool *is_broken) {
    struct kv_reader *r = kv_reader_new();
    size_t count = 0;
    *sum = 0;
    *is_broken = false;
    for (size_t at = 0; at < in.len && !*is_broken; at += step) {
        size_t len = in.len - at < step ? in.len - at : step;
        *is_broken = !kv_reader_feed(r, (struct str){ in.ptr + at, len });
        for (const struct kv_reply *reply;
             !*is_broken && (reply = kv_reader_next(r, is_broken)) != NULL; count++) {
            CLAIM(reply->count <= KV_NUMBERS_MAX && strlen(reply->text) < KV_TEXT_MAX);
            CLAIM(reply->kind == KV_LIST || reply->count <= 1);
            *sum = (int64_t)((uint64_t)*sum * 31 + reply->kind + strlen(reply->text));
            for (size_t i = 0; i < reply->count; i++)
                *sum = (int64_t)((uint64_t)*sum * 31 + (uint64_t)reply->numbers[i]);
        }
    }
    kv_reader_free(r);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str in = { (const char *)data, size < KV_REPLY_BYTES_MAX ? size : KV_REPLY_BYTES_MAX };
    int64_t whole, pieces;
    bool is_broken, is_broken_too;
    size_t count = read_all(in, in.len ? in.len : 1, &whole, &is_broken);
    CLAIM(read_all(in, 1, &pieces, &is_broken_too) == count);
    CLAIM(whole == pieces && is_broken == is_broken_too);
    return 0;
}
