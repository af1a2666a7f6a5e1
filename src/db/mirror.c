#include "db/mirror.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    STEP_PAGES = 24,    /* some 0.2 ms, which a commit may have to wait */
    EVERY_US = 2500,    /* 40 MB/s */
    REST_SHARE = 8,     /* of a slow disk it takes no more than one part in so many */
    ROUNDS_MAX = 4,     /* each time somebody else writes it begins anew */
    STEPS_MORE = 10000, /* what is written meanwhile makes the file longer */
};

bool mirror_open(struct mirror *m, const char *to) {
    *m = (struct mirror){ .result = SQLITE_CANTOPEN };
    atomic_init(&m->stops, false);
    unlink(to);
    m->fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (m->fd < 0)
        return false;
    m->result = sqlite3_open_v2(to, &m->copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (m->result == SQLITE_OK) /* it need not survive anything */
        m->result = sqlite3_exec(m->copy,
                                 "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                                 "PRAGMA cache_size = -1024; PRAGMA locking_mode = EXCLUSIVE",
                                 NULL, NULL, NULL);
    return m->result == SQLITE_OK;
}

static bool begin(struct mirror *m, sqlite3 *writer) {
    m->steps = sqlite3_backup_init(m->copy, "main", writer, "main");
    if (!m->steps)
        m->result = sqlite3_errcode(m->copy);
    return m->steps;
}

bool mirror_turn(struct mirror *m, sqlite3 *writer) {
    int64_t began_us = ava_now_us();
    bool is_first = !m->steps;
    if (m->result == SQLITE_OK && atomic_load(&m->stops))
        m->result = SQLITE_INTERRUPT;
    if (m->result != SQLITE_OK || began_us < m->due_us)
        return m->result == SQLITE_OK;
    if (is_first && !begin(m, writer))
        return false;
    int rc = sqlite3_backup_step(m->steps, STEP_PAGES);
    if (is_first)
        m->left = sqlite3_backup_pagecount(m->steps) / STEP_PAGES * ROUNDS_MAX + STEPS_MORE;
    if (rc != SQLITE_OK && rc != SQLITE_BUSY && rc != SQLITE_LOCKED)
        m->result = rc;
    else if (m->left-- <= 0)
        m->result = SQLITE_BUSY;
    int64_t now_us = ava_now_us(), rest_us = (now_us - began_us) * REST_SHARE;
    m->due_us = now_us + (rest_us < EVERY_US ? EVERY_US : rest_us);
    return m->result == SQLITE_OK;
}

void mirror_end(struct mirror *m) {
    int rc = m->steps ? sqlite3_backup_finish(m->steps) : SQLITE_OK;
    m->steps = NULL;
    if (m->result == SQLITE_DONE && rc != SQLITE_OK)
        m->result = rc;
    if (m->result == SQLITE_OK)
        m->result = SQLITE_INTERRUPT;
}

void mirror_spread(struct mirror *m) {
    struct stat st;
    if (fstat(m->fd, &st) == 0 && st.st_size > m->spread &&
        sync_file_range(m->fd, m->spread, st.st_size - m->spread, SYNC_FILE_RANGE_WRITE) == 0)
        m->spread = st.st_size;
}

bool mirror_close(struct mirror *m) {
    /* Its head is that of a file with a log, which it has not. */
    if (m->result == SQLITE_DONE) {
        int rc = sqlite3_exec(m->copy, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
        m->result = rc == SQLITE_OK ? SQLITE_DONE : rc;
    }
    sqlite3_close(m->copy);
    if (m->fd >= 0)
        close(m->fd);
    return m->result == SQLITE_DONE;
}
