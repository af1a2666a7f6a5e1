/* A chunked body decoded whole and in pieces must be the same body, or refused both times. */
#include "fuzz/fuzz.h"

#include "http/parse.h"

enum { LIMIT = 4000 };

struct result {
    enum http_progress p;
    size_t eaten, made;
    char body[LIMIT + 1];
};

static void decode(const uint8_t *data, size_t size, size_t piece, bool takes_part,
                   struct result *r) {
    struct http_chunks c = { .takes_part = takes_part };
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
    CLAIM(r->p != HTTP_CUT || (takes_part && r->made == LIMIT));
}

/* Where a part is taken nothing else is read otherwise: a body within the limit is the same. */
static void compare(const uint8_t *data, size_t size, bool takes_part, struct result *whole) {
    static struct result parts;
    decode(data, size, size ? size : 1, takes_part, whole);
    for (size_t piece = 1; piece < 8; piece += 3) {
        decode(data, size, piece, takes_part, &parts);
        CLAIM(whole->p == parts.p);
        if (whole->p == HTTP_DONE || whole->p == HTTP_CUT)
            CLAIM(whole->made == parts.made && memcmp(whole->body, parts.body, whole->made) == 0);
        if (whole->p == HTTP_DONE)
            CLAIM(whole->eaten == parts.eaten);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct result whole, part;
    if (size > 40000)
        return 0;
    compare(data, size, false, &whole);
    compare(data, size, true, &part);
    if (whole.p == HTTP_DONE)
        CLAIM(part.p == HTTP_DONE && part.made == whole.made);
    return 0;
}
