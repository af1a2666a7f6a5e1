#include "store/calls.h"

#include "obs/provider.h"

#define COLUMNS                                                                              \
    "id, workspace_id, operation_id, provider, provider_id, direction, to_number, "          \
    "from_number_id, assistant_id, status, ended_reason, started_at, ended_at, created_at, " \
    "updated_at, from_number, carrier_id, missed_at, ending_at, cost_micros, sealed"

static void bind_cost(struct db_stmt *q, const struct call_row *row) {
    if (row->has_cost)
        db_bind_i64(q, row->cost_micros);
    else
        db_bind_null(q);
}

struct sealed_place call_row_place(const struct call_row *row) {
    return (struct sealed_place){ "calls", "sealed", row->workspace_id, row->id };
}

enum err call_row_insert(struct ctx *ctx, struct db_conn *tx, const struct call_row *row) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO calls (" COLUMNS ") VALUES"
                   " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->operation_id);
    db_bind_text(q, row->provider);
    db_bind_text(q, row->provider_id);
    db_bind_text(q, row->direction);
    db_bind_text(q, row->to);
    db_bind_text(q, row->from_number_id);
    db_bind_text(q, row->assistant_id);
    db_bind_text(q, row->status);
    db_bind_text(q, row->ended_reason);
    db_bind_i64(q, row->started_ms);
    db_bind_i64(q, row->ended_ms);
    db_bind_i64(q, row->created_ms);
    db_bind_i64(q, row->updated_ms);
    db_bind_text(q, row->from);
    db_bind_text(q, row->carrier_id);
    db_bind_i64(q, row->missed_ms);
    db_bind_i64(q, row->ending_ms);
    bind_cost(q, row);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    return db_run(ctx, q);
}

enum err call_row_update(struct ctx *ctx, struct db_conn *tx, const struct call_row *row) {
    struct db_stmt *q =
        db_use(tx, "UPDATE calls SET provider_id = COALESCE(?, provider_id),"
                   " status = ?, ended_reason = ?, started_at = ?, ended_at = ?,"
                   " updated_at = ?, from_number = COALESCE(?, from_number),"
                   " carrier_id = COALESCE(?, carrier_id), missed_at = ?, ending_at = ?,"
                   " cost_micros = COALESCE(?, cost_micros) WHERE id = ?");
    db_bind_text(q, row->provider_id);
    db_bind_text(q, row->status);
    db_bind_text(q, row->ended_reason);
    db_bind_i64(q, row->started_ms);
    db_bind_i64(q, row->ended_ms);
    db_bind_i64(q, row->updated_ms);
    db_bind_text(q, row->from);
    db_bind_text(q, row->carrier_id);
    db_bind_i64(q, row->missed_ms);
    db_bind_i64(q, row->ending_ms);
    bind_cost(q, row);
    db_bind_text(q, row->id);
    return db_run(ctx, q);
}

enum err call_row_delete(struct ctx *ctx, struct db_conn *tx, const char *id) {
    struct db_stmt *q = db_use(tx, "DELETE FROM calls WHERE id = ?");
    db_bind_text(q, id);
    return db_run(ctx, q);
}

static void read_call(struct ctx *ctx, struct db_stmt *q, struct call_row *c) {
    c->id = db_text(q, ctx->arena);
    c->workspace_id = db_text(q, ctx->arena);
    c->operation_id = db_text(q, ctx->arena);
    c->provider = db_text(q, ctx->arena);
    c->provider_id = db_text(q, ctx->arena);
    c->direction = db_text(q, ctx->arena);
    c->to = db_text(q, ctx->arena);
    c->from_number_id = db_text(q, ctx->arena);
    c->assistant_id = db_text(q, ctx->arena);
    c->status = db_text(q, ctx->arena);
    c->ended_reason = db_text(q, ctx->arena);
    c->started_ms = db_i64(q);
    c->ended_ms = db_i64(q);
    c->created_ms = db_i64(q);
    c->updated_ms = db_i64(q);
    c->from = db_text(q, ctx->arena);
    c->carrier_id = db_text(q, ctx->arena);
    c->missed_ms = db_i64(q);
    c->ending_ms = db_i64(q);
    c->has_cost = !db_is_null(q);
    c->cost_micros = db_i64(q);
    c->sealed = db_blob(q, ctx->arena);
}

static enum err read_one(struct ctx *ctx, struct db_stmt *q, struct call_row *found) {
    *found = (struct call_row){ .id = NULL };
    if (db_next(q))
        read_call(ctx, q, found);
    return db_done(ctx, q);
}

enum err call_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id, const char *id,
                       struct call_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM calls WHERE workspace_id = ?"
                                  " AND id = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, id);
    return read_one(ctx, q, found);
}

enum err call_row_find_by_provider(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                   const char *provider, const char *provider_id,
                                   struct call_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM calls WHERE workspace_id = ?"
                                  " AND provider = ? AND provider_id = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider);
    db_bind_text(q, provider_id);
    return read_one(ctx, q, found);
}

enum err call_row_find_placed(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                              const char *operation_id, struct call_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM calls INDEXED BY calls_of_operation"
                                  " WHERE workspace_id = ? AND operation_id = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, operation_id);
    return read_one(ctx, q, found);
}

enum err call_row_find_carried(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               const char *carrier_id, struct call_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM calls WHERE workspace_id = ?"
                                  " AND carrier_id = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, carrier_id);
    return read_one(ctx, q, found);
}

/* Each arm by an index of its own. */
enum err call_rows_find_anywhere(struct ctx *ctx, struct db_conn *c, const char *id, size_t room,
                                 struct call_row *found, size_t *count) {
    _Static_assert(PROVIDER_COUNT == 7, "bind as many names as there are");
    struct db_stmt *q =
        db_use(c, "SELECT " COLUMNS " FROM calls WHERE id = ?1 UNION SELECT " COLUMNS " FROM calls"
                  " WHERE operation_id = ?1 UNION SELECT " COLUMNS " FROM calls"
                  " WHERE provider IN (?2, ?3, ?4, ?5, ?6, ?7, ?8) AND provider_id = ?1 UNION"
                  " SELECT " COLUMNS " FROM calls WHERE carrier_id = ?1 LIMIT ?9");
    db_bind_text(q, id);
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        db_bind_text(q, provider_name(p));
    db_bind_i64(q, (int64_t)room);
    for (*count = 0; db_next(q); ++*count)
        read_call(ctx, q, &found[*count]);
    return db_done(ctx, q);
}

enum err call_row_is_taken(struct ctx *ctx, struct db_conn *c, const char *provider,
                           const char *provider_id, const char *except_id, bool *taken) {
    return rival_has_id(ctx, c,
                        "SELECT 1 FROM calls WHERE provider = ? AND provider_id = ? AND id <> ?",
                        provider, provider_id, except_id, taken);
}

enum err call_rows_unsettled(struct ctx *ctx, struct db_conn *c, const struct rival_like *like,
                             int64_t *count) {
    return rivals_count(
        ctx, c,
        "SELECT COUNT(*) FROM calls WHERE workspace_id = ? AND to_number = ?"
        " AND from_number = ? AND id <> ? AND provider_id IS NULL AND created_at >= ?"
        " AND created_at < ? AND status IN ('requested', 'unknown', 'unconfirmed')",
        like, count);
}

static enum err find_end(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                         const struct call_filter *f, struct page_end *end) {
    *end = (struct page_end){ "" };
    if (!f->status && !f->to && !f->assistant_id && !f->direction && !f->like && !f->since_ms &&
        !f->until_ms)
        return OK;
    struct db_stmt *q = db_use(c, "SELECT id FROM calls WHERE workspace_id = ? AND id < ?"
                                  " ORDER BY id DESC LIMIT 1 OFFSET ?");
    return page_end_find(ctx, q, workspace_id, f->before_id, end);
}

enum err call_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                        const struct call_filter *f, int limit, struct call_row *out, size_t *count,
                        struct page_end *end) {
    TRY(find_end(ctx, c, workspace_id, f, end));
    struct db_stmt *q =
        db_use(c, "SELECT " COLUMNS " FROM calls WHERE workspace_id = ?1 AND id < ?2 AND id >= ?10"
                  " AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR to_number = ?4)"
                  " AND (?5 IS NULL OR assistant_id = ?5) AND created_at >= ?6"
                  " AND created_at < ?7 AND (?9 IS NULL OR direction = ?9)"
                  " AND (?11 IS NULL OR instr(to_number, ?11) > 0"
                  " OR instr(COALESCE(from_number, ''), ?11) > 0) ORDER BY id DESC LIMIT ?8");
    db_bind_text(q, workspace_id);
    db_bind_text(q, f->before_id ? f->before_id : "~");
    db_bind_text(q, f->status);
    db_bind_text(q, f->to);
    db_bind_text(q, f->assistant_id);
    db_bind_i64(q, f->since_ms);
    db_bind_i64(q, f->until_ms ? f->until_ms : INT64_MAX);
    db_bind_i64(q, limit);
    db_bind_text(q, f->direction);
    db_bind_text(q, end->id);
    db_bind_text(q, f->like);
    for (*count = 0; db_next(q); ++*count)
        read_call(ctx, q, &out[*count]);
    return db_done(ctx, q);
}
