/* table: a hash table with an order of use, for things that carry its node inside them.
 *
 * Owns the slots only; the things are the caller's. No locks, no bound of its own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_node {
    uint64_t hash;
    struct table_node *chain, *newer, *older;
};

/* A table of zeros is an empty table. */
struct table {
    struct table_node **slots;
    size_t slot_count, count;
    struct table_node *newest, *oldest;
};

void table_fini(struct table *t); /* the slots; take the things out first */

typedef bool table_is_fn(const struct table_node *n, const void *key);

struct table_node *table_find(const struct table *t, uint64_t hash, table_is_fn *is,
                              const void *key);                       /* NULL when absent */
void table_add(struct table *t, struct table_node *n, uint64_t hash); /* as the newest */
void table_remove(struct table *t, struct table_node *n);
void table_touch(struct table *t, struct table_node *n); /* makes it the newest */
