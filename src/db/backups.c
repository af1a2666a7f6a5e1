#include "db/backups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/memory.h"
#include "obs/log.h"

enum {
    TICK_S = 1,
    AGAIN_MS = 10 * 60 * 1000, /* after one that failed */
    ROOM = 4 << 20,
    NOTE_BYTES = 4096,
    STAMP_CHARS = sizeof "20261130T004210Z" - 1,
};

static const char START[] = "ava-", END[] = ".backup", PARTIAL[] = ".backup.partial";

/* --- names ----------------------------------------------------------------------------------- */

const char *backups_name(struct arena *a, int64_t made_ms) {
    struct tm t;
    time_t s = (time_t)(made_ms / 1000);
    char stamp[32];
    gmtime_r(&s, &t);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &t);
    return arena_printf(a, "%s%s%s", START, stamp, END);
}

/* When the one of that name was made; 0: it is none of ours. */
static int64_t made_at(const char *name, const char *end) {
    struct tm t = { 0 };
    size_t head = sizeof START - 1;
    if (strncmp(name, START, head) != 0 || strlen(name) != head + STAMP_CHARS + strlen(end) ||
        strcmp(name + head + STAMP_CHARS, end) != 0)
        return 0;
    const char *rest = strptime(name + head, "%Y%m%dT%H%M%SZ", &t);
    return rest == name + head + STAMP_CHARS ? (int64_t)timegm(&t) * 1000 : 0;
}

/* --- the note -------------------------------------------------------------------------------- */

static const char *note_of(struct arena *a, const char *database) {
    return arena_join(a, database, ".last-backup");
}

void backups_note(const char *database, const char *file, const struct snapshot *made,
                  struct arena *a) {
    char when[32];
    struct buf *b = buf_in(a);
    struct jsonw w = jsonw_to(b);
    const char *note = note_of(a, database), *partial = arena_join(a, note, ".partial");
    clock_rfc3339(made->made_ms, when);
    jsonw_object(&w);
    jsonw_text_at(&w, "made_at", when);
    jsonw_text_at(&w, "file", file);
    jsonw_i64_at(&w, "bytes", made->bytes);
    jsonw_object_end(&w);
    int fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && write(fd, buf_view(b).ptr, b->len) == (ssize_t)b->len;
    if (fd >= 0)
        close(fd);
    if (!good || rename(partial, note) != 0)
        unlink(partial);
}

int64_t backups_last_ms(const char *database) {
    struct arena *a = arena_new(NOTE_BYTES * 8);
    char text[NOTE_BYTES];
    const char *unread;
    int64_t at_ms = 0;
    int fd = open(note_of(a, database), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0)
        close(fd);
    const json_t *note = n > 0 ? json_parse(a, (struct str){ text, (size_t)n }, &unread) : NULL;
    const char *made = note ? json_text(note, "made_at") : NULL;
    if (!made || !clock_parse_rfc3339(made, strlen(made), &at_ms))
        at_ms = 0;
    arena_free(a);
    return at_ms;
}

/* --- those in the folder --------------------------------------------------------------------- */

struct backups {
    struct backups_conf conf;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ends_now;
    bool ends, is_wanted;
    struct backups_state state;
    atomic_bool gives_up;
    int64_t newest_ms, again_ms;
};

static int is_ours(const struct dirent *e) {
    return made_at(e->d_name, END) != 0;
}

static int is_partial(const struct dirent *e) {
    return made_at(e->d_name, PARTIAL) != 0;
}

/* What a process that was killed left half done; one that is being written is locked. */
static void remove_partials(const struct backups *b, struct arena *a) {
    struct dirent **list;
    int count = scandir(b->conf.folder, &list, is_partial, alphasort);
    if (count < 0)
        return;
    for (int i = 0; i < count; i++) {
        const char *path = arena_printf(a, "%s/%s", b->conf.folder, list[i]->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlink(path);
        if (fd >= 0)
            close(fd);
        free(list[i]);
    }
    free(list);
}

/* Removes those that are too many, oldest first, and says when the newest was made. Their names sort by time. */
static int64_t keep_newest(const struct backups *b, bool removes, struct arena *a) {
    struct dirent **list;
    int64_t newest_ms = 0;
    int count = scandir(b->conf.folder, &list, is_ours, alphasort);
    if (count < 0)
        return 0;
    for (int i = 0; i < count; i++) {
        const char *path = arena_printf(a, "%s/%s", b->conf.folder, list[i]->d_name);
        if (removes && i < count - b->conf.keep && unlink(path) == 0)
            log_info(NULL, "backup", L("removed", path));
        newest_ms = made_at(list[i]->d_name, END);
        free(list[i]);
    }
    free(list);
    return newest_ms;
}

size_t backups_list(const char *folder, struct backup_file *out, size_t max, struct arena *a) {
    struct dirent **list;
    size_t n = 0;
    int count = scandir(folder, &list, is_ours, alphasort);
    if (count < 0)
        return 0;
    for (int i = count - 1; i >= 0; i--) {
        const char *why, *path = arena_printf(a, "%s/%s", folder, list[i]->d_name);
        if (n < max) {
            struct backup_file *f = &out[n++];
            *f = (struct backup_file){ .name = arena_strdup(a, list[i]->d_name),
                                       .made_ms = made_at(list[i]->d_name, END) };
            f->is_whole = snapshot_look(path, a, &f->told, &why);
        }
        free(list[i]);
    }
    free(list);
    return n;
}

/* --- the thread ------------------------------------------------------------------------------ */

static void say_failed(struct backups *b, int64_t at_ms, const char *why) {
    pthread_mutex_lock(&b->lock);
    b->state.failed_ms = at_ms;
    str_copy(b->state.why, sizeof b->state.why, str_of(why));
    pthread_mutex_unlock(&b->lock);
}

static void make_one(struct backups *b) {
    struct arena *a = arena_new(ROOM);
    struct snapshot made;
    const char *why = "";
    int64_t now_ms = ava_wall_ms();
    const char *to = arena_printf(a, "%s/%s", b->conf.folder, backups_name(a, now_ms));
    struct snapshot_order order = { .database = b->conf.database,
                                    .to = to,
                                    .gently = true,
                                    .hash = b->conf.hash,
                                    .gives_up = &b->gives_up,
                                    .mirror = b->conf.mirror,
                                    .arg = b->conf.of_mirror };
    remove_partials(b, a);
    bool good = snapshot_write(&order, a, &made, &why);
    if (good) {
        b->newest_ms = now_ms;
        backups_note(b->conf.database, to, &made, a);
        log_info(NULL, "backup", L("file", to), L("bytes", (long)made.bytes),
                 L("ms", (long)(ava_wall_ms() - now_ms)));
        keep_newest(b, true, a);
        say_failed(b, 0, "");
    } else if (!atomic_load(&b->gives_up)) {
        b->again_ms = now_ms + AGAIN_MS;
        say_failed(b, now_ms, why);
        log_error(NULL, "backup", L("failed", why), L("again_in_s", (long)(AGAIN_MS / 1000)));
    }
    arena_free(a);
}

/* After the state was set: whoever reads it when told finds it. */
static void tell(const struct backups *b) {
    if (b->conf.on_change && !atomic_load(&b->gives_up))
        b->conf.on_change(b->conf.arg);
}

/* One from the future is the work of a clock that was wrong. */
static bool is_due(const struct backups *b) {
    int64_t now_ms = ava_wall_ms();
    bool is_waiting = b->again_ms > now_ms && b->again_ms <= now_ms + AGAIN_MS;
    return !is_waiting &&
           (b->newest_ms > now_ms + b->conf.every_ms || now_ms - b->newest_ms >= b->conf.every_ms);
}

static void *work_on(void *arg) {
    struct backups *b = arg;
    pthread_mutex_lock(&b->lock);
    while (!b->ends) {
        struct timespec until = clock_in_us(TICK_S * INT64_C(1000000));
        pthread_cond_timedwait(&b->ends_now, &b->lock, &until);
        if (b->ends || (!b->is_wanted && !is_due(b)))
            continue;
        b->is_wanted = false;
        b->state.is_making = true;
        b->state.made_ms = ava_wall_ms();
        pthread_mutex_unlock(&b->lock);
        tell(b);
        make_one(b);
        pthread_mutex_lock(&b->lock);
        b->state.is_making = false;
        pthread_mutex_unlock(&b->lock);
        tell(b);
        pthread_mutex_lock(&b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

struct backups *backups_start(const struct backups_conf *conf, const char **why) {
    struct backups *b = memory_zeroed(1, sizeof *b);
    struct arena *a = arena_new(ROOM);
    b->conf = *conf;
    atomic_init(&b->gives_up, false);
    pthread_mutex_init(&b->lock, NULL);
    clock_cond_init(&b->ends_now);
    b->newest_ms = keep_newest(b, false, a);
    arena_free(a);
    if (pthread_create(&b->thread, NULL, work_on, b) == 0)
        return b;
    *why = "no thread can be started for backups";
    pthread_cond_destroy(&b->ends_now);
    pthread_mutex_destroy(&b->lock);
    free(b);
    return NULL;
}

void backups_want(struct backups *b) {
    pthread_mutex_lock(&b->lock);
    if (!b->state.is_making) {
        b->is_wanted = true;
        pthread_cond_signal(&b->ends_now);
    }
    pthread_mutex_unlock(&b->lock);
}

void backups_read(struct backups *b, struct backups_state *out) {
    pthread_mutex_lock(&b->lock);
    *out = b->state;
    out->is_making = out->is_making || b->is_wanted;
    pthread_mutex_unlock(&b->lock);
}

void backups_stop(struct backups *b) {
    if (!b)
        return;
    atomic_store(&b->gives_up, true);
    pthread_mutex_lock(&b->lock);
    b->ends = true;
    pthread_cond_signal(&b->ends_now);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->ends_now);
    pthread_mutex_destroy(&b->lock);
    free(b);
}
