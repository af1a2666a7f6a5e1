/* message: what a request is and what an answer is, without a socket in sight. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum http_method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_OTHER
};

const char *http_method_name(enum http_method m);

struct http_stream;

struct http_field {
    struct str name, value;
};

/* All views point into the connection's buffer and live until the answer is written. */
struct http_req {
    enum http_method method;
    struct str target;    /* as sent */
    struct str path;      /* without the query; never empty */
    struct str query;     /* behind '?', may be empty */
    struct str authority; /* the Host field; empty in HTTP/1.0 without one */
    const struct http_field *fields;
    size_t field_count;
    struct str body;
    bool is_cut;      /* there was more of the body than is taken; this is how it began */
    const char *peer; /* numeric address of the other end of the socket */
    struct arena *arena;
    int64_t began_us;           /* monotonic, when its first byte was seen */
    const bool *is_gone;        /* true once the other end has left: nobody waits for the answer */
    struct http_stream *stream; /* what reply->stream will write to; may be rung before */
};

/* The one field of that name; a NULL ptr when absent. When it stands several times the first one
 * counts, and http_field_count tells. Names compare without case. */
struct str http_field(const struct http_req *req, const char *name);
size_t http_field_count(const struct http_req *req, const char *name);

struct http_reply {
    int status;
    const char *content_type; /* NULL: no body, no such header */
    struct buf head;          /* further header lines, each ended by CRLF */
    struct buf body;
    struct str lent_body; /* instead of body: bytes that outlive the answer */
    bool close;           /* the connection ends after this answer */
    int64_t hold_ms;      /* what is asked next on this connection is begun so much later */
    /* Instead of a body: called once the head is out, on the same fiber, and writes pieces until it
     * returns (http/stream.h). req and its arena live until then. Not called for HEAD. */
    void (*stream)(void *arg, struct http_stream *s);
    void *stream_arg;
    bool stream_ends; /* by itself: draining waits for it */
    int64_t
        stream_bytes; /* so many it will write, or the connection is reset; 0: not known before */
    /* For a server that plays a broken one: */
    bool is_raw;   /* the body is every byte of the answer, then the connection ends */
    bool is_reset; /* no answer; the connection is reset */
};

/* Adds "name: value". A value with CR, LF or NUL is refused by dropping the whole header: what
 * comes from outside can not split an answer. */
void http_reply_header(struct http_reply *reply, const char *name, struct str value);
void http_reply_header_text(struct http_reply *reply, const char *name, const char *value);
void http_reply_header_i64(struct http_reply *reply, const char *name, int64_t value);

void http_reply_reset(struct http_reply *reply); /* empty again, memory kept */
void http_reply_fini(struct http_reply *reply);

/* Appends the whole answer to out: status line, headers, body unless the method was HEAD. */
void http_reply_write(const struct http_reply *reply, bool is_head, bool keep_alive,
                      struct buf *out);
/* Appends the head alone of an answer that comes in pieces and ends with its connection. Returns whether
 * they are to be chunks. */
bool http_reply_write_open(const struct http_reply *reply, bool is_11, struct buf *out);
