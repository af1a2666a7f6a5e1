#include "db/restore.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/defs.h"
#include "db/backup.h"
#include "db/snapshot.h"

/* What SQLite keeps beside a database. A log that stays where another database comes is played into it. */
static const char *const BESIDE[] = { "-wal", "-shm", "-journal" };

static bool failed(struct arena *a, const char **why, const char *what, const char *path) {
    *why = arena_printf(a, "cannot %s %s: %s", what, path, strerror(errno));
    return false;
}

static bool is_there(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0;
}

void restore_clear(const char *staged, struct arena *a) {
    unlink(staged);
    for (size_t i = 0; i < ARRAY_LEN(BESIDE); i++)
        unlink(arena_join(a, staged, BESIDE[i]));
    backup_forget(staged, a);
}

/* Takes the log into the database, so that there is one file to move. Of a damaged one it stays as it is. */
static void take_log_in(const char *path) {
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
        sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
    sqlite3_close(db);
}

/* Another name for the database, so that there is one at path all the time; where links are not to be had, it moves. */
static bool keep(const char *path, const char *aside, struct arena *a, const char **why) {
    take_log_in(path);
    for (size_t i = 0; i < ARRAY_LEN(BESIDE); i++) {
        const char *from = arena_join(a, path, BESIDE[i]);
        if (rename(from, arena_join(a, aside, BESIDE[i])) != 0 && errno != ENOENT)
            return failed(a, why, "move", from);
    }
    return link(path, aside) == 0 || rename(path, aside) == 0 || failed(a, why, "keep", path);
}

bool restore_swap(const char *staged, const char *path, const char *aside, struct arena *a,
                  const char **why) {
    struct stat st;
    if (stat(arena_join(a, staged, "-wal"), &st) == 0 && st.st_size > 0) {
        errno = EBUSY;
        return failed(a, why, "close", staged);
    }
    if (is_there(path) && !keep(path, aside, a, why))
        return false;
    if (rename(staged, path) != 0)
        return failed(a, why, "move", staged);
    restore_clear(staged, a);
    return snapshot_sync_folder_of(path, a) || failed(a, why, "sync the folder of", path);
}
