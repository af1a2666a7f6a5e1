#include "tasks/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/memory.h"
#include "db/migrate.h"
#include "obs/log.h"
#include "store/due.h"
#include "store/hosts.h"
#include "store/jobs.h"
#include "store/sealed.h"
#include "vault/vault.h"

enum { KEPT_MS = 24 * 3600 * 1000 };

struct hosts {
    char *place;
    char name[64];
    int64_t started_ms;
    struct id mark,
        tried; /* of the last beat that is known to be kept, and of the last that was asked for */
    char seen[ID_BYTES]; /* somebody else's, at the last beat; "": ours stood there */
    atomic_bool is_usurped, is_outdated;
    atomic_size_t alive;
};

struct hosts *hosts_new(const char *place) {
    struct hosts *h = memory_zeroed(1, sizeof *h);
    h->place = memory_copy(place);
    h->started_ms = ava_steady_ms();
    gethostname(h->name, sizeof h->name - 1);
    atomic_init(&h->alive, 1);
    return h;
}

void hosts_free(struct hosts *h) {
    if (!h)
        return;
    free(h->place);
    free(h);
}

/* --- the name of a folder -------------------------------------------------------------------- */

/* Makes the file with a new name in it; that another did so meanwhile is fine. */
static bool make_file(const char *path) {
    struct id name = id_make("host");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST;
    size_t len = strlen(name.text);
    bool is_written = write(fd, name.text, len) == (ssize_t)len && fsync(fd) == 0;
    close(fd);
    if (!is_written)
        unlink(path);
    return is_written;
}

const char *hosts_place(const char *data_dir, struct arena *a, const char **why) {
    const char *path = arena_printf(a, "%s/host.id", data_dir);
    char text[ID_BYTES] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make_file(path))
        fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    text[strcspn(text, "\r\n ")] = 0;
    if (strncmp(text, "host_", 5) == 0)
        return arena_strdup(a, text);
    *why = fd < 0
               ? arena_printf(a, "AVA_DATA_DIR: cannot read or make %s: %s", path, strerror(errno))
               : arena_printf(a,
                              "AVA_DATA_DIR: %s does not hold the name of this folder; "
                              "remove it, and the next start makes a new one",
                              path);
    return NULL;
}

/* --- joining and leaving --------------------------------------------------------------------- */

/* "k2 k1", the active one first. */
static const char *master_keys(struct ctx *ctx) {
    struct vault *v = ctx->parts->vault;
    const char *all = "";
    char id[KEK_ID_BYTES];
    for (size_t i = 0; v && vault_key_id(v, i, id); i++)
        all = i ? arena_join(ctx->arena, all, " ", id) : arena_strdup(ctx->arena, id);
    return all;
}

static struct host_row row_of(struct ctx *ctx, const struct hosts *h) {
    return (struct host_row){ .run_id = ctx->parts->run_id,
                              .place = h->place,
                              .name = h->name,
                              .version = AVA_VERSION,
                              .schema_version = migrations_count,
                              .started_ms = h->started_ms,
                              .beat_ms = ava_steady_ms(),
                              .off_ms = clock_off_ms(),
                              .mark = h->tried.text,
                              .master_keys = master_keys(ctx) };
}

/* Notes whether something was taken away that this program needs. Read behind the row of this host: who takes away keeps
 * those rows as they are, and looks at them, until that is done. */
static enum err judge_schema(struct ctx *ctx, struct db_conn *tx, struct hosts *h) {
    struct str least;
    int64_t number = 0;
    TRY(meta_get(ctx, tx, MIGRATE_LEAST, &least));
    if (!least.ptr || !str_to_i64(least, 0, INT64_MAX, &number) || number <= migrations_count)
        return OK;
    if (!atomic_exchange(&h->is_outdated, true))
        log_error(NULL, "hosts", L("least_schema", (long)number), L("known", migrations_count),
                  L("why",
                    "all hosts were said to have a newer version, and what older ones need was "
                    "taken away"),
                  L("then", "this one ends: start the newer version"));
    return OK;
}

struct joining {
    struct hosts *hosts;
    struct host_row rows[HOSTS_MAX];
    size_t count;
    int64_t alive, back_ms;
};

/* What a run had is ready for others, and nobody waits for it. */
static enum err end_run(struct ctx *ctx, struct db_conn *tx, const char *run_id) {
    TRY(job_rows_give_back(ctx, tx, run_id));
    TRY(lease_rows_give_all(ctx, tx, run_id));
    return host_row_delete(ctx, tx, run_id);
}

static enum err join_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct joining *j = arg;
    int64_t now_ms = ava_steady_ms();
    struct host_row own = row_of(ctx, j->hosts);
    TRY(host_rows_list(ctx, tx, j->rows, HOSTS_MAX, &j->count));
    for (size_t i = 0; i < j->count; i++)
        if (strcmp(j->rows[i].place, own.place) == 0)
            TRY(end_run(ctx, tx, j->rows[i].run_id));
    TRY(host_rows_count(ctx, tx, now_ms - HOST_ALIVE_MS, &j->alive));
    if (j->alive == 0)
        TRY(due_put_right(ctx, tx, now_ms, &j->back_ms));
    TRY(host_row_put(ctx, tx, &own));
    TRY(judge_schema(ctx, tx, j->hosts));
    TRY(job_rows_give_back_unknown(ctx, tx));
    return job_rows_reclaim(ctx, tx, now_ms, NULL);
}

enum err hosts_join(struct ctx *ctx, bool *is_alone) {
    struct hosts *h = ctx->parts->hosts;
    struct joining *j = arena_alloc(ctx->arena, sizeof *j);
    *j = (struct joining){ .hosts = h };
    h->tried = id_make("beat");
    TRY(db_write_alone(ctx, join_write, j));
    h->mark = h->tried;
    atomic_store(&h->alive, (size_t)j->alive + 1);
    *is_alone = j->alive == 0;
    if (j->back_ms)
        log_warn(ctx, "clock", L("went_back_s", (long)(j->back_ms / 1000)),
                 L("why", "the database's says less than in the run before; due times and sessions "
                          "were put right"));
    if (j->alive)
        log_info(ctx, "hosts", L("joins", (long)j->alive), L("name", h->name));
    return OK;
}

static enum err leave_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return end_run(ctx, tx, ctx->parts->run_id);
}

void hosts_leave(struct ctx *ctx) {
    if (!ctx->parts->hosts || hosts_is_usurped(ctx->parts->hosts))
        return;
    if (db_write_beside(ctx, leave_write, NULL) != OK)
        log_warn(ctx, "leases not released", L("run", ctx->parts->run_id)); /* they run out */
}

/* --- living ---------------------------------------------------------------------------------- */

struct beating {
    struct hosts *hosts;
    struct host_row own, found;
    bool is_ours;
    int64_t alive;
};

static enum err beat_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct beating *b = arg;
    TRY(host_row_beat(ctx, tx, &b->own, b->hosts->mark.text, b->hosts->tried.text, &b->is_ours));
    TRY(judge_schema(ctx, tx, b->hosts));
    if (!b->is_ours)
        TRY(host_row_find(ctx, tx, b->own.run_id, &b->found));
    /* Another mark that stays as it is: the database lost what it had last. One that moves: somebody moves it. */
    bool is_stale = b->found.run_id && strcmp(b->found.mark, b->hosts->seen) == 0;
    if (!b->is_ours && b->found.run_id && !is_stale)
        return OK;
    if (!b->is_ours)
        TRY(host_row_put(ctx, tx, &b->own)); /* it was taken for gone, and is not */
    b->is_ours = true;
    TRY(job_rows_reclaim(ctx, tx, b->own.beat_ms, NULL));
    return host_rows_count(ctx, tx, b->own.beat_ms - HOST_ALIVE_MS, &b->alive);
}

/* Somebody else's mark: the second time, another than the first time, ends this run. */
static void notice(struct hosts *h, const char *mark) {
    if (h->seen[0] && !atomic_exchange(&h->is_usurped, true))
        log_error(NULL, "hosts", L("usurped", "another process says that it is this run"),
                  L("why", "this machine, or the other, is a copy of a running one"),
                  L("then", "this one ends"));
    str_copy(h->seen, sizeof h->seen, str_of(mark));
}

enum err hosts_beat(struct ctx *ctx) {
    struct hosts *h = ctx->parts->hosts;
    if (strcmp(h->tried.text, h->mark.text) == 0)
        h->tried =
            id_make("beat"); /* else nobody knows what became of the last: it is said again */
    struct beating b = { .hosts = h, .own = row_of(ctx, h) };
    TRY(db_write_beside(ctx, beat_write, &b));
    if (!b.is_ours) {
        notice(h, b.found.mark);
        return OK;
    }
    h->mark = h->tried;
    h->seen[0] = 0;
    atomic_store(&h->alive, b.alive > 0 ? (size_t)b.alive : 1);
    return OK;
}

bool hosts_is_usurped(const struct hosts *h) {
    return h && atomic_load(&h->is_usurped);
}

bool hosts_is_outdated(const struct hosts *h) {
    return h && atomic_load(&h->is_outdated);
}

size_t hosts_alive(const struct hosts *h) {
    return h ? atomic_load(&h->alive) : 1;
}

enum err hosts_find(struct ctx *ctx, struct db_conn *c, const char *run_id, bool *is_alive,
                    bool *is_known) {
    struct host_row row;
    TRY(host_row_find(ctx, c, run_id, &row));
    *is_known = row.run_id != NULL;
    *is_alive = row.run_id && row.beat_ms >= ava_steady_ms() - HOST_ALIVE_MS;
    return OK;
}

/* --- what one does for all ------------------------------------------------------------------- */

struct asking {
    const char *name;
    int64_t for_ms;
    bool is_ours;
};

static enum err ask_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct asking *a = arg;
    int64_t now_ms = ava_steady_ms();
    return lease_row_take(ctx, tx, a->name, ctx->parts->run_id, now_ms, now_ms + a->for_ms,
                          &a->is_ours);
}

static enum err give_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return lease_row_give(ctx, tx, arg, ctx->parts->run_id);
}

enum err hosts_may(struct ctx *ctx, const char *name, int64_t for_ms, bool *may) {
    struct asking a = { name, for_ms, true };
    *may = true;
    if (!ctx->parts->hosts)
        return OK;
    TRY(db_write_beside(ctx, ask_write, &a));
    *may = a.is_ours;
    return OK;
}

enum err hosts_may_not(struct ctx *ctx, const char *name) {
    return ctx->parts->hosts ? db_write_beside(ctx, give_write, (void *)name) : OK;
}

static enum err forget_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    int64_t before_ms = ava_steady_ms() - KEPT_MS;
    TRY(host_rows_forget(ctx, tx, before_ms));
    return lease_rows_forget(ctx, tx, before_ms);
}

enum err hosts_forget_old(struct ctx *ctx) {
    return ctx->parts->hosts ? db_write_beside(ctx, forget_write, NULL) : OK;
}
