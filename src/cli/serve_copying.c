/* serve_copying: the copy that a backup is made of (db_mirror), for the backups that the server makes and for commands,
 * which write theirs where the server may not. */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/memory.h"
#include "cli/serve.h"
#include "db/db.h"
#include "obs/log.h"

enum { NAME_BYTES = 64, ROOM = 64 << 10, FORGET_MS = 30 * 1000, SPARE_BYTES = 64 << 20 };

static const char START[] = "ava.db.copying-";

enum state { NONE, COPYING, DONE, FAILED };

struct copying {
    struct arena *arena; /* of the one that a command asked for */
    pthread_t thread;
    bool has_thread;
    atomic_int state;
    atomic_bool gives_up;
    const char *path, *why;
    int64_t asked_ms; /* when a command last did */
};

/* --- for anybody in the server --------------------------------------------------------------- */

static const char *new_path(struct serve *s, struct arena *a) {
    static atomic_int count;
    return arena_printf(a, "%s/%s%d", s->house.config.data_dir, START, atomic_fetch_add(&count, 1));
}

static bool has_room(struct serve *s, struct arena *a, const char **why) {
    struct stat st;
    struct statvfs fs;
    if (stat(s->database, &st) != 0 || statvfs(s->house.config.data_dir, &fs) != 0)
        return true; /* whoever writes will see */
    int64_t free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    if (free_bytes > st.st_size + st.st_size / 8 + SPARE_BYTES)
        return true;
    *why = arena_printf(a, "no room for a copy of the database beside it: %lld MB are free",
                        (long long)(free_bytes / 1000000));
    return false;
}

static bool copy_to(struct serve *s, const char *path, const atomic_bool *gives_up, struct arena *a,
                    const char **why) {
    bool good = has_room(s, a, why) && db_mirror(s->house.parts.db, path, gives_up, a, why);
    if (!good && !atomic_load(gives_up))
        log_warn(NULL, "backup", L("copy", "of the database itself"), L("why", *why),
                 L("then", "its log grows until the copy is made"));
    return good;
}

const char *serve_copy(void *arg, const atomic_bool *gives_up, struct arena *a, const char **why) {
    const char *path = new_path(arg, a);
    return copy_to(arg, path, gives_up, a, why) ? path : NULL;
}

/* --- for a command --------------------------------------------------------------------------- */

static int is_copy(const struct dirent *e) {
    return strncmp(e->d_name, START, sizeof START - 1) == 0;
}

static void remove_left(const char *folder) {
    struct arena *a = arena_new(ROOM);
    struct dirent **list;
    int count = scandir(folder, &list, is_copy, alphasort);
    for (int i = 0; i < count; i++) {
        unlink(arena_printf(a, "%s/%s", folder, list[i]->d_name));
        free(list[i]);
    }
    if (count >= 0)
        free(list);
    arena_free(a);
}

void serve_copying_open(struct serve *s) {
    s->copying = memory_zeroed(1, sizeof *s->copying);
    atomic_init(&s->copying->state, NONE);
    atomic_init(&s->copying->gives_up, false);
    remove_left(s->house.config.data_dir);
}

static void forget(struct copying *c) {
    if (c->has_thread) {
        atomic_store(&c->gives_up, true);
        pthread_join(c->thread, NULL);
        unlink(c->path); /* of one that came to take it, it has gone already */
    }
    arena_free(c->arena);
    c->arena = NULL;
    c->has_thread = false;
    atomic_store(&c->state, NONE);
    atomic_store(&c->gives_up, false);
}

void serve_copying_close(struct serve *s) {
    if (!s->copying)
        return;
    forget(s->copying);
    free(s->copying);
    s->copying = NULL;
}

static void *copy_for_command(void *arg) {
    struct serve *s = arg;
    struct copying *c = s->copying;
    bool good = copy_to(s, c->path, &c->gives_up, c->arena, &c->why);
    atomic_store(&c->state, good ? DONE : FAILED);
    return NULL;
}

/* The main thread never waits for one that is being made: it is told to stop, and forgotten when it has. */
void serve_copying_watch(struct serve *s) {
    struct copying *c = s->copying;
    if (!c || !c->has_thread || ava_now_ms() - c->asked_ms < FORGET_MS)
        return;
    atomic_store(&c->gives_up, true);
    if (atomic_load(&c->state) != COPYING)
        forget(c);
}

void serve_copying_begin(struct serve *s, struct buf *answer) {
    struct jsonw w = jsonw_to(answer);
    struct copying *c = s->copying;
    jsonw_object(&w);
    if (atomic_load(&c->state) == COPYING) {
        jsonw_text_at(&w, "error", "another backup is being made");
    } else {
        forget(c);
        c->arena = arena_new(ROOM);
        c->path = new_path(s, c->arena);
        c->why = "no thread can be started";
        c->asked_ms = ava_now_ms();
        atomic_store(&c->state, COPYING);
        c->has_thread = pthread_create(&c->thread, NULL, copy_for_command, s) == 0;
        if (!c->has_thread)
            atomic_store(&c->state, FAILED);
        jsonw_text_at(&w, "path", c->path);
    }
    jsonw_object_end(&w);
}

void serve_copying_ask(struct serve *s, struct buf *answer) {
    static const char *const NAMES[] = { "none", "copying", "done", "failed" };
    struct jsonw w = jsonw_to(answer);
    struct copying *c = s->copying;
    int state = atomic_load(&c->state);
    c->asked_ms = ava_now_ms();
    jsonw_object(&w);
    jsonw_text_at(&w, "state", NAMES[state]);
    if (state == FAILED)
        jsonw_text_at(&w, "why", c->why);
    jsonw_object_end(&w);
}
