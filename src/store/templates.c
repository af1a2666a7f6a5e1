#include "store/templates.h"

#define COLUMNS "id, workspace_id, name, version, created_at, updated_at"

static void read_template(struct ctx *ctx, struct db_stmt *q, struct template_row *t) {
    t->id = db_text(q, ctx->arena);
    t->workspace_id = db_text(q, ctx->arena);
    t->name = db_text(q, ctx->arena);
    t->version = db_i64(q);
    t->created_ms = db_i64(q);
    t->updated_ms = db_i64(q);
}

enum err template_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           const char *id_or_name, struct template_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM templates WHERE workspace_id = ?1"
                                  " AND removed_at = 0 AND (name = ?2 OR id = ?2)");
    db_bind_text(q, workspace_id);
    db_bind_text(q, id_or_name);
    *found = (struct template_row){ .id = NULL };
    if (db_next(q))
        read_template(ctx, q, found);
    return db_done(ctx, q);
}

enum err template_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            struct template_row *out, size_t room, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM templates WHERE workspace_id = ?"
                                  " AND removed_at = 0 ORDER BY name LIMIT ?");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, (int64_t)room);
    for (*count = 0; db_next(q); ++*count)
        read_template(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err template_row_insert(struct ctx *ctx, struct db_conn *tx, const struct template_row *row) {
    struct db_stmt *q = db_use(tx, "INSERT INTO templates (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?)");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->name);
    db_bind_i64(q, row->version);
    db_bind_i64(q, row->created_ms);
    db_bind_i64(q, row->updated_ms);
    return db_run(ctx, q);
}

enum err template_row_update(struct ctx *ctx, struct db_conn *tx, const struct template_row *row) {
    struct db_stmt *q = db_use(tx, "UPDATE templates SET version = ?, updated_at = ? WHERE id = ?");
    db_bind_i64(q, row->version);
    db_bind_i64(q, row->updated_ms);
    db_bind_text(q, row->id);
    return db_run(ctx, q);
}

enum err template_row_hide(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t now_ms) {
    struct db_stmt *q = db_use(tx, "UPDATE templates SET removed_at = ? WHERE id = ?");
    db_bind_i64(q, now_ms);
    db_bind_text(q, id);
    return db_run(ctx, q);
}

static enum err run_on(struct ctx *ctx, struct db_conn *tx, const char *sql,
                       const char *workspace_id) {
    struct db_stmt *q = db_use(tx, sql);
    db_bind_text(q, workspace_id);
    return db_run(ctx, q);
}

enum err template_rows_remove(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                              bool *more) {
    TRY(run_on(ctx, tx,
               "DELETE FROM template_versions WHERE id IN (SELECT v.id FROM templates t"
               " JOIN template_versions v ON v.template_id = t.id"
               " WHERE t.workspace_id = ? AND t.removed_at > 0 LIMIT 4)",
               workspace_id));
    *more = db_changes(tx) > 0;
    return *more
               ? OK
               : run_on(ctx, tx, "DELETE FROM templates WHERE workspace_id = ? AND removed_at > 0",
                        workspace_id);
}

/* --- versions -------------------------------------------------------------------------------- */

struct sealed_place template_version_row_place(const struct template_version_row *row) {
    return (struct sealed_place){ "template_versions", "sealed", row->workspace_id, row->id };
}

static enum err drop_old(struct ctx *ctx, struct db_conn *tx, const char *template_id,
                         int64_t up_to) {
    struct db_stmt *q =
        db_use(tx, "DELETE FROM template_versions WHERE template_id = ? AND version <= ?");
    db_bind_text(q, template_id);
    db_bind_i64(q, up_to);
    return db_run(ctx, q);
}

enum err template_version_row_insert(struct ctx *ctx, struct db_conn *tx,
                                     const struct template_version_row *row, int64_t keep) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO template_versions (id, workspace_id, template_id, version, what,"
                   " author, restored_version, created_at, sealed)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->template_id);
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
    return row->version > keep ? drop_old(ctx, tx, row->template_id, row->version - keep) : OK;
}

#define VERSION_COLUMNS                                                                 \
    "v.id, v.workspace_id, v.template_id, v.what, v.author, COALESCE(u.name, u.email)," \
    " v.version, v.restored_version, v.created_at"
#define VERSIONS " FROM template_versions v LEFT JOIN users u ON u.id = v.author"

static void read_version(struct ctx *ctx, struct db_stmt *q, struct template_version_row *v) {
    *v = (struct template_version_row){ .id = db_text(q, ctx->arena) };
    v->workspace_id = db_text(q, ctx->arena);
    v->template_id = db_text(q, ctx->arena);
    v->what = db_text(q, ctx->arena);
    v->author = db_text(q, ctx->arena);
    v->author_name = db_text(q, ctx->arena);
    v->version = db_i64(q);
    v->restored_version = db_i64(q);
    v->created_ms = db_i64(q);
}

enum err template_version_row_find(struct ctx *ctx, struct db_conn *c, const char *template_id,
                                   int64_t version, struct template_version_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " VERSION_COLUMNS ", v.sealed" VERSIONS
                                  " WHERE v.template_id = ? AND v.version = ?");
    db_bind_text(q, template_id);
    db_bind_i64(q, version);
    *found = (struct template_version_row){ .id = NULL };
    if (db_next(q)) {
        read_version(ctx, q, found);
        found->sealed = db_blob(q, ctx->arena);
    }
    return db_done(ctx, q);
}

enum err template_version_rows_list(struct ctx *ctx, struct db_conn *c, const char *template_id,
                                    int64_t before, int limit, struct template_version_row *out,
                                    size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT " VERSION_COLUMNS VERSIONS " WHERE v.template_id = ? AND v.version < ?"
                  " ORDER BY v.version DESC LIMIT ?");
    db_bind_text(q, template_id);
    db_bind_i64(q, before ? before : INT64_MAX);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_version(ctx, q, &out[*count]);
    return db_done(ctx, q);
}
