/* lift: takes files out of a JSON text before it is parsed.
 *
 * A body like {"attachments":[{"filename":"a.pdf","content":"JVBERi0x..."}]} may hold megabytes of base64, which as
 * a tree would take several times their size. Every text named "content" of an object in a list of the outermost
 * object is decoded here, and a short one stands in its place: its number and, in hex, the hash of its bytes, so that
 * two bodies with the same files are the same tree. Whatever else stands in the text is left as it is; whether it is
 * JSON at all, json.h says of what remains.
 *
 * Read as base64 is what encoders write: with padding, with line breaks (openssl, Ruby, Python's encodebytes), with
 * "\/" (PHP), + (.NET) and = (Gson). Bounded work per byte; for a thread beside the loop. */
#pragma once

#include "base/buf.h"

enum { LIFT_MAX = 20, LIFT_HASH_BYTES = 32, LIFT_MARK_BYTES = 80 };

struct lift_item {
    struct str bytes;           /* malloc's, by the arena */
    const char *why;            /* it is no base64: a sentence for people; NULL: it is */
    char mark[LIFT_MARK_BYTES]; /* what stands in its place */
};

struct lift {
    struct lift_item items[LIFT_MAX]; /* of more than these there is a mark that is nobody's */
    size_t count;
};

/* The text that remains; the arena's, or text itself when there was nothing to take out. hash: 32 bytes of bytes. */
struct str lift_files(struct arena *a, struct str text,
                      void (*hash)(unsigned char out[LIFT_HASH_BYTES], struct str bytes),
                      struct lift *out);

/* The item in whose place mark stands; NULL: none. */
const struct lift_item *lift_find(const struct lift *l, const char *mark);
const char *lift_hex(const struct lift_item *item); /* its hash */
