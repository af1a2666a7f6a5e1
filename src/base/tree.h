/* tree: how one JSON value becomes another: merged with a patch, compared, told apart.
 *
 * Trees are jansson's; those made here come from malloc, also where parts of them are an arena's,
 * so hand them to tree_in unless they go at once. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"

/* What target is after the patch (RFC 7396): objects member by member, null removes, everything
 * else replaces. Neither is changed; target may be NULL. A new reference. */
json_t *tree_merged(const json_t *target, const json_t *patch);

/* The same value? 1 and 1.0 are: texts between here and there do not keep them apart. NULL is only
 * like NULL. */
bool tree_same(const json_t *a, const json_t *b);

/* Two trees of one shape: the true one, and what of it people may see. */
struct tree_pair {
    const json_t *real, *shown;
};

/* Told of each difference between the real ones, deepest first where both are objects, or lists of
 * one length of at most 1,000 entries, and down to a pointer of 256 bytes; with its JSON pointer (RFC 6901, good during the call) and what may be shown; NULL:
 * not there. */
typedef void tree_diff_fn(void *arg, struct str pointer, const json_t *before, const json_t *after);
void tree_diff(struct tree_pair before, struct tree_pair after, tree_diff_fn *each, void *arg);

/* "/name" behind what is there, escaped. */
void tree_point(struct buf *pointer, const char *name);

json_t *tree_in(struct arena *a, json_t *tree);            /* released with the arena */
struct str tree_text(struct arena *a, const json_t *tree); /* as JSON; NULL gives "null" */
