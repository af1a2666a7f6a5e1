/* status: how the running server fares, for `ava status` and for Admin in the dashboard. */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "cli/serve.h"
#include "db/backups.h"
#include "db/db.h"
#include "db/kv.h"
#include "providers/dialect.h"
#include "providers/upstream.h"
#include "store/deliveries.h"
#include "store/destinations.h"
#include "store/events.h"
#include "store/hosts.h"
#include "store/lines.h"
#include "tasks/book.h"
#include "tasks/hosts.h"
#include "tasks/jobs.h"
#include "vault/vault.h"

enum { PROBE_AGE_MS = 5000, ANSWER_MS = 500 /* the main thread may be the one that waits */ };

static void write_queue(struct jsonw *w, struct jobs_state jobs) {
    jsonw_key(w, "queue");
    jsonw_object(w);
    jsonw_i64_at(w, "waiting", jobs.waiting);
    jsonw_i64_at(w, "dead", jobs.dead);
    jsonw_i64_at(w, "oldest_seconds", jobs.oldest_ms / 1000);
    jsonw_object_end(w);
}

/* What waits for all workspaces together, as the metrics have it; zeros where the database does not answer. */
static void write_work(struct jsonw *w, struct ctx *ctx) {
    struct db_conn *c = db_reader(ctx);
    struct line_counts lines = { 0 };
    int64_t dead = 0, received_ms = 0, open = 0, disabled = 0, now_ms = ava_wall_ms();
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        int64_t count = 0;
        if (dialect_of(p)->webhooks &&
            event_rows_count_dead(ctx, c, provider_name(p), &count) == OK)
            dead += count;
    }
    event_rows_oldest(ctx, c, &received_ms);
    delivery_rows_count_open(ctx, c, &open);
    destination_rows_count_disabled(ctx, c, &disabled);
    line_rows_count_all(ctx, c, &lines);
    jsonw_key(w, "inbox");
    jsonw_object(w);
    jsonw_i64_at(w, "dead", dead);
    jsonw_i64_at(w, "oldest_seconds",
                 received_ms && now_ms > received_ms ? (now_ms - received_ms) / 1000 : 0);
    jsonw_object_end(w);
    jsonw_key(w, "deliveries");
    jsonw_object(w);
    jsonw_i64_at(w, "waiting", open);
    jsonw_i64_at(w, "destinations_disabled", disabled);
    jsonw_object_end(w);
    jsonw_key(w, "lines");
    jsonw_object(w);
    jsonw_i64_at(w, "held", lines.held);
    jsonw_i64_at(w, "waiting", lines.waiting);
    jsonw_object_end(w);
}

static void write_database(struct jsonw *w, struct ctx *ctx, const char *folder) {
    struct db *db = ctx->parts->db;
    struct statvfs disk;
    struct db_place place;
    int64_t age_ms = db_commit_age_ms(db);
    jsonw_key(w, "database");
    jsonw_object(w);
    jsonw_bool_at(w, "writable", db_write_probe(ctx, PROBE_AGE_MS) == OK);
    jsonw_i64_at(w, "schema", db_schema_version(db));
    jsonw_i64_at(w, "bytes", db_file_bytes(db));
    jsonw_i64_at(w, "log_bytes", db_wal_bytes(db));
    jsonw_i64_at(w, "last_commit_seconds", age_ms / 1000);
    jsonw_text_at(w, "about", db_about(db, ctx->arena));
    if (db_place(db, &place)) {
        jsonw_text_at(w, "host", place.host);
        jsonw_i64_at(w, "port", strtoll(place.port, NULL, 10));
        jsonw_text_at(w, "name", place.name);
        jsonw_i64_at(w, "round_trip_us", place.round_trip_us);
    }
    if (statvfs(folder, &disk) == 0) {
        jsonw_i64_at(w, "disk_free_bytes", (int64_t)disk.f_bavail * (int64_t)disk.f_frsize);
        jsonw_i64_at(w, "disk_bytes", (int64_t)disk.f_blocks * (int64_t)disk.f_frsize);
    }
    jsonw_object_end(w);
}

/* The copy that the phone is answered from; nothing where there is none. */
static void write_book(struct jsonw *w, struct ctx *ctx) {
    struct book_state state;
    if (!ctx->parts->book)
        return;
    book_state(ctx, &state);
    jsonw_key(w, "book");
    jsonw_object(w);
    jsonw_bool_at(w, "readable", state.is_filled);
    jsonw_i64_at(w, "age_seconds", state.age_ms < 0 ? -1 : state.age_ms / 1000);
    jsonw_i64_at(w, "workspaces", state.workspaces);
    jsonw_i64_at(w, "spooled", state.spooled);
    jsonw_object_end(w);
}

/* What hosts count together in; nothing without REDIS_URL. */
static void write_redis(struct jsonw *w, struct ctx *ctx) {
    struct kv_state state;
    if (!ctx->parts->kv)
        return;
    kv_look(ctx->parts->kv, &state);
    jsonw_key(w, "redis");
    jsonw_object(w);
    jsonw_bool_at(w, "up", state.is_up);
    jsonw_text_at(w, "why", state.is_up || !state.why[0] ? NULL : state.why);
    jsonw_text_at(w, "version", state.version[0] ? state.version : NULL);
    jsonw_text_at(w, "maxmemory_policy", state.policy[0] ? state.policy : NULL);
    jsonw_object_end(w);
}

/* All that work with the database, where several may. */
static void write_hosts(struct jsonw *w, struct ctx *ctx) {
    struct host_row *rows = arena_alloc(ctx->arena, HOSTS_MAX * sizeof *rows);
    size_t count;
    int64_t now_ms = ava_steady_ms();
    if (!ctx->parts->hosts || host_rows_list(ctx, db_reader(ctx), rows, HOSTS_MAX, &count) != OK)
        return;
    jsonw_key(w, "hosts");
    jsonw_list(w);
    for (size_t i = 0; i < count; i++) {
        int64_t silent_ms = now_ms > rows[i].beat_ms ? now_ms - rows[i].beat_ms : 0;
        jsonw_object(w);
        jsonw_text_at(w, "name", rows[i].name);
        jsonw_bool_at(w, "this", strcmp(rows[i].run_id, ctx->parts->run_id) == 0);
        jsonw_text_at(w, "version", rows[i].version);
        jsonw_i64_at(w, "schema", rows[i].schema_version);
        jsonw_time_at(w, "since", rows[i].started_ms);
        jsonw_bool_at(w, "alive", silent_ms <= HOST_ALIVE_MS);
        jsonw_i64_at(w, "silent_seconds", silent_ms / 1000);
        jsonw_i64_at(w, "clock_behind_ms", rows[i].off_ms);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
}

/* Those that a workspace can be connected to. */
static void write_providers(struct jsonw *w, struct upstream *upstream) {
    jsonw_key(w, "providers");
    jsonw_list(w);
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        if (!dialect_of(p)->fields)
            continue;
        struct guard_state state = upstream_overall(upstream, p);
        jsonw_object(w);
        jsonw_text_at(w, "name", provider_name(p));
        jsonw_text_at(w, "breaker", breaker_state_name(state.breaker));
        jsonw_i64_at(w, "failures", state.failures);
        jsonw_i64_at(w, "retry_in_seconds", (state.remaining_ms + 999) / 1000);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
}

/* Nothing of them when the database does not answer. */
static void write_keys(struct jsonw *w, struct ctx *ctx) {
    struct vault_state state;
    char id[KEK_ID_BYTES];
    if (vault_state(ctx, &state) != OK)
        return;
    jsonw_key(w, "master_keys");
    jsonw_object(w);
    jsonw_text_at(w, "active", state.active_id);
    jsonw_key(w, "loaded");
    jsonw_list(w);
    for (size_t i = 0; vault_key_id(ctx->parts->vault, i, id); i++)
        jsonw_text(w, id);
    jsonw_list_end(w);
    jsonw_i64_at(w, "workspaces", state.workspaces);
    jsonw_i64_at(w, "workspaces_under_older", state.behind);
    jsonw_i64_at(w, "workspaces_under_retired", state.refused);
    jsonw_object_end(w);
}

static void write_process(struct jsonw *w, struct serve *s) {
    const struct config *c = &s->house.config;
    int64_t granted = (int64_t)(s->workers.limits.connections_max * s->workers.count);
    jsonw_text_at(w, "version", AVA_VERSION);
    jsonw_text_at(w, "profile", s->sandbox ? "sandbox" : c->profile);
    jsonw_time_at(w, "since", s->began_wall_ms);
    jsonw_i64_at(w, "resident_mb", serve_resident_bytes() >> 20);
    jsonw_i64_at(w, "threshold", c->breaker_threshold);
    jsonw_i64_at(w, "connections", (int64_t)workers_connections(&s->workers));
    jsonw_i64_at(w, "connections_max", granted < c->max_connections ? granted : c->max_connections);
    jsonw_i64_at(w, "in_flight", (int64_t)workers_busy(&s->workers));
    jsonw_i64_at(w, "in_flight_max", c->max_requests);
    jsonw_i64_at(w, "lag_ms", workers_lag_ms(&s->workers));
}

void serve_status(void *serve, struct buf *answer) {
    struct serve *s = serve;
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    struct jsonw w = jsonw_to(answer);
    house_ctx(&s->house, &ctx, a);
    ctx.deadline_ms = ava_now_ms() + ANSWER_MS;
    jsonw_object(&w);
    write_process(&w, s);
    write_queue(&w, jobs_state(&ctx));
    write_providers(&w, s->house.parts.upstream);
    write_work(&w, &ctx);
    write_database(&w, &ctx, s->house.config.data_dir);
    write_book(&w, &ctx);
    write_hosts(&w, &ctx);
    write_redis(&w, &ctx);
    int64_t backup_ms = backups_last_ms(s->database);
    if (backup_ms)
        jsonw_time_at(&w, "last_backup", backup_ms);
    write_keys(&w, &ctx);
    jsonw_object_end(&w);
    arena_free(a);
}
