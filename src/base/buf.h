/* buf: bytes that grow. The one owner calls buf_fini; a buf of zeros is an empty buf. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

struct buf {
    char *ptr; /* always has a NUL behind the last byte once anything was written */
    size_t len, room;
};

void buf_fini(struct buf *b);               /* frees and empties */
struct buf *buf_in(struct arena *a);        /* empty; given back with the arena */
struct buf *buf_secret_in(struct arena *a); /* the same, and zeroed before */
void buf_reserve(struct buf *b, size_t more);
static inline void buf_put(struct buf *b, const void *bytes, size_t len) {
    if (b->room - b->len <= len)
        buf_reserve(b, len);
    if (len)
        memcpy(b->ptr + b->len, bytes, len);
    b->len += len;
    b->ptr[b->len] = 0;
}
void buf_str(struct buf *b, struct str s);
void buf_text(struct buf *b, const char *text);
void buf_char(struct buf *b, char c);
void buf_i64(struct buf *b, int64_t value);
void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *format, va_list args) PRINTF_LIKE(2, 0);
void buf_drop(struct buf *b, size_t bytes); /* removes from the front */
void buf_wipe(struct buf *b);               /* zeroes, then frees: for bytes that were secret */

static inline struct str buf_view(const struct buf *b) {
    return (struct str){ b->ptr ? b->ptr : "", b->len };
}

static inline void buf_clear(struct buf *b) {
    b->len = 0;
}
