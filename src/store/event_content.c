#include "store/event_content.h"

#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "base/sift.h"
#include "base/tree.h"

/* MARK | flags(1) | lengths of headers, query and body (u32 each, big endian) | headers | query |
 * body, which is deflated when the flag says so; its length is the one it came with. */
enum {
    MARK = 0x01, /* no JSON begins with it */
    HEAD_BYTES = 2 + 3 * 4,
    COMPRESS_FROM_BYTES = 1024,
    LEVEL = 1, /* a third of the time of the usual one for a tenth more bytes */
};
enum flag { FLAG_DEFLATED = 1, FLAG_QUERY = 2 };

static void put_u32(unsigned char *to, size_t value) {
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> (24 - 8 * i));
}

static size_t get_u32(const unsigned char *from) {
    return (size_t)from[0] << 24 | (size_t)from[1] << 16 | (size_t)from[2] << 8 | from[3];
}

struct str event_content_pack(struct arena *a, const struct event_content *in) {
    uLongf body_room = compressBound(in->body.len);
    size_t front = HEAD_BYTES + in->headers.len + in->query.len;
    unsigned char *out =
        arena_alloc(a, front + (body_room > in->body.len ? body_room : in->body.len));
    unsigned char *at = out + HEAD_BYTES;
    out[0] = MARK;
    out[1] = in->query.ptr ? FLAG_QUERY : 0;
    put_u32(out + 2, in->headers.len);
    put_u32(out + 6, in->query.len);
    put_u32(out + 10, in->body.len);
    memcpy(at, in->headers.ptr, in->headers.len);
    if (in->query.len)
        memcpy(at + in->headers.len, in->query.ptr, in->query.len);
    at += in->headers.len + in->query.len;
    if (in->body.len > COMPRESS_FROM_BYTES &&
        compress2(at, &body_room, (const Bytef *)in->body.ptr, in->body.len, LEVEL) == Z_OK &&
        body_room < in->body.len) {
        out[1] |= FLAG_DEFLATED;
        return (struct str){ (char *)out, front + body_room };
    }
    if (in->body.len)
        memcpy(at, in->body.ptr, in->body.len);
    return (struct str){ (char *)out, front + in->body.len };
}

static struct str member_of(struct arena *a, const json_t *tree, const char *name) {
    const json_t *member = json_object_get(tree, name);
    return member ? tree_text(a, member) : (struct str){ NULL, 0 };
}

static bool unpack_json(struct arena *a, struct str plain, struct event_content *out) {
    enum sift_end how;
    const json_t *tree = sift_text(a, plain, NULL, &how);
    out->headers = member_of(a, tree, "headers");
    out->query = member_of(a, tree, "query");
    out->body = member_of(a, tree, "body");
    return json_is_object(tree);
}

bool event_content_unpack(struct arena *a, struct str plain, struct event_content *out) {
    const unsigned char *p = (const unsigned char *)plain.ptr;
    *out = (struct event_content){ .headers = { NULL, 0 } };
    if (plain.len && p[0] == '{')
        return unpack_json(a, plain, out);
    if (plain.len < HEAD_BYTES || p[0] != MARK)
        return false;
    size_t headers = get_u32(p + 2), query = get_u32(p + 6), body = get_u32(p + 10);
    size_t left = plain.len - HEAD_BYTES;
    if (headers > left || query > left - headers || body > EVENT_BODY_MAX_BYTES)
        return false;
    left -= headers + query;
    const char *at = plain.ptr + HEAD_BYTES;
    out->headers = (struct str){ at, headers };
    out->query = (struct str){ p[1] & FLAG_QUERY ? at + headers : NULL, query };
    out->body = (struct str){ at + headers + query, body };
    if (!(p[1] & FLAG_DEFLATED))
        return left == body;
    uLongf len = body;
    char *whole = arena_alloc(a, body);
    int rc;
    out->body.ptr = whole;
    /* What there is no memory to open is not damaged. */
    for (int tries = 0; (rc = uncompress((Bytef *)whole, &len, (const Bytef *)at + headers + query,
                                         left)) == Z_MEM_ERROR;
         tries++) {
        memory_make_room(tries);
        len = body;
    }
    return rc == Z_OK && len == body;
}
