#include "store/operations.h"

#include <string.h>

static const char *const STATES[OPERATION_STATES] = { "prepared", "sent",    "succeeded",
                                                      "failed",   "unknown", "unconfirmed" };

/* As in the index operations_unsettled, which is used where this stands. */
#define UNSETTLED "state IN ('prepared', 'sent', 'unknown')"

#define COLUMNS                                                                             \
    "id, workspace_id, kind, provider, object, actor, correlation_id, state, is_promised, " \
    "attempts, attempts_max, next_at, created_at, sent_at, updated_at, sealed, epoch, trace"

const char *operation_state_name(enum operation_state s) {
    return STATES[s];
}

static enum operation_state state_parse(const char *name) {
    enum operation_state s = OPERATION_PREPARED;
    while (s + 1 < OPERATION_STATES && strcmp(STATES[s], name) != 0)
        s++;
    return s;
}

struct sealed_place operation_row_place(const struct operation_row *row) {
    /* The request alone, then what came of it; sealed.c says the same in SQL. */
    int64_t version = row->state == OPERATION_SUCCEEDED ? 1
                      : row->state == OPERATION_FAILED  ? 2
                                                        : 0;
    return (struct sealed_place){ "operations", "sealed", row->workspace_id, row->id, version };
}

enum err operation_row_insert(struct ctx *ctx, struct db_conn *tx,
                              const struct operation_row *row) {
    struct db_stmt *q = db_use(tx, "INSERT INTO operations (" COLUMNS ") VALUES"
                                   " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->kind);
    db_bind_text(q, row->provider);
    db_bind_text(q, row->object);
    db_bind_text(q, row->actor);
    db_bind_text(q, row->correlation_id);
    db_bind_text(q, STATES[row->state]);
    db_bind_i64(q, row->is_promised);
    db_bind_i64(q, row->attempts);
    db_bind_i64(q, row->attempts_max);
    db_bind_i64(q, row->next_ms);
    db_bind_i64(q, row->created_ms);
    db_bind_i64(q, row->sent_ms);
    db_bind_i64(q, row->updated_ms);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    db_bind_i64(q, row->epoch);
    db_bind_text(q, row->trace);
    return db_run(ctx, q);
}

/* Reads the COLUMNS of the row that q stands on. */
static void read_row(struct ctx *ctx, struct db_stmt *q, struct operation_row *found) {
    found->id = db_text(q, ctx->arena);
    found->workspace_id = db_text(q, ctx->arena);
    found->kind = db_text(q, ctx->arena);
    found->provider = db_text(q, ctx->arena);
    found->object = db_text(q, ctx->arena);
    found->actor = db_text(q, ctx->arena);
    found->correlation_id = db_text(q, ctx->arena);
    found->state = state_parse(db_text(q, ctx->arena));
    found->is_promised = db_i64(q) != 0;
    found->attempts = db_i64(q);
    found->attempts_max = db_i64(q);
    found->next_ms = db_i64(q);
    found->created_ms = db_i64(q);
    found->sent_ms = db_i64(q);
    found->updated_ms = db_i64(q);
    found->sealed = db_blob(q, ctx->arena);
    found->epoch = db_i64(q);
    found->trace = db_text(q, ctx->arena);
}

enum err operation_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            const char *id, struct operation_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM operations WHERE id = ?1"
                                  " AND (?2 IS NULL OR workspace_id = ?2)");
    db_bind_text(q, id);
    db_bind_text(q, workspace_id);
    *found = (struct operation_row){ .id = NULL };
    if (db_next(q))
        read_row(ctx, q, found);
    return db_done(ctx, q);
}

enum err operation_row_trace(struct ctx *ctx, struct db_conn *c,
                             const struct operation_about *about, const char **trace) {
    struct db_stmt *q =
        db_use(c, "SELECT trace FROM operations WHERE workspace_id = ?1 AND id = COALESCE(?2,"
                  " (SELECT operation_id FROM calls WHERE provider = ?3 AND provider_id = ?4"
                  " AND workspace_id = ?1 AND operation_id IS NOT NULL),"
                  " (SELECT operation_id FROM messages WHERE provider = ?3 AND provider_id = ?4"
                  " AND workspace_id = ?1 AND operation_id IS NOT NULL))");
    db_bind_text(q, about->workspace_id);
    db_bind_text(q, about->id);
    db_bind_text(q, about->provider);
    db_bind_text(q, about->provider_id[0] ? about->provider_id : NULL);
    *trace = db_next(q) ? db_text(q, ctx->arena) : NULL;
    return db_done(ctx, q);
}

enum err operation_row_take(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t now_ms,
                            struct operation_row *found) {
    struct db_stmt *q =
        db_use(tx, "UPDATE operations SET epoch = epoch + 1,"
                   " next_at = CASE state WHEN 'sent' THEN 0 ELSE next_at END,"
                   " updated_at = CASE state WHEN 'sent' THEN ?2 ELSE updated_at END,"
                   " state = CASE state WHEN 'sent' THEN 'unknown' ELSE state END"
                   " WHERE id = ?1 RETURNING " COLUMNS);
    db_bind_text(q, id);
    db_bind_i64(q, now_ms);
    *found = (struct operation_row){ .id = NULL };
    if (db_next(q)) {
        read_row(ctx, q, found);
        db_next(q); /* to its end: only then the update is complete */
    }
    return db_done(ctx, q);
}

enum err operation_row_is_ours(struct ctx *ctx, struct db_conn *c, const char *id, int64_t epoch,
                               bool *is_ours) {
    struct db_stmt *q = db_use(c, "SELECT 1 FROM operations WHERE id = ? AND epoch = ?");
    db_bind_text(q, id);
    db_bind_i64(q, epoch);
    *is_ours = db_next(q);
    return db_done(ctx, q);
}

enum err operation_row_update(struct ctx *ctx, struct db_conn *tx, const struct operation_row *row,
                              bool *is_ours) {
    struct db_stmt *q = db_use(tx, "UPDATE operations SET state = ?, attempts = ?, next_at = ?,"
                                   " sent_at = ?, updated_at = ?, sealed = ? WHERE id = ?"
                                   " AND epoch = ?");
    db_bind_text(q, STATES[row->state]);
    db_bind_i64(q, row->attempts);
    db_bind_i64(q, row->next_ms);
    db_bind_i64(q, row->sent_ms);
    db_bind_i64(q, row->updated_ms);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    db_bind_text(q, row->id);
    db_bind_i64(q, row->epoch);
    TRY(db_run(ctx, q));
    *is_ours = db_changes(tx) > 0;
    return OK;
}

enum err operation_row_promise(struct ctx *ctx, struct db_conn *tx, const char *id) {
    struct db_stmt *q = db_use(tx, "UPDATE operations SET is_promised = 1 WHERE id = ?");
    db_bind_text(q, id);
    return db_run(ctx, q);
}

enum err operation_row_delete(struct ctx *ctx, struct db_conn *tx, const char *id) {
    struct db_stmt *q = db_use(tx, "DELETE FROM operations WHERE id = ?");
    db_bind_text(q, id);
    return db_run(ctx, q);
}

enum err operation_rows_are_sent(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                 const char *provider, bool *are) {
    struct db_stmt *q =
        db_use(c, "SELECT EXISTS (SELECT 1 FROM operations INDEXED BY"
                  " operations_unsettled WHERE " UNSETTLED " AND state = 'sent' AND"
                  " workspace_id = ? AND provider = ? AND substr(object, 1, 5) = 'call_')");
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider);
    *are = db_next(q) && db_i64(q);
    return db_done(ctx, q);
}

enum err operation_rows_orphan(struct ctx *ctx, struct db_conn *tx, int64_t now_ms,
                               int64_t *count) {
    struct db_stmt *q =
        db_use(tx, "UPDATE operations SET state = 'unknown', next_at = 0, epoch = epoch + 1,"
                   " updated_at = ? WHERE " UNSETTLED " AND state = 'sent'");
    db_bind_i64(q, now_ms);
    TRY(db_run(ctx, q));
    *count = db_changes(tx);
    return OK;
}

enum err operation_rows_unknown(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                const char *kind, struct operation_row *out, size_t max,
                                size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM operations WHERE state = 'unknown'"
                                  " AND " UNSETTLED " AND workspace_id = ? AND kind = ?"
                                  " AND sent_at > 0 ORDER BY next_at, id LIMIT ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, kind);
    db_bind_i64(q, (int64_t)max);
    for (*count = 0; *count < max && db_next(q); ++*count)
        read_row(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err operation_rows_open(struct ctx *ctx, struct db_conn *c, const char *after_id,
                             struct operation_row *out, size_t max, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM operations WHERE " UNSETTLED
                                  " AND id > ? ORDER BY id LIMIT ?");
    db_bind_text(q, after_id);
    db_bind_i64(q, (int64_t)max);
    for (*count = 0; *count < max && db_next(q); ++*count)
        read_row(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err operation_rows_count(struct ctx *ctx, struct db_conn *c, enum operation_state state,
                              const char *provider, int64_t *out) {
    /* The partial index serves only a literal list of states. */
    struct db_stmt *q = db_use(c, "SELECT COUNT(*) FROM operations WHERE state = ? AND provider = ?"
                                  " AND " UNSETTLED);
    db_bind_text(q, STATES[state]);
    db_bind_text(q, provider);
    *out = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}
