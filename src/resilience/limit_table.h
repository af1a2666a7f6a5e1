/* limit_table: values by hash, in fixed space; what ratelimit and login_limit stand on.
 *
 * 64 shards, each with its lock and two generations of at most 1024 values (65,536 x 2 in all).
 * When the young generation is full or old enough it becomes the old one, and the old one is
 * forgotten; a value that is used moves to the young one. So no attack makes it grow, and a value
 * lives at least retention_ms after its last use unless the table is flooded. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limit_table;

/* drop (may be NULL) frees what a forgotten value owns. */
struct limit_table *limit_table_new(size_t value_bytes, int64_t retention_ms,
                                    void (*drop)(void *value));
void limit_table_free(struct limit_table *t); /* NULL is fine */

/* The value, zeroed at first sight; until unlocked nobody else touches its shard. */
void *limit_table_lock(struct limit_table *t, uint64_t hash, int64_t now_ms);
void limit_table_unlock(struct limit_table *t, uint64_t hash);

/* The value, locked as by limit_table_lock; NULL, with nothing locked, when there is none. */
void *limit_table_lock_known(struct limit_table *t, uint64_t hash, int64_t now_ms);

/* Copies the value; false when there is none, and none is made. */
bool limit_table_read(struct limit_table *t, uint64_t hash, int64_t now_ms, void *value);

/* While locked: the value owns so many bytes more. 512 KiB make a generation of a shard full. */
void limit_table_weigh(struct limit_table *t, uint64_t hash, size_t more_bytes);

size_t limit_table_count(struct limit_table *t); /* values in both generations */
