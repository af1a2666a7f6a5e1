#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "db/backup.h"
#include "db/checkpoint.h"
#include "db/locks.h"
#include "db/migrate.h"
#include "db/probe.h"
#include "db/sqlite.h"
#include "obs/log.h"

enum {
    CHECK_INLINE_MAX_BYTES = 64 << 20,
    CHECK_STEPS = 10000, /* of SQLite between two looks whether it is over */
};

static const struct db_kind SQLITE;

/* --- claims and probes ----------------------------------------------------------------------- */

static enum err write_claim(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct db_stmt *q = db_use(tx, "INSERT INTO meta (name, value) VALUES ('run', ?)"
                                   " ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    db_bind_blob(q, arg, strlen(arg));
    return db_run(ctx, q);
}

static enum err claim(struct ctx *ctx, const char *run_id) {
    TRY(db_write(ctx, write_claim, (void *)run_id));
    atomic_store(&sqlite_of(ctx->parts->db)->run, run_id);
    return OK;
}

static bool is_fenced(struct db *db) {
    return trouble_of(&sqlite_of(db)->trouble) == TROUBLE_FENCED;
}

static bool is_up(struct db *db) {
    return trouble_is_none(&sqlite_of(db)->trouble);
}

static enum err write_probe(struct ctx *ctx, int64_t max_age_ms) {
    struct sqlite *db = sqlite_of(ctx->parts->db);
    int64_t now = ava_now_ms();
    if (!trouble_is_none(&db->trouble))
        return trouble_refuse(ctx, trouble_of(&db->trouble));
    /* Small writes still fit where larger ones are refused: a commit proves nothing against that. */
    if (now - atomic_load(&db->trouble.last_refusal_ms) <= max_age_ms)
        return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE, "The disk took nothing a moment ago.");
    if (now - atomic_load(&db->last_commit_ms) <= max_age_ms)
        return OK;
    return db_write(ctx, probe_write, &(size_t){ PROBE_BYTES_MAX }); /* what a webhook may need */
}

static int64_t wal_bytes(struct db *of) {
    struct sqlite *db = sqlite_of(of);
    struct stat st;
    char path[4096];
    snprintf(path, sizeof path, "%s-wal", db->path);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

static int64_t commit_age_ms(struct db *of) {
    struct sqlite *db = sqlite_of(of);
    return ava_now_ms() - atomic_load(&db->last_commit_ms);
}

static int64_t file_bytes(struct db *of) {
    struct sqlite *db = sqlite_of(of);
    struct stat st;
    return stat(db->path, &st) == 0 ? st.st_size : 0;
}

static int schema_version(struct db *of) {
    struct sqlite *db = sqlite_of(of);
    return db->schema;
}

static const char *about(struct db *db, struct arena *a) {
    return arena_printf(a, "SQLite %s, schema %d", sqlite3_libversion(), sqlite_of(db)->schema);
}

snapshot_hash_fn *sqlite_hash(struct db_conn *c) {
    return c->db->hash;
}

/* --- opening and closing --------------------------------------------------------------------- */

enum soundness { SOUND, DAMAGED, NOT_LOOKED_THROUGH };

/* Called by SQLite while it looks. */
static int is_over(void *arg) {
    return atomic_load(&((struct sqlite *)arg)->closes);
}

/* Runs the quick integrity check on a connection of its own. A file that could not be read to its end,
 * for want of memory or of descriptors, is not a damaged one. */
static enum soundness look_through(struct sqlite *db, struct arena *a, const char **why) {
    struct sqlite_conn *c = sqlite_conn_open(db, false, a, why);
    if (!c)
        return NOT_LOOKED_THROUGH;
    sqlite3_stmt *q = NULL;
    enum soundness found = SOUND;
    sqlite3_progress_handler(c->handle, CHECK_STEPS, is_over, db);
    int rc = sqlite3_prepare_v2(c->handle, "PRAGMA quick_check(1)", -1, &q, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    const char *said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(q, 0) : NULL;
    if (!said && !trouble_is_damage(rc)) {
        found = NOT_LOOKED_THROUGH;
        *why =
            arena_printf(a, "%s cannot be looked through: %s", db->path, sqlite3_errmsg(c->handle));
    } else if (!said || strcmp(said, "ok") != 0) {
        found = DAMAGED;
        *why = arena_printf(a, "%s is damaged (%s); restore a backup, nothing was changed",
                            db->path, said ? said : sqlite3_errmsg(c->handle));
    }
    sqlite3_finalize(q);
    sqlite_conn_close(c);
    return found;
}

/* A large file would hold up the start for seconds: it is checked while Ava already works. */
static void *check_beside(void *arg) {
    struct sqlite *db = arg;
    struct arena *a = arena_new(4096);
    const char *why = NULL;
    enum soundness found = look_through(db, a, &why);
    if (found == DAMAGED)
        trouble_get_into(&db->trouble, TROUBLE_DAMAGED, why);
    if (found == NOT_LOOKED_THROUGH && !atomic_load(&db->closes))
        log_warn(NULL, "database", L("checked", "no"), L("why", why));
    arena_free(a);
    return NULL;
}

/* Checks the file before it is used; a large one beside the start. */
static bool check(struct sqlite *db, struct arena *a, const char **why) {
    struct stat st;
    if (stat(db->path, &st) != 0 || st.st_size == 0)
        return true;
    if (st.st_size <= CHECK_INLINE_MAX_BYTES)
        return look_through(db, a, why) == SOUND;
    db->has_checker = pthread_create(&db->checker, NULL, check_beside, db) == 0;
    return true;
}

static void end_check(struct sqlite *db) {
    atomic_store(&db->closes, true);
    if (db->has_checker)
        pthread_join(db->checker, NULL);
}

static bool note_files(struct sqlite *db, const char **why) {
    if (files_note(&db->trouble.files, db->writer->handle))
        return true;
    *why = "the database file was moved, removed or replaced while it was opened";
    return false;
}

static bool bring_up_to_date(struct sqlite *db, const struct db_conf *conf, struct arena *a,
                             const char **why) {
    const struct migrate_on on = { .c = &db->writer->base,
                                   .exec = sqlite_exec,
                                   .error = sqlite_error,
                                   .begin = "BEGIN IMMEDIATE",
                                   .copy = conf->is_book ? NULL : backup_make };
    return migrate(&on, conf->schema, a, &db->schema, why);
}

/* Its two threads: that of the writer, and that which carries the log into the file. */
static bool start_threads(struct sqlite *db, struct arena *a, const char **why) {
    db->checkpoint = checkpoint_start(db->writer->handle, db->path, why);
    if (!db->checkpoint)
        return false;
    int rc = pthread_create(&db->thread, NULL, sqlite_write_on, db);
    if (rc == 0)
        return true;
    *why = arena_printf(a, "no thread can be started for the database: %s", strerror(rc));
    checkpoint_stop(db->checkpoint);
    return false;
}

struct db *sqlite_open(const struct db_conf *conf, struct arena *a, const char **why) {
    struct sqlite *db = memory_zeroed(1, sizeof *db);
    locks_begin();
    db->base = (struct db){ .kind = &SQLITE, .hash = conf->hash };
    db->path = strdup(conf->path);
    atomic_init(&db->last_commit_ms, INT64_MIN / 2);
    trouble_init(&db->trouble, db->path);
    db_queue_init(&db->writes);
    clock_cond_init(&db->mirrored);
    pthread_key_create(&db->reader_key, NULL);
    db->writer = sqlite_conn_open(db, true, a, why);
    if (!db->writer || !check(db, a, why) || !bring_up_to_date(db, conf, a, why) ||
        !note_files(db, why) || !start_threads(db, a, why)) {
        end_check(db);
        sqlite_conn_close(db->writer);
        files_forget(&db->trouble.files);
        free(db->path);
        free(db);
        return NULL;
    }
    return &db->base;
}

static void close_db(struct db *of) {
    struct sqlite *db = sqlite_of(of);
    pthread_mutex_lock(&db->writes.lock);
    db->ends = true;
    pthread_cond_signal(&db->writes.more);
    pthread_mutex_unlock(&db->writes.lock);
    pthread_join(db->thread, NULL);
    end_check(db);
    checkpoint_stop(db->checkpoint);
    for (struct sqlite_conn *c = db->readers, *next; c; c = next) {
        next = c->next;
        sqlite_conn_close(c);
    }
    /* In trouble, what is on disk is left as it is: the files at these paths may be others'. */
    if (!trouble_is_none(&db->trouble))
        sqlite3_db_config(db->writer->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    else
        sqlite3_wal_checkpoint_v2(db->writer->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite_conn_close(db->writer);
    files_forget(&db->trouble.files);
    pthread_key_delete(db->reader_key);
    db_queue_fini(&db->writes);
    free(db->path);
    free(db);
}

static const struct db_kind SQLITE = {
    .system = "sqlite",
    .reader = sqlite_reader,
    .reader_open = sqlite_reader_open,
    .write = sqlite_write,
    .write_steps = sqlite_write_steps,
    .mirror = sqlite_mirror,
    .use = sqlite_use,
    .bind_str = sqlite_bind_str,
    .bind_i64 = sqlite_bind_i64,
    .bind_blob = sqlite_bind_blob,
    .bind_null = sqlite_bind_null,
    .next = sqlite_next,
    .is_null = sqlite_is_null,
    .text = sqlite_text,
    .i64 = sqlite_i64,
    .blob = sqlite_blob,
    .copy = sqlite_copy,
    .done = sqlite_done,
    .run = sqlite_run,
    .changes = sqlite_changes,
    .claim = claim,
    .is_fenced = is_fenced,
    .is_up = is_up,
    .write_probe = write_probe,
    .commit_age_ms = commit_age_ms,
    .file_bytes = file_bytes,
    .wal_bytes = wal_bytes,
    .schema_version = schema_version,
    .about = about,
    .close = close_db,
};
