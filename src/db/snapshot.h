/* snapshot: one file that holds the whole database as it was at one moment, made beside whoever writes
 * into it, with the proof that it is whole.
 *
 * The file is an SQLite database, without what was deleted and without a log, and behind it 512 bytes:
 * "ava backup 1", a line of JSON (bytes, schema, made_at, version, hash) and spaces. Any SQLite opens it; what was
 * cut, changed or put together of two is found out by the hash: BLAKE2b-256 over a chain of it over the pieces
 * of the database, 1 MiB each, and the line without it. What is sealed in the database is sealed in it too, and the master keys
 * are not in it. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

typedef void snapshot_hash_fn(unsigned char out[32], struct str bytes); /* BLAKE2b-256 */

/* The path of a copy as it is that the database's writer made (db_mirror), for the caller to remove. NULL and *why:
 * it could not be made. */
typedef const char *snapshot_mirror_fn(void *arg, const atomic_bool *gives_up, struct arena *a,
                                       const char **why);

struct snapshot {
    int64_t bytes; /* of the database in it */
    int64_t schema, made_ms;
    const char *version; /* of the Ava that made it */
};

struct snapshot_order {
    const char *database, *to; /* paths; to is replaced only by a whole one */
    bool gently;               /* leaves most of the time, and of the disk's, to others */
    snapshot_hash_fn *hash;
    const atomic_bool *gives_up; /* once it is set, it breaks off; NULL: never */
    /* Where another writes at the same time: it is made from such a copy, so that nobody reads the database for long
     * and its log stays short. NULL, or none comes of it: from the database itself. */
    snapshot_mirror_fn *mirror;
    void *arg;
};

/* Writes, checks and syncs it; *out is the arena's. False and *why, and nothing is left behind. */
bool snapshot_write(const struct snapshot_order *o, struct arena *a, struct snapshot *out,
                    const char **why);

/* Syncs the folder that the path is in, so that a new name in it is there after a loss of power. */
bool snapshot_sync_folder_of(const char *path, struct arena *a);

/* Says what is in it by its end alone. False and *why: it is no snapshot, or was cut. */
bool snapshot_look(const char *file, struct arena *a, struct snapshot *out, const char **why);

/* Reads all of the file and says what is in it. False and *why: it is no snapshot, or not whole. */
bool snapshot_check(const char *file, snapshot_hash_fn *hash, struct arena *a, struct snapshot *out,
                    const char **why);

/* The same, and puts the database in it to a path where nothing is yet, synced. */
bool snapshot_unpack(const char *file, const char *to, snapshot_hash_fn *hash, struct arena *a,
                     struct snapshot *out, const char **why);
