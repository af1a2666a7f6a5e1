#include "store/assistants.h"

#define COLUMNS "id, workspace_id, provider_id, name, version, created_at, updated_at, deleted_at"

static void read_assistant(struct ctx *ctx, struct db_stmt *q, struct assistant_row *a) {
    a->id = db_text(q, ctx->arena);
    a->workspace_id = db_text(q, ctx->arena);
    a->provider_id = db_text(q, ctx->arena);
    a->name = db_text(q, ctx->arena);
    a->version = db_i64(q);
    a->created_ms = db_i64(q);
    a->updated_ms = db_i64(q);
    a->deleted_ms = db_i64(q);
}

static enum err find(struct ctx *ctx, struct db_stmt *q, const char *workspace_id, const char *key,
                     struct assistant_row *found) {
    db_bind_text(q, workspace_id);
    db_bind_text(q, key);
    *found = (struct assistant_row){ .id = NULL };
    if (db_next(q))
        read_assistant(ctx, q, found);
    return db_done(ctx, q);
}

enum err assistant_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            const char *id, struct assistant_row *found) {
    return find(ctx,
                db_use(c, "SELECT " COLUMNS " FROM assistants WHERE workspace_id = ? AND id = ?"),
                workspace_id, id, found);
}

enum err assistant_row_find_by_provider(struct ctx *ctx, struct db_conn *c,
                                        const char *workspace_id, const char *provider_id,
                                        struct assistant_row *found) {
    return find(
        ctx,
        db_use(c, "SELECT " COLUMNS " FROM assistants WHERE workspace_id = ? AND provider_id = ?"),
        workspace_id, provider_id, found);
}

enum err assistant_row_insert(struct ctx *ctx, struct db_conn *tx,
                              const struct assistant_row *row) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO assistants (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->provider_id);
    db_bind_text(q, row->name);
    db_bind_i64(q, row->version);
    db_bind_i64(q, row->created_ms);
    db_bind_i64(q, row->updated_ms);
    db_bind_i64(q, row->deleted_ms);
    return db_run(ctx, q);
}

enum err assistant_row_update(struct ctx *ctx, struct db_conn *tx,
                              const struct assistant_row *row) {
    struct db_stmt *q = db_use(tx, "UPDATE assistants SET name = ?, version = ?, updated_at = ?,"
                                   " deleted_at = ? WHERE id = ?");
    db_bind_text(q, row->name);
    db_bind_i64(q, row->version);
    db_bind_i64(q, row->updated_ms);
    db_bind_i64(q, row->deleted_ms);
    db_bind_text(q, row->id);
    return db_run(ctx, q);
}

/* --- versions -------------------------------------------------------------------------------- */

static enum err drop_old(struct ctx *ctx, struct db_conn *tx, const char *assistant_id,
                         int64_t up_to) {
    struct db_stmt *q =
        db_use(tx, "DELETE FROM assistant_versions WHERE assistant_id = ? AND version <= ?");
    db_bind_text(q, assistant_id);
    db_bind_i64(q, up_to);
    return db_run(ctx, q);
}

struct sealed_place assistant_version_row_place(const struct assistant_version_row *row) {
    return (struct sealed_place){ "assistant_versions", "sealed", row->workspace_id, row->id };
}

enum err assistant_version_row_insert(struct ctx *ctx, struct db_conn *tx,
                                      const struct assistant_version_row *row, int64_t keep) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO assistant_versions (id, workspace_id, assistant_id, version, what,"
                   " author, restored_version, created_at, sealed)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->assistant_id);
    db_bind_i64(q, row->version);
    db_bind_text(q, row->what);
    db_bind_text(q, row->author);
    if (row->restored_version)
        db_bind_i64(q, row->restored_version);
    else
        db_bind_null(q);
    db_bind_i64(q, row->created_ms);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    TRY(db_run(ctx, q));
    return row->version > keep ? drop_old(ctx, tx, row->assistant_id, row->version - keep) : OK;
}

#define VERSION_COLUMNS                                                                  \
    "v.id, v.workspace_id, v.assistant_id, v.what, v.author, COALESCE(u.name, u.email)," \
    " v.version, v.restored_version, v.created_at"
#define VERSIONS " FROM assistant_versions v LEFT JOIN users u ON u.id = v.author"

static void read_version(struct ctx *ctx, struct db_stmt *q, struct assistant_version_row *v) {
    *v = (struct assistant_version_row){ .id = db_text(q, ctx->arena) };
    v->workspace_id = db_text(q, ctx->arena);
    v->assistant_id = db_text(q, ctx->arena);
    v->what = db_text(q, ctx->arena);
    v->author = db_text(q, ctx->arena);
    v->author_name = db_text(q, ctx->arena);
    v->version = db_i64(q);
    v->restored_version = db_i64(q);
    v->created_ms = db_i64(q);
}

enum err assistant_version_row_find(struct ctx *ctx, struct db_conn *c, const char *assistant_id,
                                    int64_t version, struct assistant_version_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " VERSION_COLUMNS ", v.sealed" VERSIONS
                                  " WHERE v.assistant_id = ? AND v.version = ?");
    db_bind_text(q, assistant_id);
    db_bind_i64(q, version);
    *found = (struct assistant_version_row){ .id = NULL };
    if (db_next(q)) {
        read_version(ctx, q, found);
        found->sealed = db_blob(q, ctx->arena);
    }
    return db_done(ctx, q);
}

enum err assistant_version_row_at(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                  const char *provider_id, int64_t at_ms, int64_t *version) {
    struct db_stmt *q =
        db_use(c, "SELECT MAX(v.version) FROM assistants a JOIN assistant_versions v"
                  " ON v.assistant_id = a.id WHERE a.workspace_id = ?"
                  " AND a.provider_id = ? AND v.created_at <= ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider_id);
    db_bind_i64(q, at_ms);
    *version = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}

enum err assistant_version_rows_list(struct ctx *ctx, struct db_conn *c, const char *assistant_id,
                                     int64_t before, int limit, struct assistant_version_row *out,
                                     size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT " VERSION_COLUMNS VERSIONS " WHERE v.assistant_id = ? AND v.version < ?"
                  " ORDER BY v.version DESC LIMIT ?");
    db_bind_text(q, assistant_id);
    db_bind_i64(q, before ? before : INT64_MAX);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_version(ctx, q, &out[*count]);
    return db_done(ctx, q);
}
