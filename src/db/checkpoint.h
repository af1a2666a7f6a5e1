/* checkpoint: carries the write-ahead log back into the database file, beside the writer.
 *
 * SQLite would do it inside the commit that fills the log, and every write queued behind that
 * commit would wait for thousands of pages and two syncs. Here a thread with a connection of its
 * own does it while commits go on. Only a log that is carried over to its last page can begin again
 * from its start. In any lull that happens by itself; a writer that is never idle does the last few
 * pages between two commits, once in 64 MB (that sync of the file was seen to take 40 ms).
 *
 * Durability is the commits' alone: the log is synced before anybody is answered. */
#pragma once

#include <sqlite3.h>

struct checkpoint;

/* From now on commits of this connection do not checkpoint. NULL and *why on failure. */
struct checkpoint *checkpoint_start(sqlite3 *writer, const char *path, const char **why);
void checkpoint_stop(
    struct checkpoint *c); /* before the writer's connection closes; NULL is fine */

int checkpoint_logged(const struct checkpoint *c); /* pages in the log at the last commit */

/* The writer's thread, after a commit whose callers have their answers. */
void checkpoint_turn(struct checkpoint *c);
