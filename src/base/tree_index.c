#include "base/tree_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/tree.h"

/* Of an object or a list. jansson keeps one null, true and false for all; they are not in here. */
struct slot {
    const json_t *value; /* NULL: free */
    uint64_t hash;
};

struct tree_index {
    uint64_t key[2];
    struct slot *slots; /* open addressing, at most half full */
    size_t mask;
};

struct tree_place {
    uint64_t hash;
    size_t at;
};

/* --- hashing --------------------------------------------------------------------------------- */

/* A product with a secret, folded: which inputs collide depends on the secret. */
static uint64_t mix(const struct tree_index *ix, uint64_t hash, uint64_t value) {
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)(hash ^ ix->key[0]) * (value ^ ix->key[1]);
    return ((uint64_t)product ^ (uint64_t)(product >> 64)) + hash * 31 + value;
}

static uint64_t hash_text(const struct tree_index *ix, const char *text, size_t len) {
    uint64_t hash = len;
    for (; len >= 8; text += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, text, 8);
        hash = mix(ix, hash, word);
    }
    uint64_t rest = 0;
    if (len)
        memcpy(&rest, text, len);
    return mix(ix, hash, rest);
}

static uint64_t hash_number(const struct tree_index *ix, const json_t *number) {
    double value = json_number_value(number) + 0.0; /* -0.0 becomes 0.0, which it is the same as */
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return mix(ix, JSON_REAL, bits);
}

/* The slot of the value, or the free one where it belongs. */
static struct slot *slot_of(const struct tree_index *ix, const json_t *value) {
    size_t at = (size_t)(((uintptr_t)value >> 4) * 0x9E3779B97F4A7C15u >> 20);
    while (ix->slots[at & ix->mask].value && ix->slots[at & ix->mask].value != value)
        at++;
    return &ix->slots[at & ix->mask];
}

uint64_t tree_index_hash(const struct tree_index *ix, const json_t *value) {
    if (json_is_object(value) || json_is_array(value))
        return slot_of(ix, value)->hash;
    if (json_is_string(value))
        return mix(ix, JSON_STRING,
                   hash_text(ix, json_string_value(value), json_string_length(value)));
    if (json_is_number(value))
        return hash_number(ix, value);
    return mix(ix, JSON_NULL, value ? (uint64_t)json_typeof(value) : 0);
}

/* --- making it ------------------------------------------------------------------------------- */

static size_t count_of(const json_t *tree) {
    const char *name;
    json_t *value;
    size_t i, count = json_is_object(tree) || json_is_array(tree);
    json_object_foreach((json_t *)tree, name, value) {
        count += count_of(value);
    }
    json_array_foreach(tree, i, value) {
        count += count_of(value);
    }
    return count;
}

/* Enters all objects and lists of the tree, those within first. */
static void enter(struct tree_index *ix, const json_t *tree) {
    const char *name;
    json_t *value;
    size_t i;
    if (!json_is_object(tree) && !json_is_array(tree))
        return;
    uint64_t hash = mix(ix, json_typeof(tree), json_object_size(tree) + json_array_size(tree));
    json_object_foreach((json_t *)tree, name, value) {
        enter(ix, value); /* members come in any order: their sum */
        hash += mix(ix, hash_text(ix, name, strlen(name)), tree_index_hash(ix, value));
    }
    json_array_foreach(tree, i, value) {
        enter(ix, value);
        hash = mix(ix, hash, tree_index_hash(ix, value));
    }
    *slot_of(ix, tree) = (struct slot){ tree, hash };
}

struct tree_index *tree_index_of(struct arena *a, const json_t *one, const json_t *two) {
    struct tree_index *ix = arena_alloc(a, sizeof *ix);
    size_t size = 16;
    for (size_t count = count_of(one) + count_of(two); size < 2 * count;)
        size *= 2;
    ava_rand(ix->key, sizeof ix->key);
    ix->mask = size - 1;
    ix->slots = arena_alloc(a, size * sizeof *ix->slots);
    enter(ix, one);
    enter(ix, two);
    return ix;
}

/* --- looking in a list ----------------------------------------------------------------------- */

static int by_hash(const void *a, const void *b) {
    const struct tree_place *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

struct tree_places tree_places_of(struct arena *a, const struct tree_index *ix,
                                  const json_t *list) {
    size_t count = json_array_size(list);
    struct tree_places p = { ix, list, arena_alloc(a, (count + 1) * sizeof *p.sorted) };
    for (size_t i = 0; i < count; i++)
        p.sorted[i] = (struct tree_place){ tree_index_hash(ix, json_array_get(list, i)), i };
    qsort(p.sorted, count, sizeof *p.sorted, by_hash);
    return p;
}

/* The first of the sorted that is not before the wanted one; count when there is none. */
static size_t not_before(const struct tree_places *p, struct tree_place wanted) {
    size_t low = 0, high = json_array_size(p->list);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_hash(&p->sorted[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t tree_places_find(const struct tree_places *p, const json_t *value, size_t from) {
    size_t count = json_array_size(p->list);
    uint64_t hash = tree_index_hash(p->index, value);
    size_t k = not_before(p, (struct tree_place){ hash, from });
    if (k == count || p->sorted[k].hash != hash)
        k = not_before(p, (struct tree_place){ hash, 0 });
    if (k == count || p->sorted[k].hash != hash)
        return count;
    /* Of different values with one hash only the first is seen; that is a matter of 2^-64. */
    size_t at = p->sorted[k].at;
    return tree_same(value, json_array_get(p->list, at)) ? at : count;
}
