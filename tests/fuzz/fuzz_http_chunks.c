/* A chunked body decoded whole and in pieces must be the same body, or refused both times. */
#include "fuzz/fuzz.h"

#include "http/parse.h"

enum { LIMIT = 4000 };

struct result {
    enum http_progress p;
    size_t eaten, made;
    char body[LIMIT + 1];
};

static void decode(const uint8_t *data, size_t size, size_t piece, struct result *r) {
    struct http_chunks c = { 0 };
    struct http_refusal why;
    *r = (struct result){ .p = HTTP_MORE };
    while (r->p == HTTP_MORE && r->eaten < size) {
        size_t n = size - r->eaten < piece ? size - r->eaten : piece, eaten, made;
        char *bytes = malloc(n);
        memcpy(bytes, data + r->eaten, n);
        r->p = http_chunks_decode(&c, bytes, n, &eaten, bytes, &made, LIMIT, &why);
        CLAIM(eaten <= n && made <= eaten && r->made + made <= LIMIT);
        memcpy(r->body + r->made, bytes, made);
        r->eaten += eaten;
        r->made += made;
        free(bytes);
    }
    CLAIM(c.body_bytes == r->made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct result whole, parts;
    if (size > 40000)
        return 0;
    decode(data, size, size ? size : 1, &whole);
    for (size_t piece = 1; piece < 8; piece += 3) {
        decode(data, size, piece, &parts);
        CLAIM(whole.p == parts.p);
        if (whole.p == HTTP_DONE)
            CLAIM(whole.eaten == parts.eaten && whole.made == parts.made &&
                  memcmp(whole.body, parts.body, whole.made) == 0);
    }
    return 0;
}
