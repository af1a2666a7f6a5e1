/* cache_shelf: what the cache keeps, and which of it writes have made worthless; cache.c's own.
 *
 * Bounded by bytes, the longest unused goes first. Items are made and freed outside the cache's
 * lock; under it only references change hands. No lock here. */
#pragma once

#include <stdatomic.h>

#include "resilience/cache.h"
#include "resilience/table.h"

struct cache_item { /* a counted value */
    struct cache_value value;
    atomic_uint references;
    char bytes[];
};

struct cache_entry { /* a key and its item */
    struct table_node node;
    struct cache_item *item;
    size_t resource; /* index of its generation */
    uint64_t generation;
    size_t bytes, key_len;
    char key[];
};

struct cache_shelf {
    struct table entries;
    size_t bytes, bytes_max;
    uint64_t *generations; /* by hash: a shared slot only forgets too much */
};

void cache_shelf_init(struct cache_shelf *s, size_t bytes_max);
void cache_shelf_fini(struct cache_shelf *s);

size_t cache_shelf_resource(struct str resource); /* its index in generations */

struct cache_item *cache_item_new(int status, bool is_absent, struct str body);
const struct cache_value *cache_item_lend(struct cache_item *i); /* one reference more */

/* An entry that is on no shelf yet, with a reference of its own to the item. */
struct cache_entry *cache_entry_new(struct str key, struct cache_item *i, size_t resource);

/* Takes a chain of entries that are on no shelf any more. NULL is fine. */
void cache_entries_free(struct table_node *gone);

/* NULL when there is none. One of an older generation is taken off and added to *gone. */
struct cache_entry *cache_shelf_find(struct cache_shelf *s, struct str key, uint64_t hash,
                                     struct table_node **gone);

/* Takes e off and adds it to *gone. */
void cache_shelf_remove(struct cache_shelf *s, struct cache_entry *e, struct table_node **gone);

/* Puts e in the place of what is there, under the present generation, and makes room. */
void cache_shelf_keep(struct cache_shelf *s, struct cache_entry *e, uint64_t hash,
                      struct table_node **gone);
