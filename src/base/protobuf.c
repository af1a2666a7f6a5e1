#include "base/protobuf.h"

#include <endian.h>
#include <string.h>

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5, VARINT_BYTES_MAX = 10 };

/* Room for n bytes at the end of out, written to directly; taken then tells how far. */
static char *room_for(struct buf *out, size_t n) {
    if (out->room - out->len <= n)
        buf_reserve(out, n);
    return out->ptr + out->len;
}

static void taken(struct buf *out, char *end) {
    out->len = (size_t)(end - out->ptr);
    *end = 0;
}

static char *varint_write(char *at, uint64_t value) {
    for (; value > 0x7F; value >>= 7)
        *at++ = (char)(value | 0x80);
    *at++ = (char)value;
    return at;
}

static char *tag_write(char *at, unsigned field, unsigned wire) {
    return varint_write(at, (uint64_t)field << 3 | wire);
}

void protobuf_number(struct buf *out, unsigned field, uint64_t value) {
    char *at = room_for(out, 2 * VARINT_BYTES_MAX);
    taken(out, varint_write(tag_write(at, field, VARINT), value));
}

static void put_fixed(struct buf *out, unsigned field, unsigned wire, uint64_t value,
                      size_t bytes) {
    char *at = tag_write(room_for(out, VARINT_BYTES_MAX + bytes), field, wire);
    uint64_t little = htole64(value);
    memcpy(at, &little, bytes);
    taken(out, at + bytes);
}

void protobuf_fixed32(struct buf *out, unsigned field, uint32_t value) {
    put_fixed(out, field, FIXED32, value, sizeof value);
}

void protobuf_fixed64(struct buf *out, unsigned field, uint64_t value) {
    put_fixed(out, field, FIXED64, value, sizeof value);
}

void protobuf_begin(struct buf *out, unsigned field, size_t len) {
    char *at = room_for(out, 2 * VARINT_BYTES_MAX);
    taken(out, varint_write(tag_write(at, field, BYTES), len));
}

static size_t varint_size(uint64_t value) {
    size_t n = 1;
    for (; value > 0x7F; value >>= 7)
        n++;
    return n;
}

size_t protobuf_size(unsigned field, size_t len) {
    return varint_size((uint64_t)field << 3) + varint_size(len) + len;
}

void protobuf_bytes(struct buf *out, unsigned field, const void *bytes, size_t len) {
    char *at = room_for(out, 2 * VARINT_BYTES_MAX + len);
    at = varint_write(tag_write(at, field, BYTES), len);
    if (len)
        memcpy(at, bytes, len);
    taken(out, at + len);
}

void protobuf_text(struct buf *out, unsigned field, const char *text) {
    protobuf_bytes(out, field, text, strlen(text));
}

size_t protobuf_open(struct buf *out, unsigned field) {
    taken(out, tag_write(room_for(out, VARINT_BYTES_MAX), field, BYTES));
    return out->len;
}

/* The length stands in front of the content and is known only now. */
void protobuf_close(struct buf *out, size_t opened) {
    size_t content = out->len - opened, n = varint_size(content);
    room_for(out, n);
    memmove(out->ptr + opened + n, out->ptr + opened, content);
    varint_write(out->ptr + opened, content);
    taken(out, out->ptr + opened + n + content);
}

/* --- from outside ---------------------------------------------------------------------------- */

static bool take_varint(struct str *rest, uint64_t *value) {
    *value = 0;
    for (size_t i = 0; i < rest->len && i < VARINT_BYTES_MAX; i++) {
        uint64_t bits = (unsigned char)rest->ptr[i] & 0x7F;
        if (i == VARINT_BYTES_MAX - 1 && bits > 1)
            return false;
        *value |= bits << 7 * i;
        if ((unsigned char)rest->ptr[i] & 0x80)
            continue;
        rest->ptr += i + 1;
        rest->len -= i + 1;
        return true;
    }
    return false;
}

static bool take_bytes(struct str *rest, uint64_t len, struct str *out) {
    if (len > rest->len)
        return false;
    *out = (struct str){ rest->ptr, (size_t)len };
    rest->ptr += len;
    rest->len -= (size_t)len;
    return true;
}

static bool take_fixed(struct str *rest, size_t len, uint64_t *value) {
    struct str bytes;
    if (!take_bytes(rest, len, &bytes))
        return false;
    for (size_t i = len; i > 0; i--)
        *value = *value << 8 | (unsigned char)bytes.ptr[i - 1];
    return true;
}

/* Groups, which nobody writes any more, are no message either. */
bool protobuf_next(struct str *rest, struct protobuf_field *out) {
    struct str at = *rest;
    uint64_t tag, len;
    *out = (struct protobuf_field){ .bytes = { "", 0 } };
    if (at.len == 0 || !take_varint(&at, &tag) || tag >> 3 == 0 || tag >> 3 >= 1 << 29)
        return false;
    out->field = (unsigned)(tag >> 3);
    out->is_bytes = (tag & 7) == BYTES;
    bool is_good = (tag & 7) == VARINT    ? take_varint(&at, &out->number)
                   : (tag & 7) == FIXED64 ? take_fixed(&at, 8, &out->number)
                   : (tag & 7) == FIXED32 ? take_fixed(&at, 4, &out->number)
                   : out->is_bytes ? take_varint(&at, &len) && take_bytes(&at, len, &out->bytes)
                                   : false;
    if (is_good)
        *rest = at;
    return is_good;
}
