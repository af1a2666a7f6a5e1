/* mirror: copies the database into another file by the writer's own connection, some pages between two commits.
 *
 * A reader that copies (VACUUM INTO) sees one moment, and the log beside the file can not begin again until it is
 * done: with 500 webhooks a second it grew by 55 MB/s, and what had piled up then held up the commits. Here each step is
 * a short read, what is committed meanwhile goes into both files (sqlite3_backup), and the copy is as of its end. */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mirror {
    sqlite3 *copy;
    int fd;                /* of the same file */
    sqlite3_backup *steps; /* NULL: not begun */
    int64_t due_us;        /* when the next step is */
    int64_t left;          /* how many there may still be: others that write make it begin anew */
    int result;            /* SQLITE_OK: not ended; SQLITE_DONE: whole */
    atomic_bool stops;     /* set by anybody: nobody waits for it any more */
    int64_t spread;        /* bytes that the disk has been told to write */
};

/* Begins an empty file; whoever ends the mirror removes it. False: m->result says why. */
bool mirror_open(struct mirror *m, const char *to);

/* The thread of the writer, outside a transaction: copies some pages if they are due. False: it has ended. */
bool mirror_turn(struct mirror *m, sqlite3 *writer);
/* The same thread, before mirror_close. */
void mirror_end(struct mirror *m);

/* The thread that waits for it, every few ms: has the disk write what came since, so that not all of it is to be
 * written at once, which commits would wait for. */
void mirror_spread(struct mirror *m);

/* Any thread, once the writer's is done with it. False: the copy is not whole, and m->result says why. */
bool mirror_close(struct mirror *m);
