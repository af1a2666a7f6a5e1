/* str: a view of bytes that somebody else owns; never NUL-terminated by promise. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

struct str {
    const char *ptr;
    size_t len;
};

#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })
#define STR_FMT(s)   (int)(s).len, (s).ptr /* for "%.*s" */

static inline struct str str_of(const char *text) {
    return (struct str){ text, text ? strlen(text) : 0 };
}

static inline bool str_eq(struct str a, struct str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_is(struct str a, const char *text) {
    return str_eq(a, str_of(text));
}

bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
int str_order(struct str a, struct str b);      /* by bytes: less than 0, 0, more than 0 */
bool str_starts(struct str s, struct str with);
bool str_ends(struct str s, struct str with);

struct str str_trim(struct str s); /* blanks and tabs at both ends */

/* Cuts s at the first sep: the part before it is returned, *rest is what follows. Without a
 * sep everything is returned and *rest is empty with a NULL ptr. */
struct str str_cut(struct str s, char sep, struct str *rest);

/* The first place of what in s, or -1. */
ptrdiff_t str_find(struct str s, struct str what);

/* Decimal digits with an optional '-', nothing else, within min..max. */
bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *out);

char *str_dup(struct arena *a, struct str s); /* adds the NUL */

bool str_is_utf8(struct str s); /* well-formed, RFC 3629 */
/* The same text in well-formed UTF-8: s itself where it is, else a copy of the arena's in which each
 * maximal bad part is one U+FFFD (WHATWG Encoding, 4.8.1). */
struct str str_clean(struct arena *a, struct str s);
/* How many bytes of the sequence that begins here are well-formed, at least 1 of the len there are;
 * *is_whole: it is one. Of one that is not, these bytes are the maximal bad part. */
size_t str_utf8_step(const char *bytes, size_t len, bool *is_whole);
bool str_is_visible(struct str s); /* ASCII without blanks and control characters */
bool str_has_nul(struct str s);

size_t str_chars(struct str s); /* how many code points of UTF-8 */
/* Is it well-formed UTF-8 of so many code points? What every limit in "characters" means. */
bool str_fits(struct str s, size_t min_chars, size_t max_chars);

/* How many edits (insert, delete, replace, up to 64 bytes each) lead from a to b: for "did you
 * mean". */
size_t str_distance(struct str a, struct str b);

/* Copies with truncation; the result is always NUL-terminated. Returns false when cut. */
bool str_copy(char *to, size_t room, struct str from);
