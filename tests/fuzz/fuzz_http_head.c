/* A head read whole and byte by byte must be the same head. */
#include "fuzz/fuzz.h"

#include "http/parse.h"

static bool is_same(const struct http_head *a, const struct http_head *b) {
    return a->method == b->method && a->head_bytes == b->head_bytes &&
           a->content_length == b->content_length && a->is_chunked == b->is_chunked &&
           a->keep_alive == b->keep_alive && a->field_count == b->field_count &&
           a->path.at == b->path.at && a->path.len == b->path.len && a->query.len == b->query.len &&
           a->authority.at == b->authority.at && a->authority.len == b->authority.len;
}

static void check_span(struct http_span s, const struct http_head *h) {
    CLAIM((size_t)s.at + s.len <= h->head_bytes);
}

static void check_good(const char *p, const struct http_head *h) {
    CLAIM(h->head_bytes <= HTTP_HEAD_MAX_BYTES && h->field_count <= HTTP_FIELDS_MAX);
    CLAIM(memcmp(p + h->head_bytes - 4, "\r\n\r\n", 4) == 0);
    CLAIM(!(h->is_chunked && h->content_length) && h->content_length >= 0);
    check_span(h->target, h);
    check_span(h->path, h);
    check_span(h->query, h);
    check_span(h->authority, h);
    for (size_t i = 0; i < h->field_count; i++) {
        check_span(h->names[i], h);
        check_span(h->values[i], h);
        const char *value = p + h->values[i].at;
        size_t len = h->values[i].len;
        for (size_t k = 0; k < len; k++)
            CLAIM((unsigned char)value[k] >= 0x20 || value[k] == '\t');
        CLAIM(!len || (!strchr(" \t", value[0]) && !strchr(" \t", value[len - 1])));
    }
    for (size_t i = 0; i + 1 < h->head_bytes; i++)
        CLAIM(p[i] && (p[i] == '\r') == (p[i + 1] == '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *p = (const char *)data;
    struct http_head whole = { 0 }, parts = { 0 };
    struct http_refusal why;
    size_t scanned = 0;
    enum http_progress a = http_head_parse(p, size, &scanned, &whole, &why), b = HTTP_MORE;
    if (a == HTTP_REFUSED)
        CLAIM(why.detail && err_info(why.err)->status >= 400);
    if (a == HTTP_DONE)
        check_good(p, &whole);
    if (size > 20000)
        return 0;
    scanned = 0;
    for (size_t n = 1; n <= size && b == HTTP_MORE; n++)
        b = http_head_parse(p, n, &scanned, &parts, &why);
    CLAIM(size == 0 || a == b);
    if (a == HTTP_DONE)
        CLAIM(is_same(&whole, &parts));
    return 0;
}
