#include "store/tools.h"

#define USE_COLUMNS                                                                 \
    "id, workspace_id, tool, call_id, tool_call_id, status, operation_id, took_ms," \
    " created_at, sealed"

enum err tool_row_has(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                      const char *name, bool *has) {
    struct db_stmt *q = db_use(c, "SELECT 1 FROM tools WHERE workspace_id = ? AND name = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, name);
    *has = db_next(q);
    return db_done(ctx, q);
}

enum err tool_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                        const char *names[TOOLS_ON_MAX], size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT name FROM tools WHERE workspace_id = ? ORDER BY name LIMIT 32");
    db_bind_text(q, workspace_id);
    for (*count = 0; db_next(q); ++*count)
        names[*count] = db_text(q, ctx->arena);
    return db_done(ctx, q);
}

enum err tool_row_set(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                      const char *name, bool is_on, int64_t now_ms) {
    struct db_stmt *q;
    if (!is_on) {
        q = db_use(tx, "DELETE FROM tools WHERE workspace_id = ? AND name = ?");
        db_bind_text(q, workspace_id);
        db_bind_text(q, name);
        return db_run(ctx, q);
    }
    q = db_use(tx, "INSERT INTO tools (workspace_id, name, updated_at) VALUES (?, ?, ?)"
                   " ON CONFLICT (workspace_id, name) DO NOTHING");
    db_bind_text(q, workspace_id);
    db_bind_text(q, name);
    db_bind_i64(q, now_ms);
    return db_run(ctx, q);
}

enum err tool_settings_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            const char *group, const char **settings) {
    struct db_stmt *q =
        db_use(c, "SELECT settings FROM tool_settings WHERE workspace_id = ? AND tool_group = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, group);
    *settings = "{}";
    if (db_next(q))
        *settings = db_text(q, ctx->arena);
    return db_done(ctx, q);
}

enum err tool_settings_put(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                           const char *group, const char *settings, int64_t now_ms) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO tool_settings (workspace_id, tool_group, settings, updated_at)"
                   " VALUES (?, ?, ?, ?) ON CONFLICT (workspace_id, tool_group) DO UPDATE"
                   " SET settings = excluded.settings, updated_at = excluded.updated_at");
    db_bind_text(q, workspace_id);
    db_bind_text(q, group);
    db_bind_text(q, settings);
    db_bind_i64(q, now_ms);
    return db_run(ctx, q);
}

/* --- uses ------------------------------------------------------------------------------------- */

struct sealed_place tool_use_row_place(const struct tool_use_row *row) {
    return (struct sealed_place){ "tool_uses", "sealed", row->workspace_id, row->id, 0 };
}

enum err tool_use_row_insert(struct ctx *ctx, struct db_conn *tx, const struct tool_use_row *row) {
    struct db_stmt *q = db_use(tx, "INSERT INTO tool_uses (" USE_COLUMNS ")"
                                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->tool);
    db_bind_text(q, row->call_id);
    db_bind_text(q, row->tool_call_id);
    db_bind_text(q, row->status);
    db_bind_text(q, row->operation_id);
    db_bind_i64(q, row->took_ms);
    db_bind_i64(q, row->created_ms);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    return db_run(ctx, q);
}

static void read_use(struct ctx *ctx, struct db_stmt *q, struct tool_use_row *row) {
    row->id = db_text(q, ctx->arena);
    row->workspace_id = db_text(q, ctx->arena);
    row->tool = db_text(q, ctx->arena);
    row->call_id = db_text(q, ctx->arena);
    row->tool_call_id = db_text(q, ctx->arena);
    row->status = db_text(q, ctx->arena);
    row->operation_id = db_text(q, ctx->arena);
    row->took_ms = db_i64(q);
    row->created_ms = db_i64(q);
    row->sealed = db_blob(q, ctx->arena);
}

enum err tool_use_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            const char *tool, const char *call_id, int limit,
                            struct tool_use_row *out, size_t *count) {
    struct db_stmt *q =
        db_use(c, tool ? "SELECT " USE_COLUMNS " FROM tool_uses WHERE workspace_id = ?"
                         " AND tool = ? ORDER BY id DESC LIMIT ?"
                       : "SELECT " USE_COLUMNS " FROM tool_uses WHERE workspace_id = ?"
                         " AND call_id = ? ORDER BY id DESC LIMIT ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, tool ? tool : call_id);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_use(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err tool_use_rows_count(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                             const char *call_id, const char *tool, int64_t *count) {
    struct db_stmt *q = db_use(c, "SELECT count(*) FROM tool_uses WHERE workspace_id = ?"
                                  " AND call_id = ? AND tool = ? AND status <> 'refused'");
    db_bind_text(q, workspace_id);
    db_bind_text(q, call_id);
    db_bind_text(q, tool);
    *count = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}
