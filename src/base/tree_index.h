/* tree_index: finds the entry of a list that is the same value as another one, by hash.
 *
 * Making an index and asking it cost time linear in the size of the trees (a list's first question
 * sorts it), whatever is in them: the hash is keyed anew for each index, so that nobody can send
 * values that collide. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/arena.h"

struct tree_index;

/* An index of the objects and lists in both trees, either of which may be NULL; the arena's. The
 * trees must stay as they are as long as it is asked. */
struct tree_index *tree_index_of(struct arena *a, const json_t *one, const json_t *two);

/* The same for values that tree_same calls the same. value: a part of one of the trees. */
uint64_t tree_index_hash(const struct tree_index *ix, const json_t *value);

/* The entries of a list of one of the trees, sorted by hash. */
struct tree_places {
    const struct tree_index *index;
    const json_t *list;
    struct tree_place *sorted;
};
struct tree_places tree_places_of(struct arena *a, const struct tree_index *ix, const json_t *list);

/* Where in the list the value is, looking from place from on and around; the size of the list when
 * it is nowhere. */
size_t tree_places_find(const struct tree_places *p, const json_t *value, size_t from);
