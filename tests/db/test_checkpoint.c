#include "test.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/checkpoint.h"

enum { LOG_PAGES = 60000, SECOND_MS = 1000 };

static pthread_t writer_thread;
static atomic_int by_writer, by_others;

/* In place of the library's, which it calls: who carries, and how often. */
int sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *logged, int *carried) {
    int (*real)(sqlite3 *, const char *, int, int *, int *);
    *(void **)&real = dlsym(RTLD_NEXT, "sqlite3_wal_checkpoint_v2");
    int rc = real(db, name, mode, logged, carried);
    if (!pthread_equal(pthread_self(), writer_thread))
        atomic_fetch_add(&by_others, 1);
    else if (rc != SQLITE_BUSY) /* the other thread is at it: that costs nothing */
        atomic_fetch_add(&by_writer, 1);
    return rc;
}

struct open {
    char folder[64], path[96];
    sqlite3 *writer, *reader;
    struct checkpoint *checkpoint;
};

static void begin(struct open *o) {
    const char *why = "";
    snprintf(o->folder, sizeof o->folder, "/tmp/ava-checkpoint.XXXXXX");
    CHECK(mkdtemp(o->folder));
    snprintf(o->path, sizeof o->path, "%s/ava.db", o->folder);
    CHECK_INT(sqlite3_open(o->path, &o->writer), SQLITE_OK);
    CHECK_INT(sqlite3_exec(o->writer,
                           "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE t (n "
                           "INTEGER PRIMARY KEY, bytes BLOB)",
                           NULL, NULL, NULL),
              SQLITE_OK);
    CHECK_INT(sqlite3_open(o->path, &o->reader), SQLITE_OK);
    o->checkpoint = checkpoint_start(o->writer, o->path, &why);
    CHECK(o->checkpoint);
    writer_thread = pthread_self();
    atomic_store(&by_writer, 0);
    atomic_store(&by_others, 0);
}

static void finish(struct open *o) {
    checkpoint_stop(o->checkpoint);
    sqlite3_close(o->writer);
    sqlite3_close(o->reader);
    unlink(o->path);
    rmdir(o->folder);
}

static void commit(struct open *o) {
    CHECK_INT(
        sqlite3_exec(o->writer,
                     "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20)"
                     " REPLACE INTO t SELECT n, randomblob(3900) FROM s",
                     NULL, NULL, NULL),
        SQLITE_OK);
    checkpoint_turn(o->checkpoint);
}

TEST(a_log_that_a_reader_holds_is_not_looked_at_again_and_again) {
    struct open o;
    begin(&o);
    commit(&o);
    CHECK_INT(sqlite3_exec(o.reader, "BEGIN; SELECT COUNT(*) FROM t", NULL, NULL, NULL), SQLITE_OK);
    int64_t began_ms = ava_now_ms();
    while (checkpoint_logged(o.checkpoint) < LOG_PAGES)
        commit(&o);
    int64_t seconds = (ava_now_ms() - began_ms) / SECOND_MS + 1;
    CHECK(atomic_load(&by_writer) <=
          2); /* none, or where the machine gives the other thread no time */
    CHECK(atomic_load(&by_others) <= 3 * seconds + 3); /* each commit asked for it, 2,000 of them */
    CHECK_INT(sqlite3_exec(o.reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    int64_t until_ms = ava_now_ms() + 60 * SECOND_MS;
    while (checkpoint_logged(o.checkpoint) >= LOG_PAGES && ava_now_ms() < until_ms)
        commit(&o);
    CHECK(checkpoint_logged(o.checkpoint) < LOG_PAGES); /* it has begun again */
    CHECK(atomic_load(&by_writer) < 10);
    finish(&o);
}
