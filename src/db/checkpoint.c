#include "db/checkpoint.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "obs/log.h"

enum {
    BEGIN_PAGES =
        1000, /* 4 MB in the log that are not in the file yet: what one sync has to write */
    HELP_PAGES = 16000, /* 64 MB of log: time to begin it again */
    LATE_PAGES = 32000, /* 128 MB: what is written is more than can be carried beside it */
    WARN_PAGES = 65536, /* 256 MB: somebody reads for very long, or the disk is slow */
    REST_PAGES = 400,   /* what the writer may be bothered with for that */
    HELD_MS = 1000,     /* before a log that a reader held is looked at again, */
    HELD_SHARE = 20,    /* or so many times of what the look took */
    ROUNDS_MAX = 4,
    BUSY_MS = 5000,
};

struct checkpoint {
    sqlite3 *own, *writer;
    atomic_int logged;  /* pages in the log at the writer's last commit */
    atomic_int carried; /* and how many of them are in the file */
    atomic_int late_at; /* pages from which on the writer does it, so that the log grows no more */
    _Atomic int64_t retry_ms; /* not before: a reader held most of it; 0: none did */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t asked;
    bool wanted, ends;
    bool failed; /* the last round; said once */
    bool warned; /* of the log's length, since it began */
};

static int on_commit(void *arg, sqlite3 *writer, const char *name, int pages) {
    struct checkpoint *c = arg;
    if (pages < atomic_load(&c->carried)) { /* the log began again */
        atomic_store(&c->carried, 0);
        atomic_store(&c->retry_ms, 0);
        atomic_store(&c->late_at, LATE_PAGES);
    }
    atomic_store(&c->logged, pages);
    return SQLITE_OK;
}

/* PASSIVE waits for nobody, and nobody waits for it but the one who called. It carries no further than the oldest
 * reader sees; while one reads for long, each try would sort the whole log and carry nothing. */
static bool carry(struct checkpoint *c, sqlite3 *by) {
    int carried = 0, logged = 0;
    int64_t began_ms = ava_now_ms();
    int rc = sqlite3_wal_checkpoint_v2(by, NULL, SQLITE_CHECKPOINT_PASSIVE, &logged, &carried);
    if (rc == SQLITE_OK) {
        int64_t now_ms = ava_now_ms(), rest_ms = (now_ms - began_ms) * HELD_SHARE;
        atomic_store(&c->carried, carried);
        atomic_store(&c->retry_ms, 0);
        if (logged - carried >= BEGIN_PAGES) {
            atomic_store(&c->retry_ms, now_ms + (rest_ms < HELD_MS ? HELD_MS : rest_ms));
            atomic_store(&c->late_at, logged + LATE_PAGES); /* too much for a turn of the writer */
        }
    }
    return rc == SQLITE_OK || rc == SQLITE_BUSY; /* the other one is at it */
}

static bool is_held(struct checkpoint *c) {
    int64_t retry_ms = atomic_load(&c->retry_ms);
    return retry_ms && ava_now_ms() < retry_ms;
}

static int left(struct checkpoint *c) {
    return atomic_load(&c->logged) - atomic_load(&c->carried);
}

/* One round, or as many as it takes to leave the writer little: each leaves what was written while
 * it ran, which is less each time. */
static void carry_most(struct checkpoint *c) {
    bool good = carry(c, c->own);
    for (int round = 1; good && round < ROUNDS_MAX; round++) {
        if (atomic_load(&c->logged) < HELP_PAGES || left(c) <= REST_PAGES || is_held(c))
            break;
        good = carry(c, c->own);
    }
    if (!good && !c->failed)
        log_error(NULL, "checkpoint", L("why", sqlite3_errmsg(c->own)));
    c->failed = !good;
}

static void *work_on(void *arg) {
    struct checkpoint *c = arg;
    pthread_mutex_lock(&c->lock);
    while (!c->ends) {
        if (!c->wanted) {
            pthread_cond_wait(&c->asked, &c->lock);
            continue;
        }
        pthread_mutex_unlock(&c->lock);
        carry_most(c);
        pthread_mutex_lock(&c->lock);
        c->wanted = false;
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

void checkpoint_turn(struct checkpoint *c) {
    int logged = atomic_load(&c->logged);
    if (logged >= WARN_PAGES && !c->warned)
        log_warn(NULL, "database log", L("pages", (long)logged),
                 L("why", "a reader has been open for long, or the disk does not keep up"));
    c->warned = logged >= WARN_PAGES;
    if ((logged < HELP_PAGES && left(c) < BEGIN_PAGES) || is_held(c))
        return;
    if (logged >= atomic_load(&c->late_at) || (logged >= HELP_PAGES && left(c) <= REST_PAGES)) {
        carry(c, c->writer);
        return;
    }
    pthread_mutex_lock(&c->lock);
    if (!c->wanted) {
        c->wanted = true;
        pthread_cond_signal(&c->asked);
    }
    pthread_mutex_unlock(&c->lock);
}

int checkpoint_logged(const struct checkpoint *c) {
    return atomic_load(&c->logged);
}

static void release(struct checkpoint *c) {
    sqlite3_wal_hook(c->writer, NULL, NULL);
    sqlite3_close_v2(c->own);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->asked);
    free(c);
}

struct checkpoint *checkpoint_start(sqlite3 *writer, const char *path, const char **why) {
    struct checkpoint *c = memory_zeroed(1, sizeof *c);
    if (sqlite3_open_v2(path, &c->own, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(c->own, "PRAGMA synchronous = FULL; PRAGMA query_only = ON", NULL, NULL,
                     NULL) != SQLITE_OK) {
        *why = "the connection for checkpoints cannot be opened";
        sqlite3_close_v2(c->own);
        free(c);
        return NULL;
    }
    sqlite3_busy_timeout(c->own, BUSY_MS);
    c->writer = writer;
    atomic_init(&c->logged, 0);
    atomic_init(&c->carried, 0);
    atomic_init(&c->retry_ms, 0);
    atomic_init(&c->late_at, LATE_PAGES);
    sqlite3_wal_hook(writer, on_commit, c); /* takes the place of the automatic checkpoint */
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->asked, NULL);
    if (pthread_create(&c->thread, NULL, work_on, c) != 0) {
        *why = "no thread can be started for checkpoints";
        release(c);
        return NULL;
    }
    return c;
}

void checkpoint_stop(struct checkpoint *c) {
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->ends = true;
    pthread_cond_signal(&c->asked);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    release(c);
}
