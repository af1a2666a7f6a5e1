#include "store/jobs.h"

enum err job_row_put(struct ctx *ctx, struct db_conn *tx, const struct job_row *job,
                     const char *owner, int64_t lease_until_ms) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO jobs (id, workspace_id, kind, object, state, run_at, owner,"
                   " lease_until, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
                   " ON CONFLICT (kind, object) DO UPDATE SET state = excluded.state,"
                   " run_at = CASE WHEN excluded.state = 'ready' AND"
                   " jobs.wanted_at < excluded.run_at THEN jobs.wanted_at"
                   " ELSE excluded.run_at END, owner = excluded.owner,"
                   " lease_until = excluded.lease_until, wanted_at = NULL");
    db_bind_text(q, job->id);
    db_bind_text(q, job->workspace_id);
    db_bind_text(q, job->kind);
    db_bind_text(q, job->object);
    db_bind_text(q, owner ? "leased" : "ready");
    db_bind_i64(q, job->run_at_ms);
    db_bind_text(q, owner ? owner : "");
    db_bind_i64(q, lease_until_ms);
    db_bind_i64(q, job->created_ms);
    return db_run(ctx, q);
}

enum err job_row_want(struct ctx *ctx, struct db_conn *tx, const struct job_row *job) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO jobs (id, workspace_id, kind, object, state, run_at, created_at)"
                   " VALUES (?1, ?2, ?3, ?4, 'ready', ?5, ?6)"
                   " ON CONFLICT (kind, object) DO UPDATE SET"
                   " run_at = CASE jobs.state WHEN 'ready' THEN excluded.run_at ELSE jobs.run_at"
                   " END, wanted_at = CASE jobs.state WHEN 'leased' THEN excluded.run_at END"
                   " WHERE (jobs.state = 'ready' AND jobs.run_at > excluded.run_at)"
                   " OR (jobs.state = 'leased'"
                   " AND (jobs.wanted_at IS NULL OR jobs.wanted_at > excluded.run_at))");
    db_bind_text(q, job->id);
    db_bind_text(q, job->workspace_id);
    db_bind_text(q, job->kind);
    db_bind_text(q, job->object);
    db_bind_i64(q, job->run_at_ms);
    db_bind_i64(q, job->created_ms);
    return db_run(ctx, q);
}

enum err job_rows_for_events(struct ctx *ctx, struct db_conn *tx, const char *kind) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO jobs (id, workspace_id, kind, object, state, run_at, created_at)"
                   " SELECT 'job_' || substr(workspace_id, 4), workspace_id, ?1, workspace_id,"
                   " 'ready', 0, 0 FROM (SELECT w.id AS workspace_id FROM workspaces w"
                   " WHERE w.removed_at = 0 AND (EXISTS (SELECT 1 FROM events e WHERE"
                   " e.workspace_id = w.id AND e.status = 'received') OR EXISTS (SELECT 1 FROM"
                   " events e WHERE e.workspace_id = w.id AND e.status = 'retrying'))) AS found"
                   " WHERE TRUE ON CONFLICT (kind, object) DO NOTHING");
    db_bind_text(q, kind);
    return db_run(ctx, q);
}

enum err job_row_lease(struct ctx *ctx, struct db_conn *tx, const struct job_bid *bid,
                       struct job_row *found) {
    struct db_stmt *q = db_use(
        tx, "UPDATE jobs SET state = 'leased', owner = ?1, lease_until = ?2, wanted_at = NULL,"
            " attempts = attempts + 1 WHERE id = (SELECT id FROM jobs WHERE state = 'ready'"
            " AND workspace_id > ?3 AND run_at <= ?4 AND (?5 IS NULL OR kind <> ?5)"
            " ORDER BY workspace_id, run_at LIMIT 1 /*pg FOR UPDATE SKIP LOCKED*/)"
            " RETURNING id, workspace_id, kind, object, run_at, attempts, created_at");
    db_bind_text(q, bid->owner);
    db_bind_i64(q, bid->lease_until_ms);
    db_bind_text(q, bid->after ? bid->after : "");
    db_bind_i64(q, bid->now_ms);
    db_bind_text(q, bid->not_kind);
    *found = (struct job_row){ .id = NULL };
    if (db_next(q)) {
        found->id = db_text(q, ctx->arena);
        found->workspace_id = db_text(q, ctx->arena);
        found->kind = db_text(q, ctx->arena);
        found->object = db_text(q, ctx->arena);
        found->run_at_ms = db_i64(q);
        found->attempts = db_i64(q);
        found->created_ms = db_i64(q);
        db_next(q); /* to its end: only then the update is complete */
    }
    return db_done(ctx, q);
}

/* attempts rises with each lease and never falls: another lease of the same owner is another one. */
enum err job_row_confirm(struct ctx *ctx, struct db_conn *tx, const struct job_row *job,
                         const char *owner, int64_t lease_until_ms, bool *is_mine) {
    struct db_stmt *q = db_use(tx, "UPDATE jobs SET lease_until = ? WHERE id = ? AND owner = ?"
                                   " AND attempts = ? AND state = 'leased'");
    db_bind_i64(q, lease_until_ms);
    db_bind_text(q, job->id);
    db_bind_text(q, owner);
    db_bind_i64(q, job->attempts);
    TRY(db_run(ctx, q));
    *is_mine = db_changes(tx) > 0;
    return OK;
}

enum err job_row_extend(struct ctx *ctx, struct db_conn *tx, const struct job_row *job,
                        const char *owner, int64_t lease_until_ms) {
    struct db_stmt *q =
        db_use(tx, "UPDATE jobs SET lease_until = ? WHERE id = (SELECT id FROM jobs WHERE id = ?"
                   " AND owner = ? AND attempts = ? AND state = 'leased'"
                   " /*pg FOR UPDATE SKIP LOCKED*/)");
    db_bind_i64(q, lease_until_ms);
    db_bind_text(q, job->id);
    db_bind_text(q, owner);
    db_bind_i64(q, job->attempts);
    return db_run(ctx, q);
}

enum err job_rows_reclaim(struct ctx *ctx, struct db_conn *tx, int64_t now_ms,
                          const char *not_owner) {
    struct db_stmt *q =
        db_use(tx, "UPDATE jobs SET state = 'ready', owner = '', lease_until = 0 WHERE id IN"
                   " (SELECT id FROM jobs WHERE state = 'leased'"
                   " AND (lease_until < ?1 OR (?2 IS NOT NULL AND owner <> ?2))"
                   " /*pg FOR UPDATE SKIP LOCKED*/)");
    db_bind_i64(q, now_ms);
    db_bind_text(q, not_owner);
    return db_run(ctx, q);
}

enum err job_rows_give_back(struct ctx *ctx, struct db_conn *tx, const char *owner) {
    struct db_stmt *q = db_use(tx, "UPDATE jobs SET state = 'ready', owner = '', lease_until = 0"
                                   " WHERE state = 'leased' AND owner = ?");
    db_bind_text(q, owner);
    return db_run(ctx, q);
}

enum err job_rows_give_back_unknown(struct ctx *ctx, struct db_conn *tx) {
    return db_run(ctx, db_use(tx, "UPDATE jobs SET state = 'ready', owner = '', lease_until = 0"
                                  " WHERE state = 'leased' AND owner NOT IN"
                                  " (SELECT run_id FROM hosts)"));
}

enum err job_row_delete(struct ctx *ctx, struct db_conn *tx, const char *kind, const char *object) {
    struct db_stmt *q =
        db_use(tx, "DELETE FROM jobs WHERE kind = ? AND object = ? AND wanted_at IS NULL");
    db_bind_text(q, kind);
    db_bind_text(q, object);
    TRY(db_run(ctx, q));
    q = db_use(tx, "UPDATE jobs SET state = 'ready', owner = '', lease_until = 0,"
                   " run_at = wanted_at, wanted_at = NULL"
                   " WHERE kind = ? AND object = ? AND wanted_at IS NOT NULL");
    db_bind_text(q, kind);
    db_bind_text(q, object);
    return db_run(ctx, q);
}

enum err job_row_bury(struct ctx *ctx, struct db_conn *tx, const char *id) {
    struct db_stmt *q = db_use(tx, "UPDATE jobs SET state = 'dead', owner = '', lease_until = 0"
                                   " WHERE id = ?");
    db_bind_text(q, id);
    return db_run(ctx, q);
}

enum err job_rows_next_due(struct ctx *ctx, struct db_conn *c, const char *not_kind,
                           int64_t *run_at_ms) {
    struct db_stmt *q = db_use(c, "SELECT run_at FROM jobs WHERE state = 'ready'"
                                  " AND (?1 IS NULL OR kind <> ?1) ORDER BY run_at LIMIT 1");
    db_bind_text(q, not_kind);
    *run_at_ms = db_next(q) ? db_i64(q) : INT64_MAX;
    return db_done(ctx, q);
}

enum err job_rows_count(struct ctx *ctx, struct db_conn *c, const char *kind, int64_t now_ms,
                        struct job_counts *out) {
    struct db_stmt *q = db_use(
        c, "SELECT COUNT(*) FILTER (WHERE state = 'ready'), COUNT(*) FILTER (WHERE state = 'dead'),"
           " MIN(CASE WHEN state = 'ready' AND run_at <= ?2 THEN run_at END)"
           " FROM jobs WHERE kind = ?1");
    db_bind_text(q, kind);
    db_bind_i64(q, now_ms);
    *out = (struct job_counts){ 0 };
    if (db_next(q)) {
        out->ready = db_i64(q);
        out->dead = db_i64(q);
        out->oldest_due_ms = db_i64(q);
    }
    return db_done(ctx, q);
}
