#include "db/backup.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/snapshot.h"
#include "db/sqlite.h"
#include "obs/log.h"

enum { STALE_S = 3600 };

static int may_be_copy(const struct dirent *e) {
    return strstr(e->d_name, ".schema-") != NULL;
}

/* Calls fn with each file beside the database that is named as its copies are. */
static void each_copy(const char *path, const char *ending, struct arena *a,
                      void (*fn)(void *arg, const char *copy, const struct stat *st), void *arg) {
    const char *slash = strrchr(path, '/');
    const char *folder = slash ? arena_strndup(a, path, (size_t)(slash - path + 1)) : "./";
    const char *start = arena_printf(a, "%s.schema-", slash ? slash + 1 : path);
    struct dirent **list;
    int count = scandir(folder, &list, may_be_copy, alphasort);
    for (int i = 0; i < count; i++) {
        struct stat st;
        struct str name = str_of(list[i]->d_name);
        const char *copy = arena_join(a, folder, name.ptr);
        if (str_starts(name, str_of(start)) && str_ends(name, str_of(ending)) &&
            lstat(copy, &st) == 0 && S_ISREG(st.st_mode))
            fn(arg, copy, &st);
        free(list[i]);
    }
    if (count >= 0)
        free(list);
}

struct removing {
    const char *but;
    int64_t before_s; /* only what was written before that */
    long count;
};

static void remove_one(void *arg, const char *copy, const struct stat *st) {
    struct removing *r = arg;
    if (strcmp(copy, r->but) != 0 && st->st_mtime <= r->before_s && unlink(copy) == 0)
        r->count++;
}

bool backup_make(struct ctx *ctx, struct db_conn *c, int from, const char **why) {
    struct db_stmt *q = db_use(c, "SELECT file FROM pragma_database_list WHERE name = 'main'");
    const char *path = db_next(q) ? db_text(q, ctx->arena) : NULL;
    if (db_done(ctx, q) != OK || !path) {
        *why = "cannot find the database file";
        return false;
    }
    char stamp[32];
    int64_t now_ms = ava_wall_ms();
    clock_rfc3339(now_ms, stamp);
    const char *copy = arena_printf(ctx->arena, "%s.schema-%d.%s.backup", path, from, stamp);
    struct snapshot made;
    struct removing left = { "", now_ms / 1000 - STALE_S, 0 };
    each_copy(path, ".backup.partial", ctx->arena, remove_one, &left); /* of one that was killed */
    if (!snapshot_write(&(struct snapshot_order){ path, copy, false, sqlite_hash(c), NULL },
                        ctx->arena, &made, why)) {
        *why = arena_printf(ctx->arena, "cannot make a copy before the migration: %s", *why);
        return false;
    }
    struct removing older = { copy, INT64_MAX, 0 };
    each_copy(path, ".backup", ctx->arena, remove_one, &older);
    log_info(NULL, "backup", L("file", copy), L("older_removed", older.count));
    return true;
}

void backup_forget(const char *path, struct arena *a) {
    struct removing all = { "", INT64_MAX, 0 };
    each_copy(path, ".backup", a, remove_one, &all);
    each_copy(path, ".backup.partial", a, remove_one, &all);
}

struct newest {
    struct arena *a;
    const char *copy;
    struct timespec at;
};

static void take_newer(void *arg, const char *copy, const struct stat *st) {
    struct newest *n = arg;
    const struct timespec *at = &st->st_mtim;
    if (n->copy &&
        (at->tv_sec < n->at.tv_sec || (at->tv_sec == n->at.tv_sec && at->tv_nsec < n->at.tv_nsec)))
        return;
    n->copy = arena_strdup(n->a, copy);
    n->at = *at;
}

const char *backup_newest(const char *path, struct arena *a) {
    struct newest n = { .a = a };
    each_copy(path, ".backup", a, take_newer, &n);
    return n.copy;
}
