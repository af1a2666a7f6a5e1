#include "resilience/table.h"

#include <stdlib.h>

#include "base/memory.h"

enum { SLOTS_MIN = 64 };

static struct table_node **slot_of(const struct table *t, uint64_t hash) {
    return &t->slots[hash & (t->slot_count - 1)];
}

static void grow(struct table *t) {
    struct table_node **old = t->slots;
    size_t old_count = t->slot_count;
    t->slot_count = old_count ? old_count * 2 : SLOTS_MIN;
    t->slots = memory_zeroed(t->slot_count, sizeof(struct table_node *));
    for (size_t i = 0; i < old_count; i++) {
        for (struct table_node *n = old[i], *next; n; n = next) {
            next = n->chain;
            struct table_node **slot = slot_of(t, n->hash);
            n->chain = *slot;
            *slot = n;
        }
    }
    free(old);
}

static void order_in(struct table *t, struct table_node *n) {
    n->newer = NULL;
    n->older = t->newest;
    if (t->newest)
        t->newest->newer = n;
    else
        t->oldest = n;
    t->newest = n;
}

static void order_out(struct table *t, struct table_node *n) {
    if (n->newer)
        n->newer->older = n->older;
    else
        t->newest = n->older;
    if (n->older)
        n->older->newer = n->newer;
    else
        t->oldest = n->newer;
}

void table_fini(struct table *t) {
    free(t->slots);
    *t = (struct table){ 0 };
}

struct table_node *table_find(const struct table *t, uint64_t hash, table_is_fn *is,
                              const void *key) {
    if (!t->slots)
        return NULL;
    struct table_node *n = *slot_of(t, hash);
    while (n && (n->hash != hash || !is(n, key)))
        n = n->chain;
    return n;
}

void table_add(struct table *t, struct table_node *n, uint64_t hash) {
    if (t->count >= t->slot_count)
        grow(t);
    n->hash = hash;
    struct table_node **slot = slot_of(t, hash);
    n->chain = *slot;
    *slot = n;
    order_in(t, n);
    t->count++;
}

void table_remove(struct table *t, struct table_node *n) {
    struct table_node **at = slot_of(t, n->hash);
    while (*at != n)
        at = &(*at)->chain;
    *at = n->chain;
    order_out(t, n);
    t->count--;
}

void table_touch(struct table *t, struct table_node *n) {
    if (t->newest == n)
        return;
    order_out(t, n);
    order_in(t, n);
}
