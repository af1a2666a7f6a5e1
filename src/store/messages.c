#include "store/messages.h"

#define COLUMNS                                                                   \
    "id, workspace_id, operation_id, channel, direction, provider, provider_id, " \
    "to_address, from_address, status, error, created_at, updated_at, next_at, sealed"

struct sealed_place message_row_place(const struct message_row *row) {
    return (struct sealed_place){ "messages", "sealed", row->workspace_id, row->id };
}

enum err message_row_insert(struct ctx *ctx, struct db_conn *tx, const struct message_row *row) {
    struct db_stmt *q = db_use(tx, "INSERT INTO messages (" COLUMNS ") VALUES"
                                   " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->operation_id);
    db_bind_text(q, row->channel);
    db_bind_text(q, row->direction);
    db_bind_text(q, row->provider);
    db_bind_text(q, row->provider_id);
    db_bind_text(q, row->to);
    db_bind_text(q, row->from);
    db_bind_text(q, row->status);
    db_bind_text(q, row->error);
    db_bind_i64(q, row->created_ms);
    db_bind_i64(q, row->updated_ms);
    db_bind_i64(q, row->next_ms);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    return db_run(ctx, q);
}

enum err message_row_first_after(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                 const char *provider, int64_t after_ms, int64_t *at_ms) {
    struct db_stmt *q =
        db_use(c, "SELECT created_at FROM messages WHERE workspace_id = ? AND provider = ?"
                  " AND channel = 'email' AND provider_id IS NOT NULL AND created_at > ?"
                  " AND status NOT IN ('scheduled', 'canceled') ORDER BY created_at LIMIT 1");
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider);
    db_bind_i64(q, after_ms);
    *at_ms = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}

enum err message_row_update(struct ctx *ctx, struct db_conn *tx, const struct message_row *row) {
    struct db_stmt *q =
        db_use(tx, "UPDATE messages SET provider_id = COALESCE(?, provider_id),"
                   " status = ?, error = ?, updated_at = ?, next_at = ? WHERE id = ?");
    db_bind_text(q, row->provider_id);
    db_bind_text(q, row->status);
    db_bind_text(q, row->error);
    db_bind_i64(q, row->updated_ms);
    db_bind_i64(q, row->next_ms);
    db_bind_text(q, row->id);
    return db_run(ctx, q);
}

enum err message_row_delete(struct ctx *ctx, struct db_conn *tx, const char *id) {
    struct db_stmt *q = db_use(tx, "DELETE FROM messages WHERE id = ?");
    db_bind_text(q, id);
    return db_run(ctx, q);
}

static void read_message(struct ctx *ctx, struct db_stmt *q, struct message_row *m) {
    m->id = db_text(q, ctx->arena);
    m->workspace_id = db_text(q, ctx->arena);
    m->operation_id = db_text(q, ctx->arena);
    m->channel = db_text(q, ctx->arena);
    m->direction = db_text(q, ctx->arena);
    m->provider = db_text(q, ctx->arena);
    m->provider_id = db_text(q, ctx->arena);
    m->to = db_text(q, ctx->arena);
    m->from = db_text(q, ctx->arena);
    m->status = db_text(q, ctx->arena);
    m->error = db_text(q, ctx->arena);
    m->created_ms = db_i64(q);
    m->updated_ms = db_i64(q);
    m->next_ms = db_i64(q);
    m->sealed = db_blob(q, ctx->arena);
}

static enum err read_one(struct ctx *ctx, struct db_stmt *q, struct message_row *found) {
    *found = (struct message_row){ .id = NULL };
    if (db_next(q))
        read_message(ctx, q, found);
    return db_done(ctx, q);
}

enum err message_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                          const char *id, struct message_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM messages WHERE workspace_id = ?"
                                  " AND id = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, id);
    return read_one(ctx, q, found);
}

enum err message_row_find_by_provider(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                      const char *provider, const char *provider_id,
                                      struct message_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM messages WHERE workspace_id = ?"
                                  " AND provider = ? AND provider_id = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider);
    db_bind_text(q, provider_id);
    return read_one(ctx, q, found);
}

enum err message_row_is_taken(struct ctx *ctx, struct db_conn *c, const char *provider,
                              const char *provider_id, const char *except_id, bool *taken) {
    return rival_has_id(ctx, c,
                        "SELECT 1 FROM messages WHERE provider = ? AND provider_id = ? AND id <> ?",
                        provider, provider_id, except_id, taken);
}

enum err message_rows_unsettled(struct ctx *ctx, struct db_conn *c, const struct rival_like *like,
                                int64_t *count) {
    return rivals_count(
        ctx, c,
        "SELECT COUNT(*) FROM messages WHERE workspace_id = ? AND to_address = ?"
        " AND from_address = ? AND id <> ? AND provider_id IS NULL AND created_at >= ?"
        " AND created_at < ? AND status IN ('requested', 'unknown', 'unconfirmed')",
        like, count);
}

static enum err find_end(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                         const struct message_filter *f, struct page_end *end) {
    *end = (struct page_end){ "" };
    if (!f->channel && !f->direction && !f->status && !f->to && !f->from && !f->like &&
        !f->since_ms && !f->until_ms)
        return OK;
    struct db_stmt *q = db_use(c, "SELECT id FROM messages WHERE workspace_id = ? AND id < ?"
                                  " ORDER BY id DESC LIMIT 1 OFFSET ?");
    return page_end_find(ctx, q, workspace_id, f->before_id, end);
}

enum err message_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           const struct message_filter *f, int limit, struct message_row *out,
                           size_t *count, bool *more, struct page_end *end) {
    TRY(find_end(ctx, c, workspace_id, f, end));
    struct db_stmt *q = db_use(
        c, "SELECT " COLUMNS " FROM messages WHERE workspace_id = ?1 AND id < ?2 AND id >= ?11"
           " AND (?3 IS NULL OR channel = ?3) AND (?4 IS NULL OR direction = ?4)"
           " AND (?5 IS NULL OR status = ?5) AND (?6 IS NULL OR to_address = ?6)"
           " AND (?7 IS NULL OR from_address = ?7) AND created_at >= ?8"
           " AND created_at < ?9 AND (?12 IS NULL OR instr(lower(to_address), ?12) > 0"
           " OR instr(lower(from_address), ?12) > 0) ORDER BY id DESC LIMIT ?10");
    db_bind_text(q, workspace_id);
    db_bind_text(q, f->before_id ? f->before_id : "~");
    db_bind_text(q, f->channel);
    db_bind_text(q, f->direction);
    db_bind_text(q, f->status);
    db_bind_text(q, f->to);
    db_bind_text(q, f->from);
    db_bind_i64(q, f->since_ms);
    db_bind_i64(q, f->until_ms ? f->until_ms : INT64_MAX);
    db_bind_i64(q, (int64_t)limit + 1);
    db_bind_text(q, end->id);
    db_bind_text(q, f->like);
    size_t bytes = 0;
    *count = 0;
    *more = false;
    while (!*more && db_next(q)) {
        *more = *count == (size_t)limit || bytes > MESSAGE_PAGE_BYTES;
        if (*more)
            break;
        read_message(ctx, q, &out[*count]);
        bytes += out[(*count)++].sealed.len;
    }
    return db_done(ctx, q);
}
