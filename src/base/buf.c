#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void buf_fini(struct buf *b) {
    free(b->ptr);
    *b = (struct buf){ 0 };
}

static void release(void *b) {
    buf_fini(b);
}

struct buf *buf_in(struct arena *a) {
    struct buf *b = arena_alloc(a, sizeof *b);
    arena_defer(a, release, b);
    return b;
}

void buf_wipe(struct buf *b) {
    if (b->ptr)
        explicit_bzero(b->ptr, b->room);
    buf_fini(b);
}

static void release_secret(void *b) {
    buf_wipe(b);
}

struct buf *buf_secret_in(struct arena *a) {
    struct buf *b = arena_alloc(a, sizeof *b);
    arena_defer(a, release_secret, b);
    return b;
}

void buf_reserve(struct buf *b, size_t more) {
    size_t need = b->len + more + 1;
    assert(need > b->len);
    if (need <= b->room)
        return;
    size_t room = b->room ? b->room * 2 : 256;
    while (room < need)
        room *= 2;
    char *ptr = memory_resized(b->ptr, room);
    b->ptr = ptr;
    b->room = room;
}

void buf_str(struct buf *b, struct str s) {
    buf_put(b, s.ptr, s.len);
}

void buf_text(struct buf *b, const char *text) {
    buf_put(b, text, strlen(text));
}

void buf_char(struct buf *b, char c) {
    buf_put(b, &c, 1);
}

void buf_i64(struct buf *b, int64_t value) {
    char digits[24];
    size_t at = sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        digits[--at] = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0)
        digits[--at] = '-';
    buf_put(b, digits + at, sizeof digits - at);
}

void buf_vprintf(struct buf *b, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    assert(len >= 0);
    buf_reserve(b, (size_t)len);
    vsnprintf(b->ptr + b->len, (size_t)len + 1, format, args);
    b->len += (size_t)len;
}

void buf_printf(struct buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}

void buf_drop(struct buf *b, size_t bytes) {
    assert(bytes <= b->len);
    if (bytes == 0)
        return;
    b->len -= bytes;
    memmove(b->ptr, b->ptr + bytes, b->len);
    b->ptr[b->len] = 0;
}
