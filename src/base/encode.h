/* encode: hex, base64 and percent-encoding of bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

/* Lower-case hex; out has 2 * len + 1 bytes. */
void hex_encode(char *out, const void *bytes, size_t len);
bool hex_is_lower_digit(char c);
/* Either case; true when text is exactly 2 * len digits. */
bool hex_decode(struct str text, void *out, size_t len);

/* RFC 4648 section 4 with padding, and section 5 ("url") without. */
char *base64_encode(struct arena *a, const void *bytes, size_t len);
char *base64url_encode(struct arena *a, const void *bytes, size_t len);
/* Strict: canonical, padded, no blanks. Returns false, or the bytes (arena-owned). */
bool base64_decode(struct arena *a, struct str text, struct str *out);

/* RFC 3986: everything but unreserved characters becomes %XX. */
void percent_encode(struct buf *out, struct str raw);
/* Decodes %XX, and '+' as a blank when form is true. False on a broken escape. */
bool percent_decode(struct arena *a, struct str text, bool form, struct str *out);
