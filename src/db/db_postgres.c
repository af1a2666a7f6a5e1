#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "db/pg.h"
#include "db/probe.h"
#include "obs/log.h"

enum {
    START_MS = 30 * 1000, /* for as long a server that is not there yet is waited for */
    START_REST_MS = 250,
    PROBE_BYTES = 1024,
    KEEPERS = 1,             /* connections beside those of the threads that work, */
    APPENDS_FROM = 6,        /* from so many on one appends, */
    APPENDS_TWICE_FROM = 24, /* and from so many on two */
};

/* --- what is known of it ------------------------------------------------------------------------------- */

static enum err claim(struct ctx *ctx, const char *run_id) {
    if (pg_keeper_claim(postgres_of(ctx->parts->db)->keeper))
        return OK;
    return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE,
                    "a copy is being made into the database of DATABASE_URL (ava migrate --to): "
                    "start this one when it is done");
}

static bool is_fenced(struct db *db) {
    return atomic_load(&postgres_of(db)->is_fenced);
}

static bool is_up(struct db *db) {
    return atomic_load(&postgres_of(db)->is_up) && !is_fenced(db);
}

static enum err write_probe(struct ctx *ctx, int64_t max_age_ms) {
    struct postgres *db = postgres_of(ctx->parts->db);
    if (atomic_load(&db->is_up) && !atomic_load(&db->is_fenced) &&
        ava_now_ms() - atomic_load(&db->last_commit_ms) <= max_age_ms)
        return OK;
    return db_write(ctx, probe_write, &(size_t){ PROBE_BYTES });
}

static int64_t commit_age_ms(struct db *db) {
    return ava_now_ms() - atomic_load(&postgres_of(db)->last_commit_ms);
}

static int64_t file_bytes(struct db *db) {
    return atomic_load(&postgres_of(db)->size_bytes);
}

static int64_t wal_bytes(struct db *db) {
    return 0; /* the server's, and none of Ava's business */
}

static int schema_version(struct db *db) {
    return postgres_of(db)->schema;
}

static const char *about(struct db *db, struct arena *a) {
    const struct postgres *p = postgres_of(db);
    return arena_printf(a, "PostgreSQL %s, schema %d", p->version, p->schema);
}

static bool place(struct db *db, struct db_place *out) {
    struct postgres *p = postgres_of(db);
    pthread_mutex_lock(&p->lock);
    *out = p->place;
    pthread_mutex_unlock(&p->lock);
    out->round_trip_us = atomic_load(&p->round_trip_us);
    return true;
}

static bool mirror(struct db *db, const char *to, const atomic_bool *gives_up, struct arena *a,
                   const char **why) {
    *why = "the data is in PostgreSQL: its own tools make backups (pg_dump, or the archive of its "
           "log)";
    return false;
}

static void reader_open(struct db *db) {}

/* --- opening and closing -------------------------------------------------------------------------------- */

static void free_workers(struct pg_worker *workers, size_t count) {
    for (size_t i = 0; i < count; i++)
        pg_conn_fini(&workers[i].conn);
    free(workers);
}

static void free_all(struct postgres *db) {
    pg_keeper_free(db->keeper);
    free_workers(db->writers, db->writers_count);
    free_workers(db->readers, db->readers_count);
    free_workers(db->appenders, db->appenders_count);
    db_queue_fini(&db->writes);
    db_queue_fini(&db->appends);
    pthread_mutex_destroy(&db->lock);
    pthread_cond_destroy(&db->more_reads);
    explicit_bzero(db->url, strlen(db->url));
    free(db->url);
    free(db);
}

static void join_all(struct pg_worker *all, size_t count) {
    for (size_t i = 0; i < count && all[i].is_begun; i++)
        pthread_join(all[i].thread, NULL);
}

/* Ends the threads, which finish what was asked of them. */
static void end_threads(struct postgres *db) {
    pthread_mutex_lock(&db->writes.lock);
    pthread_mutex_lock(&db->appends.lock);
    pthread_mutex_lock(&db->lock);
    db->ends = true;
    pthread_cond_broadcast(&db->writes.more);
    pthread_cond_broadcast(&db->appends.more);
    pthread_cond_broadcast(&db->more_reads);
    pthread_mutex_unlock(&db->lock);
    pthread_mutex_unlock(&db->appends.lock);
    pthread_mutex_unlock(&db->writes.lock);
    join_all(db->writers, db->writers_count);
    join_all(db->readers, db->readers_count);
    join_all(db->appenders, db->appenders_count);
}

static void close_db(struct db *db) {
    end_threads(postgres_of(db));
    free_all(postgres_of(db));
}

static struct pg_worker *workers(struct postgres *db, size_t count, bool read) {
    struct pg_worker *all = memory_zeroed(count, sizeof *all);
    for (size_t i = 0; i < count; i++) {
        all[i].db = db;
        pg_conn_init(&all[i].conn, db, read);
    }
    return all;
}

static bool begin_all(struct pg_worker *all, size_t count, void *(*work)(void *)) {
    for (size_t i = 0; i < count; i++) {
        if (pthread_create(&all[i].thread, NULL, work, &all[i]) != 0)
            return false;
        all[i].is_begun = true;
    }
    return true;
}

static bool start_threads(struct postgres *db, struct arena *a, const char **why) {
    if (!pg_keeper_start(db->keeper, a, why))
        return false;
    if (begin_all(db->writers, db->writers_count, pg_write_on) &&
        begin_all(db->readers, db->readers_count, pg_read_on) &&
        begin_all(db->appenders, db->appenders_count, pg_append_on))
        return true;
    *why = "no threads can be started for the database";
    return false;
}

/* The first connection. A server that is not there yet, or begins, is waited for; what a later try does not change ends
 * it at once. */
static bool reach(struct postgres *db, const struct db_conf *conf, struct arena *a,
                  bool *is_refused, const char **why) {
    struct pg_conn *c = pg_keeper_conn(db->keeper);
    int64_t until = ava_now_ms() + (conf->schema == DB_SCHEMA_MIGRATE ? START_MS : 0);
    bool is_said = false;
    while (!pg_connect(c)) {
        *is_refused = pg_is_refused(c);
        if (*is_refused || ava_now_ms() >= until) {
            *why = arena_printf(a, "DATABASE_URL: %s", c->failure.words);
            return false;
        }
        if (!is_said)
            log_warn(NULL, "database", L("waits_for", "PostgreSQL"), L("why", c->failure.words));
        is_said = true;
        fiber_sleep(START_REST_MS);
    }
    str_copy(db->version, sizeof db->version,
             str_of(pq.parameterStatus(c->handle, "server_version")));
    return true;
}

static void share_out(struct postgres *db, int connections) {
    db->appenders_count = connections >= APPENDS_TWICE_FROM ? 2 : connections >= APPENDS_FROM;
    size_t own = KEEPERS + db->appenders_count, all = (size_t)connections;
    size_t rest = all > own + 2 ? all - own : 2;
    db->readers_count = rest / 3 ? rest / 3 : 1;
    db->writers_count = rest - db->readers_count;
}

/* Reaches the server, brings its schema up to date, and starts the threads. */
static bool go(struct postgres *db, const struct db_conf *conf, struct arena *a, bool *is_refused,
               const char **why) {
    struct pg_conn *c = pg_keeper_conn(db->keeper);
    if (!pg_keeper_watch(db->keeper, a, why) || !reach(db, conf, a, is_refused, why))
        return false;
    if (!pg_migrate(c, conf->schema, a, &db->schema, why)) {
        *is_refused = !c->failure.is_lost;
        return false;
    }
    pg_keeper_set_clock(db->keeper);
    return start_threads(db, a, why);
}

static struct postgres *make(const struct db_conf *conf) {
    struct postgres *db = memory_zeroed(1, sizeof *db);
    db->base = (struct db){ .kind = &postgres_kind, .hash = conf->hash };
    db->url = memory_copy(conf->url);
    db_queue_init(&db->writes);
    db_queue_init(&db->appends);
    pthread_mutex_init(&db->lock, NULL);
    pthread_cond_init(&db->more_reads, NULL);
    db->last_read = &db->first_read;
    atomic_init(&db->last_commit_ms, INT64_MIN / 2);
    atomic_init(&db->is_up, true);
    share_out(db, conf->connections);
    db->keeper = pg_keeper_new(db);
    db->writers = workers(db, db->writers_count, false);
    db->readers = workers(db, db->readers_count, true);
    db->appenders = workers(db, db->appenders_count, false);
    return db;
}

struct db *postgres_open(const struct db_conf *conf, struct arena *a, const char **why) {
    bool is_refused = true;
    struct postgres *db =
        pg_library_open(a, why) && pg_url_is_good(conf->url, a, why) ? make(conf) : NULL;
    if (db) {
        is_refused = false;
        if (go(db, conf, a, &is_refused, why))
            return &db->base;
        end_threads(db);
        free_all(db);
    }
    if (conf->is_refused)
        *conf->is_refused = is_refused;
    return NULL;
}

const struct db_kind postgres_kind = {
    .system = "postgresql",
    .is_shared = true,
    .reader = pg_reader,
    .reader_open = reader_open,
    .write = pg_write,
    .append = pg_append,
    .lock = pg_lock,
    .write_steps = pg_write_steps,
    .mirror = mirror,
    .use = pg_use,
    .bind_str = pg_bind_str,
    .bind_i64 = pg_bind_i64,
    .bind_blob = pg_bind_blob,
    .bind_null = pg_bind_null,
    .next = pg_next,
    .is_null = pg_is_null,
    .text = pg_text,
    .i64 = pg_i64,
    .blob = pg_blob,
    .copy = pg_copy,
    .done = pg_done,
    .run = pg_run,
    .changes = pg_changes,
    .claim = claim,
    .is_fenced = is_fenced,
    .is_up = is_up,
    .write_probe = write_probe,
    .commit_age_ms = commit_age_ms,
    .file_bytes = file_bytes,
    .wal_bytes = wal_bytes,
    .schema_version = schema_version,
    .about = about,
    .place = place,
    .close = close_db,
};
