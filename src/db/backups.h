/* backups: the backups that are made while Ava serves, how many of them are kept, and when the last one was
 * made, whoever made it. */
#pragma once

#include "db/snapshot.h"

/* "ava-20261130T004210Z.backup" */
const char *backups_name(struct arena *a, int64_t made_ms);

/* Leaves word of it beside the database. Where that cannot be written, it is not known, nothing else. */
void backups_note(const char *database, const char *file, const struct snapshot *made,
                  struct arena *a);
/* When the last one that was noted was made, by the clock of Unix; 0: none that is known. */
int64_t backups_last_ms(const char *database);

struct backups_conf {
    const char *database, *folder;
    int64_t every_ms;
    int keep; /* the newest; 1 or more */
    snapshot_hash_fn *hash;
    snapshot_mirror_fn *mirror; /* as in snapshot_order */
    void *of_mirror;
    void (*on_made)(void *arg, bool good); /* on a thread of its own; NULL: nobody is told */
    void *arg;
};

struct backups;

/* Makes one whenever the newest in the folder is older than every_ms, and then removes those that are too many.
 * Only files that are named as its own are removed. What fails is logged, and tried again after some minutes.
 * NULL and *why: no thread. What conf points to lasts as long. */
struct backups *backups_start(const struct backups_conf *conf, const char **why);
/* Waits for one that is being made, which breaks off. NULL is fine. */
void backups_stop(struct backups *b);
