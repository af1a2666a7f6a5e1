#include "resilience/cache_shelf.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/memory.h"
#include "resilience/keyhash.h"

enum { RESOURCES = 16384 };

static bool entry_is(const struct table_node *n, const void *key) {
    const struct cache_entry *e = CONTAINER_OF(n, struct cache_entry, node);
    return str_eq((struct str){ e->key, e->key_len }, *(const struct str *)key);
}

static struct cache_entry *entry_of(struct table_node *n) {
    return n ? CONTAINER_OF(n, struct cache_entry, node) : NULL;
}

void cache_shelf_init(struct cache_shelf *s, size_t bytes_max) {
    *s = (struct cache_shelf){ .bytes_max = bytes_max };
    s->generations = memory_zeroed(RESOURCES, sizeof *s->generations);
}

void cache_shelf_fini(struct cache_shelf *s) {
    struct table_node *gone = NULL;
    while (s->entries.oldest)
        cache_shelf_remove(s, entry_of(s->entries.oldest), &gone);
    cache_entries_free(gone);
    table_fini(&s->entries);
    free(s->generations);
}

size_t cache_shelf_resource(struct str resource) {
    return keyhash_of(resource) % RESOURCES;
}

struct cache_item *cache_item_new(int status, bool is_absent, struct str body) {
    struct cache_item *i = memory_take(sizeof *i + body.len);
    if (body.len)
        memcpy(i->bytes, body.ptr, body.len);
    i->value = (struct cache_value){ .body = { i->bytes, body.len },
                                     .status = status,
                                     .is_absent = is_absent,
                                     .stored_at_ms = ava_now_ms() };
    atomic_init(&i->references, 1);
    return i;
}

const struct cache_value *cache_item_lend(struct cache_item *i) {
    atomic_fetch_add_explicit(&i->references, 1, memory_order_relaxed);
    return &i->value;
}

struct cache_entry *cache_entry_new(struct str key, struct cache_item *i, size_t resource) {
    struct cache_entry *e = memory_zeroed(1, sizeof *e + key.len);
    if (key.len)
        memcpy(e->key, key.ptr, key.len);
    e->key_len = key.len;
    e->item = i;
    e->resource = resource;
    e->bytes = sizeof *e + key.len + sizeof *i + i->value.body.len;
    cache_item_lend(i);
    return e;
}

void cache_entries_free(struct table_node *gone) {
    for (struct table_node *next; gone; gone = next) {
        next = gone->chain;
        cache_release(&entry_of(gone)->item->value);
        free(entry_of(gone));
    }
}

struct cache_entry *cache_shelf_find(struct cache_shelf *s, struct str key, uint64_t hash,
                                     struct table_node **gone) {
    struct cache_entry *e = entry_of(table_find(&s->entries, hash, entry_is, &key));
    if (e && e->generation != s->generations[e->resource]) {
        cache_shelf_remove(s, e, gone);
        return NULL;
    }
    return e;
}

void cache_shelf_remove(struct cache_shelf *s, struct cache_entry *e, struct table_node **gone) {
    table_remove(&s->entries, &e->node);
    s->bytes -= e->bytes;
    e->node.chain = *gone;
    *gone = &e->node;
}

void cache_shelf_keep(struct cache_shelf *s, struct cache_entry *e, uint64_t hash,
                      struct table_node **gone) {
    struct str key = { e->key, e->key_len };
    struct cache_entry *old = entry_of(table_find(&s->entries, hash, entry_is, &key));
    if (old)
        cache_shelf_remove(s, old, gone);
    e->generation = s->generations[e->resource];
    table_add(&s->entries, &e->node, hash);
    s->bytes += e->bytes;
    while (s->bytes > s->bytes_max && s->entries.oldest)
        cache_shelf_remove(s, entry_of(s->entries.oldest), gone);
}
