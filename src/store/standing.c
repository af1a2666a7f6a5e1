#include "store/standing.h"

static enum err count_jobs(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           struct standing *out) {
    struct db_stmt *q = db_use(
        c, "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE workspace_id = ?1"
           " AND state = 'ready' LIMIT ?2) AS found), (SELECT COUNT(*) FROM (SELECT 1 FROM jobs"
           " WHERE workspace_id = ?1 AND state = 'dead' LIMIT ?2) AS found),"
           " (SELECT run_at FROM jobs WHERE workspace_id = ?1 AND state = 'ready'"
           " ORDER BY run_at LIMIT 1)");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, STANDING_MAX);
    if (db_next(q)) {
        out->jobs_waiting = db_i64(q);
        out->jobs_dead = db_i64(q);
        out->jobs_next_ms = db_i64(q);
    }
    return db_done(ctx, q);
}

/* Of those that are tried again the oldest is not asked for: they have no order by when they came. */
static enum err count_events(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                             struct standing *out) {
    struct db_stmt *q = db_use(
        c,
        "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM events WHERE workspace_id = ?1"
        " AND status = 'received' LIMIT ?2) AS found) + (SELECT COUNT(*) FROM (SELECT 1 FROM events"
        " WHERE workspace_id = ?1 AND status = 'retrying' LIMIT ?2) AS found),"
        " (SELECT COUNT(*) FROM (SELECT 1 FROM events WHERE workspace_id = ?1"
        " AND status = 'dead' LIMIT ?2) AS found), (SELECT received_at FROM events"
        " WHERE workspace_id = ?1 AND status = 'received' ORDER BY id LIMIT 1)");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, STANDING_MAX);
    if (db_next(q)) {
        out->events_open = db_i64(q);
        out->events_dead = db_i64(q);
        out->events_oldest_ms = db_i64(q);
    }
    return db_done(ctx, q);
}

static enum err count_deliveries(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                 struct standing *out) {
    struct db_stmt *q = db_use(
        c, "SELECT COUNT(*), MIN(created_at) FROM (SELECT d.created_at FROM destinations t"
           " CROSS JOIN deliveries d INDEXED BY deliveries_in_order WHERE d.destination_id = t.id"
           " AND d.settled_at = 0 AND t.workspace_id = ?1 AND t.removed_at = 0 LIMIT ?2) AS found");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, STANDING_MAX);
    if (db_next(q)) {
        out->deliveries_open = db_i64(q);
        out->deliveries_oldest_ms = db_i64(q);
    }
    TRY(db_done(ctx, q));
    q = db_use(c, "SELECT COUNT(*) FROM destinations WHERE workspace_id = ?"
                  " AND disabled_because IN ('gone', 'failing') AND removed_at = 0");
    db_bind_text(q, workspace_id);
    if (db_next(q))
        out->destinations_disabled = db_i64(q);
    return db_done(ctx, q);
}

enum err standing_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                       struct standing *out) {
    *out = (struct standing){ 0 };
    TRY(count_jobs(ctx, c, workspace_id, out));
    TRY(count_events(ctx, c, workspace_id, out));
    return count_deliveries(ctx, c, workspace_id, out);
}
