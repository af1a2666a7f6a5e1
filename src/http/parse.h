/* parse: the head of an HTTP/1.1 request and the chunks of its body, without a socket.
 *
 * llhttp parses; the checks before and after it refuse what llhttp 8.1 lets pass (folding, two
 * Hosts, "Transfer-Encoding: gzip, chunked", HTTP/0.9, RTSP, ...): tests/http/test_parse.c has a
 * case for each. A request smuggler lives from two readers that disagree, so whatever could be read
 * in two ways is refused and the connection ends. RFC 9110, RFC 9112. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "http/message.h"

enum {
    HTTP_HEAD_MAX_BYTES = 16 * 1024,
    HTTP_TARGET_MAX_BYTES = 8 * 1024,
    HTTP_FIELDS_MAX = 64,
    HTTP_TRAILERS_MAX_BYTES = 16 * 1024,
};

enum http_progress { HTTP_MORE, HTTP_DONE, HTTP_REFUSED, HTTP_CUT };

/* A span of the head, by offset: the buffer may move while the body arrives. */
struct http_span {
    uint16_t at, len;
};

struct http_head {
    enum http_method method;
    struct http_span target, path, query, authority;
    struct http_span names[HTTP_FIELDS_MAX], values[HTTP_FIELDS_MAX];
    size_t field_count;
    size_t head_bytes;      /* with the empty line */
    int64_t content_length; /* 0 when there is no body */
    bool is_11;             /* HTTP/1.1, else 1.0 */
    bool is_chunked, keep_alive, expects_continue;
};

struct http_refusal {
    enum err err;
    const char *detail; /* static */
};

/* Looks for a head at bytes. scanned is the caller's memory between calls (0 at first): how much
 * was searched for its end already. */
enum http_progress http_head_parse(const char *bytes, size_t len, size_t *scanned,
                                   struct http_head *out, struct http_refusal *why);

/* Decodes a chunked body in place. Zero it before the first call. */
struct http_chunks {
    int state;
    uint64_t left;   /* bytes of the current chunk that are still to come */
    unsigned digits; /* of the current size */
    size_t raw_bytes, body_bytes, trailer_bytes;
    char name[20]; /* of the trailer that is being read, as far as it fits */
    size_t name_len;
    bool takes_part; /* set by the caller: a body over the limit is cut there instead of refused */
};

/* Eats what it can of bytes[0..len): *eaten raw bytes were used and *made body bytes were written
 * to the front of out (out may equal bytes or lie before it). Refuses a body over limit_bytes;
 * with takes_part it says HTTP_CUT once that many are there and more is to come.
 * Trailers are read and dropped, up to HTTP_TRAILERS_MAX_BYTES; one that frames, routes or folds is
 * refused. */
enum http_progress http_chunks_decode(struct http_chunks *c, const char *bytes, size_t len,
                                      size_t *eaten, char *out, size_t *made, size_t limit_bytes,
                                      struct http_refusal *why);
