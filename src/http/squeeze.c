#include "http/squeeze.h"

#include <zlib.h>

#include "http/accept.h"

enum {
    FROM_BYTES = 1024,
    LEVEL = 1, /* a third of the time of the usual one */
    WINDOW_BITS = 15,
    WITH_GZIP_HEAD = 16,
    MEMORY = 8,
};

void http_squeeze(const struct http_req *req, struct http_reply *reply) {
    z_stream z = { 0 };
    struct buf out = { 0 };
    if (reply->body.len < FROM_BYTES)
        return;
    http_reply_header_text(reply, "Vary", "Accept-Encoding");
    if (!accept_coding(req, "gzip") ||
        deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_BITS + WITH_GZIP_HEAD, MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return;
    size_t bound = deflateBound(&z, reply->body.len);
    buf_reserve(&out, bound + 1);
    z.next_in = (Bytef *)reply->body.ptr;
    z.avail_in = (uInt)reply->body.len;
    z.next_out = (Bytef *)out.ptr;
    z.avail_out = (uInt)bound;
    int end = deflate(&z, Z_FINISH);
    out.len = z.total_out;
    deflateEnd(&z);
    if (end != Z_STREAM_END) {
        buf_fini(&out);
        return;
    }
    buf_fini(&reply->body);
    reply->body = out;
    http_reply_header_text(reply, "Content-Encoding", "gzip");
}
