#include "db/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/plain.h"

enum {
    TRAILER_BYTES = 512,
    BUSY_MS = 10000,
    STEPS = 250,    /* of SQLite between two looks at the clock */
    WORK_US = 1000, /* then a rest that is longer */
    REST_US = 3000,
    SYNC_BYTES =
        256 << 10, /* no more than that waits for the disk at once: commits wait behind it */
    PIECE_BYTES = 1 << 20,
};

static const char MARK[] = "ava backup 1\n";

/* --- writing --------------------------------------------------------------------------------- */

struct pace {
    const char *path;
    int fd;
    int64_t rest_at_us, synced;
    const struct snapshot_order *order;
};

static bool gives_up(const struct snapshot_order *o) {
    return o->gives_up && atomic_load(o->gives_up);
}

static const struct snapshot_order AT_ONCE; /* of who waits for it */

/* Called by SQLite while it copies, and reads the copy. */
static int rest(void *arg) {
    struct pace *p = arg;
    struct stat st;
    struct timespec pause = { .tv_nsec = REST_US * 1000L };
    if (gives_up(p->order))
        return 1;
    if (!p->order->gently || ava_now_us() < p->rest_at_us)
        return 0;
    if (p->fd < 0 && p->path)
        p->fd = open(p->path, O_RDWR | O_CLOEXEC);
    if (p->fd >= 0 && fstat(p->fd, &st) == 0 && st.st_size - p->synced > SYNC_BYTES) {
        fdatasync(p->fd);
        p->synced = st.st_size;
    }
    nanosleep(&pause, NULL);
    p->rest_at_us = ava_now_us() + WORK_US;
    return 0;
}

static bool failed(struct arena *a, const char **why, const char *what, const char *path,
                   const char *said) {
    *why = arena_printf(a, "%s %s: %s", what, path, said);
    return false;
}

/* VACUUM INTO: as of one moment, however much is written meanwhile, and without what was deleted. from: the
 * database; is_ours: a copy of it, which is gone afterwards. */
static bool copy(const struct snapshot_order *o, const char *from, bool is_ours, const char *to,
                 struct arena *a, const char **why) {
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    struct pace pace = { to, -1, ava_now_us() + WORK_US, 0, o };
    int rc = sqlite3_open_v2(from, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (is_ours)
        unlink(from); /* it is open: whatever ends this process, nothing is left of it */
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(db, BUSY_MS);
    if (rc == SQLITE_OK)
        sqlite3_progress_handler(db, STEPS, rest, &pace);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(db, "VACUUM INTO ?", -1, &q, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(q, 1, to, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    bool good = rc == SQLITE_DONE;
    if (!good)
        failed(a, why, "cannot copy", from, db ? sqlite3_errmsg(db) : "no memory");
    sqlite3_finalize(q);
    sqlite3_close(db);
    if (pace.fd >= 0)
        close(pace.fd);
    return good;
}

/* *made_ms: what was committed before it is in the copy. */
static bool copy_gently(const struct snapshot_order *o, const char *to, struct arena *a,
                        int64_t *made_ms, const char **why) {
    const char *mirror = o->mirror ? o->mirror(o->arg, o->gives_up, a, why) : NULL;
    if (!mirror && gives_up(o))
        return failed(a, why, "cannot copy", o->database, "it was broken off");
    *made_ms = ava_wall_ms();
    return copy(o, mirror ? mirror : o->database, mirror, to, a, why);
}

/* Reads the copy as whoever restores it will: every page of it, and which schema it has. o: at whose pace. */
static bool is_sound(const char *path, const struct snapshot_order *o, struct arena *a,
                     int64_t *schema, const char **why) {
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    const char *text = NULL;
    struct pace pace = { NULL, -1, ava_now_us() + WORK_US, 0, o };
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        sqlite3_progress_handler(db, STEPS, rest, &pace);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &q, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW)
        text = (const char *)sqlite3_column_text(q, 0);
    bool good = text && strcmp(text, "ok") == 0;
    if (!good)
        failed(a, why, "the copy is not sound,", path, text ? text : sqlite3_errmsg(db));
    sqlite3_finalize(q);
    q = NULL;
    if (good) {
        rc = sqlite3_prepare_v2(db, "SELECT max(number) FROM schema_migrations", -1, &q, NULL);
        good = rc == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW;
        *schema = good ? sqlite3_column_int64(q, 0) : 0;
        good = *schema > 0;
        if (!good)
            failed(a, why, "this is no database of Ava,", path, sqlite3_errmsg(db));
        sqlite3_finalize(q);
    }
    sqlite3_close(db);
    return good;
}

static bool read_all(int fd, void *to, size_t bytes, int64_t at) {
    for (size_t done = 0; done < bytes;) {
        ssize_t n = pread(fd, (char *)to + done, bytes - done, at + (int64_t)done);
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool write_all(int fd, const void *from, size_t bytes, int64_t at) {
    for (size_t done = 0; done < bytes;) {
        ssize_t n = pwrite(fd, (const char *)from + done, bytes - done, at + (int64_t)done);
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* --- the proof ------------------------------------------------------------------------------- */

static void prove(snapshot_hash_fn *hash, const unsigned char of_database[32], struct str line,
                  char out[65], struct arena *a) {
    unsigned char *all = arena_alloc(a, 32 + line.len), proof[32];
    memcpy(all, of_database, 32);
    memcpy(all + 32, line.ptr, line.len);
    hash(proof, (struct str){ (char *)all, 32 + line.len });
    hex_encode(out, proof, sizeof proof);
}

static const char *line_of(struct arena *a, const struct snapshot *s) {
    char made[32];
    clock_rfc3339(s->made_ms, made);
    return arena_printf(a, "{\"bytes\":%lld,\"schema\":%lld,\"made_at\":\"%s\",\"version\":\"%s\"",
                        (long long)s->bytes, (long long)s->schema, made, s->version);
}

/* Of the first bytes of an open file: each piece is hashed with what came out for those before it. Read, not
 * mapped: a disk that fails is an error then, and not the end of the process. */
static bool hash_file(int fd, int64_t bytes, snapshot_hash_fn *hash, const struct snapshot_order *o,
                      unsigned char out[32], struct arena *a) {
    unsigned char *room = arena_alloc(a, 32 + PIECE_BYTES);
    memset(room, 0, 32);
    memset(out, 0, 32);
    for (int64_t at = 0; at < bytes;) {
        int64_t left = bytes - at;
        size_t size = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
        if (gives_up(o) || !read_all(fd, room + 32, size, at))
            return false;
        hash(out, (struct str){ (char *)room, 32 + size });
        memcpy(room, out, 32);
        if (o->gently)
            nanosleep(&(struct timespec){ .tv_nsec = REST_US * 1000L }, NULL);
        at += (int64_t)size;
    }
    return true;
}

static bool append_trailer(int fd, const struct snapshot *s, const struct snapshot_order *o,
                           struct arena *a) {
    unsigned char of_database[32];
    char proof[65], *trailer = arena_alloc(a, TRAILER_BYTES);
    const char *line = line_of(a, s);
    if (!hash_file(fd, s->bytes, o->hash, o, of_database, a))
        return false;
    prove(o->hash, of_database, str_of(line), proof, a);
    memset(trailer, ' ', TRAILER_BYTES);
    const char *text = arena_printf(a, "%s%s,\"hash\":\"%s\"}", MARK, line, proof);
    memcpy(trailer, text, strlen(text));
    trailer[TRAILER_BYTES - 1] = '\n';
    return write_all(fd, trailer, TRAILER_BYTES, s->bytes) && fsync(fd) == 0;
}

bool snapshot_sync_folder_of(const char *path, struct arena *a) {
    const char *slash = strrchr(path, '/');
    const char *folder = slash ? arena_strndup(a, path, (size_t)(slash - path + 1)) : ".";
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

/* Of one that was killed it begins anew; -1 and *why when somebody writes into it. */
static int open_partial(const char *path, struct arena *a, const char **why) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    bool is_ours = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (is_ours && ftruncate(fd, 0) == 0)
        return fd;
    failed(a, why, "cannot write", path,
           errno == EWOULDBLOCK ? "another backup is being written there" : strerror(errno));
    if (is_ours)
        unlink(path);
    if (fd >= 0)
        close(fd);
    return -1;
}

bool snapshot_write(const struct snapshot_order *o, struct arena *a, struct snapshot *out,
                    const char **why) {
    const char *partial = arena_join(a, o->to, ".partial");
    struct stat st;
    int fd = open_partial(partial, a, why);
    if (fd < 0)
        return false;
    *out = (struct snapshot){ .version = AVA_VERSION };
    bool good = copy_gently(o, partial, a, &out->made_ms, why) &&
                is_sound(partial, o, a, &out->schema, why);
    if (good) {
        good = fstat(fd, &st) == 0;
        out->bytes = good ? st.st_size : 0;
        good = good && append_trailer(fd, out, o, a) && rename(partial, o->to) == 0;
        if (good && !snapshot_sync_folder_of(o->to, a)) {
            partial =
                o->to; /* a loss of power would take it, and who made it has been told otherwise */
            good = false;
        }
        if (!good)
            failed(a, why, "cannot write", o->to, strerror(errno));
    }
    close(fd);
    if (!good)
        unlink(partial);
    return good;
}

/* --- reading --------------------------------------------------------------------------------- */

static bool is_not_whole(struct arena *a, const char *file, const char **why) {
    return failed(a, why, "the backup is not whole:", file,
                  "it was cut or changed since it was made");
}

static bool read_trailer(int fd, const char *file, struct arena *a, struct snapshot *out,
                         const char **proof, const char **why) {
    char *trailer = arena_alloc(a, TRAILER_BYTES + 1);
    struct stat st;
    const char *unread;
    bool has_size = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > TRAILER_BYTES;
    if (!has_size ||
        pread(fd, trailer, TRAILER_BYTES, st.st_size - TRAILER_BYTES) != TRAILER_BYTES ||
        memcmp(trailer, MARK, sizeof MARK - 1) != 0)
        return failed(a, why, "this is no backup of Ava, or its end is missing:", file,
                      "no mark at its end");
    size_t len = TRAILER_BYTES;
    while (len && (trailer[len - 1] == ' ' || trailer[len - 1] == '\n'))
        len--;
    struct str text = { trailer + sizeof MARK - 1,
                        len > sizeof MARK - 1 ? len - (sizeof MARK - 1) : 0 };
    const json_t *line = json_parse(a, text, &unread);
    const char *made = line ? json_text(line, "made_at") : NULL,
               *version = line ? json_text(line, "version") : NULL;
    *proof = line ? json_text(line, "hash") : NULL;
    *out = (struct snapshot){ .version = version };
    if (!line || !*proof || !made || !version ||
        !clock_parse_rfc3339(made, strlen(made), &out->made_ms))
        return is_not_whole(a, file, why);
    out->bytes = json_i64_or(line, "bytes", -1);
    out->schema = json_i64_or(line, "schema", -1);
    return out->bytes == st.st_size - TRAILER_BYTES ? true : is_not_whole(a, file, why);
}

static bool is_proven(int fd, const struct snapshot *s, const char *said, snapshot_hash_fn *hash,
                      struct arena *a) {
    unsigned char of_database[32];
    char proof[65];
    if (!hash_file(fd, s->bytes, hash, &AT_ONCE, of_database, a))
        return false;
    prove(hash, of_database, str_of(line_of(a, s)), proof, a);
    return strcmp(proof, said) == 0;
}

/* The open file with what its end says; -1 and *why. */
static int open_told(const char *file, struct arena *a, struct snapshot *out, const char **proof,
                     const char **why) {
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        failed(a, why, "cannot read", file, strerror(errno));
    if (fd < 0 || read_trailer(fd, file, a, out, proof, why))
        return fd;
    close(fd);
    return -1;
}

bool snapshot_look(const char *file, struct arena *a, struct snapshot *out, const char **why) {
    const char *proof;
    int fd = open_told(file, a, out, &proof, why);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

bool snapshot_check(const char *file, snapshot_hash_fn *hash, struct arena *a, struct snapshot *out,
                    const char **why) {
    const char *proof;
    int fd = open_told(file, a, out, &proof, why);
    if (fd < 0)
        return false;
    bool good = is_proven(fd, out, proof, hash, a) || is_not_whole(a, file, why);
    close(fd);
    return good;
}

static bool pour(int from, int to, int64_t bytes, struct arena *a) {
    char *piece = arena_alloc(a, PIECE_BYTES);
    for (int64_t at = 0; at < bytes;) {
        int64_t left = bytes - at;
        size_t size = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
        if (!read_all(from, piece, size, at) || !write_all(to, piece, size, at))
            return false;
        at += (int64_t)size;
    }
    return fsync(to) == 0;
}

bool snapshot_unpack(const char *file, const char *to, snapshot_hash_fn *hash, struct arena *a,
                     struct snapshot *out, const char **why) {
    const char *proof;
    int from = open_told(file, a, out, &proof, why);
    if (from < 0)
        return false;
    int fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    bool good = fd >= 0 && pour(from, fd, out->bytes, a) && snapshot_sync_folder_of(to, a);
    if (!good)
        failed(a, why, "cannot write", to, strerror(errno));
    /* What was written is proven, not what was read for it. */
    good = good && (is_proven(fd, out, proof, hash, a) || is_not_whole(a, file, why)) &&
           is_sound(to, &AT_ONCE, a, &out->schema, why);
    if (fd >= 0)
        close(fd);
    if (!good && fd >= 0)
        unlink(to);
    close(from);
    return good;
}
