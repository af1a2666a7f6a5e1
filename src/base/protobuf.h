/* protobuf: the wire format of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/), as far as
 * one needs it to write messages and to skim one. Knows no schema: the caller brings the field numbers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

void protobuf_number(struct buf *out, unsigned field, uint64_t value); /* a varint */
void protobuf_fixed32(struct buf *out, unsigned field, uint32_t value);
void protobuf_fixed64(struct buf *out, unsigned field, uint64_t value);
void protobuf_bytes(struct buf *out, unsigned field, const void *bytes, size_t len);
void protobuf_text(struct buf *out, unsigned field, const char *text); /* well-formed UTF-8 */

/* What stands before a message within, or bytes, of so many bytes. */
void protobuf_begin(struct buf *out, unsigned field, size_t len);
/* How many bytes a field of so many bytes takes, with what stands before it. */
size_t protobuf_size(unsigned field, size_t len);
/* A message within: what is written between the two is its content. */
size_t protobuf_open(struct buf *out, unsigned field);
void protobuf_close(struct buf *out, size_t opened);

/* One field of a message that came from outside. */
struct protobuf_field {
    unsigned field;
    bool is_bytes;
    uint64_t number;  /* of a varint or a fixed one */
    struct str bytes; /* lent */
};

/* Takes the next field off the front of rest. False when rest is empty, or no message: then it is not
 * empty. */
bool protobuf_next(struct str *rest, struct protobuf_field *out);
