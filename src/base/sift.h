/* sift: reads the JSON of others as it comes and keeps only what is asked for.
 *
 * Nothing that stands beside what is kept can spoil it: half surrogates, NUL, bytes that are no
 * UTF-8, numbers of any size, doubled names (the last one counts), any depth, megabytes. In what is
 * kept, each maximal bad part of a text becomes one U+FFFD (WHATWG Encoding, 4.8.1), as does a NUL;
 * an integer over 64 bits becomes a real, a number beyond the reals a text. A byte order mark is
 * passed over, and so is whatever follows the first value. json.h is for our own callers, whose
 * mistakes are told to them.
 *
 * Memory is bounded by kept_max_bytes, whatever comes. Bytes may be fed in any pieces. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

enum { SIFT_PATHS_MAX = 64, SIFT_PARTS_MAX = 8, SIFT_DEPTH_MAX = 128 };

/* How the reading ended. */
enum sift_end {
    SIFT_WHOLE, /* one whole value was read */
    SIFT_SHORT, /* it ended in the middle: what was read until then is kept */
    SIFT_BROKEN /* from some byte on it was not JSON: what was read until then is kept */
};

struct sift;

/* paths, ended by NULL and good as long as the sift: "message.call.id", "list[].id", "[].id"; a
 * path that ends at an object or a list keeps all of it, "" everything; from an '@' on it is one name, dots
 * and all ("@odata.nextLink"). What is reached by none is
 * not there in the result; where a path goes on below a text or a number, there is null. NULL paths
 * keep everything. kept_max_bytes bounds what is kept: beyond it values become null. */
struct sift *sift_new(struct arena *a, const char *const *paths, size_t kept_max_bytes);
void sift_feed(struct sift *s, struct str bytes);
bool sift_is_broken(const struct sift *s); /* nothing that follows can be read */

/* The tree, the arena's; NULL when there was nothing to keep. *is_cut, when not NULL: something that
 * was to be kept was too much (bytes, or deeper than SIFT_DEPTH_MAX), and is null. */
json_t *sift_end(struct sift *s, enum sift_end *how, bool *is_cut);

/* Reads what Ava wrote itself (jsonw.h), so that whatever was taken once is always readable: the limits
 * are wider than those for taking in. NULL for what is no JSON. */
json_t *sift_own(struct arena *a, struct str text);

/* All of it at once, for texts that are in memory already. */
json_t *sift_text(struct arena *a, struct str text, const char *const *paths, enum sift_end *how);
