/* status: how the running server fares, for `ava status`. */
#include "base/jsonw.h"
#include "cli/serve.h"
#include "db/backups.h"
#include "providers/dialect.h"
#include "providers/upstream.h"
#include "tasks/jobs.h"
#include "vault/vault.h"

static void write_queue(struct jsonw *w, struct jobs_state jobs) {
    jsonw_key(w, "queue");
    jsonw_object(w);
    jsonw_i64_at(w, "waiting", jobs.waiting);
    jsonw_i64_at(w, "oldest_seconds", jobs.oldest_ms / 1000);
    jsonw_object_end(w);
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
static void write_keys(struct jsonw *w, struct house *h) {
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    struct vault_state state;
    house_ctx(h, &ctx, a);
    if (vault_state(&ctx, &state) == OK) {
        jsonw_key(w, "master_keys");
        jsonw_object(w);
        jsonw_text_at(w, "active", state.active_id);
        jsonw_i64_at(w, "workspaces_under_older", state.behind);
        jsonw_i64_at(w, "workspaces_under_retired", state.refused);
        jsonw_object_end(w);
    }
    arena_free(a);
}

void serve_status(struct serve *s, struct buf *answer) {
    struct jsonw w = jsonw_to(answer);
    jsonw_object(&w);
    jsonw_text_at(&w, "version", AVA_VERSION);
    jsonw_text_at(&w, "profile", s->sandbox ? "sandbox" : s->house.config.profile);
    jsonw_time_at(&w, "since", s->began_wall_ms);
    jsonw_i64_at(&w, "resident_mb", serve_resident_bytes() >> 20);
    jsonw_i64_at(&w, "threshold", s->house.config.breaker_threshold);
    jsonw_i64_at(&w, "connections", (int64_t)workers_connections(&s->workers));
    jsonw_i64_at(&w, "in_flight", (int64_t)workers_busy(&s->workers));
    write_queue(&w, jobs_state(s->house.parts.jobs));
    write_providers(&w, s->house.parts.upstream);
    int64_t backup_ms = backups_last_ms(s->database);
    if (backup_ms)
        jsonw_time_at(&w, "last_backup", backup_ms);
    write_keys(&w, &s->house);
    jsonw_object_end(&w);
}
