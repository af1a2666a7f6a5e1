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
    void (*on_change)(
        void *arg); /* one begins, or has ended; on a thread of its own; NULL: nobody is told */
    void *arg;
};

struct backups;

/* Makes one whenever the newest in the folder is older than every_ms, and then removes those that are too many.
 * Only files that are named as its own are removed. What fails is logged, and tried again after some minutes.
 * NULL and *why: no thread. What conf points to lasts as long. */
struct backups *backups_start(const struct backups_conf *conf, const char **why);
/* Makes one as soon as may be, unless one is being made. Any thread. */
void backups_want(struct backups *b);

enum { BACKUPS_WHY = 256 };
struct backups_state {
    bool is_making;        /* or about to */
    int64_t made_ms;       /* when the one that is being made was begun; all by the clock of Unix */
    int64_t failed_ms;     /* when the last one failed; 0: it did not, or none was made yet */
    char why[BACKUPS_WHY]; /* it failed */
};
void backups_read(struct backups *b, struct backups_state *out); /* any thread */

struct backup_file {
    const char *name;
    struct snapshot told; /* by the file itself; only with is_whole */
    int64_t made_ms;      /* by its name */
    bool
        is_whole; /* its end is there and fits it; every byte was read back before it got its name */
};
/* Those in the folder that are named as its own, newest first; the arena's. Reads a block of each. */
size_t backups_list(const char *folder, struct backup_file *out, size_t max, struct arena *a);

/* Waits for one that is being made, which breaks off. NULL is fine. */
void backups_stop(struct backups *b);
