#include "store/numbers.h"

#include "store/book.h"

#define COLUMNS                                                                          \
    "id, workspace_id, account, provider_id, phone_number, friendly_name, capabilities," \
    " vapi_id, imported_at, released_at, created_at, updated_at, sealed"

struct sealed_place number_row_place(const struct number_row *row) {
    return (struct sealed_place){ "numbers", "sealed", row->workspace_id, row->id,
                                  row->updated_ms };
}

enum err number_row_put(struct ctx *ctx, struct db_conn *tx, const struct number_row *row) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO numbers (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                   " ?) ON CONFLICT (id) DO UPDATE SET phone_number = excluded.phone_number,"
                   " friendly_name = excluded.friendly_name, capabilities = excluded.capabilities,"
                   " vapi_id = excluded.vapi_id, imported_at = excluded.imported_at,"
                   " released_at = excluded.released_at, updated_at = excluded.updated_at,"
                   " sealed = excluded.sealed");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->account);
    db_bind_text(q, row->provider_id);
    db_bind_text(q, row->phone_number);
    db_bind_text(q, row->friendly_name);
    db_bind_i64(q, row->capabilities);
    db_bind_text(q, row->vapi_id);
    db_bind_i64(q, row->imported_ms);
    db_bind_i64(q, row->released_ms);
    db_bind_i64(q, row->created_ms);
    db_bind_i64(q, row->updated_ms);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    TRY(db_run(ctx, q));
    return book_note(ctx, tx, row->workspace_id);
}

enum err number_row_delete(struct ctx *ctx, struct db_conn *tx, const struct number_row *row) {
    struct db_stmt *q = db_use(tx, "DELETE FROM numbers WHERE id = ?");
    db_bind_text(q, row->id);
    TRY(db_run(ctx, q));
    return book_note(ctx, tx, row->workspace_id);
}

static void read_number(struct ctx *ctx, struct db_stmt *q, struct number_row *n) {
    n->id = db_text(q, ctx->arena);
    n->workspace_id = db_text(q, ctx->arena);
    n->account = db_text(q, ctx->arena);
    n->provider_id = db_text(q, ctx->arena);
    n->phone_number = db_text(q, ctx->arena);
    n->friendly_name = db_text(q, ctx->arena);
    n->capabilities = db_i64(q);
    n->vapi_id = db_text(q, ctx->arena);
    n->imported_ms = db_i64(q);
    n->released_ms = db_i64(q);
    n->created_ms = db_i64(q);
    n->updated_ms = db_i64(q);
    n->sealed = db_blob(q, ctx->arena);
}

static enum err find(struct ctx *ctx, struct db_stmt *q, const char *workspace_id, const char *key,
                     struct number_row *n) {
    db_bind_text(q, workspace_id);
    db_bind_text(q, key);
    *n = (struct number_row){ .id = NULL };
    if (db_next(q))
        read_number(ctx, q, n);
    return db_done(ctx, q);
}

enum err number_rows_like(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                          const char *like, int limit, struct number_row *out, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM numbers WHERE workspace_id = ?1"
                                  " AND imported_at > 0 AND released_at = 0"
                                  " AND (instr(phone_number, ?2) > 0"
                                  " OR instr(lower(COALESCE(friendly_name, '')), ?2) > 0)"
                                  " ORDER BY created_at, id LIMIT ?3");
    db_bind_text(q, workspace_id);
    db_bind_text(q, like);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_number(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err number_row_any(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                        const char **phone_number) {
    struct db_stmt *q = db_use(c, "SELECT phone_number FROM numbers WHERE workspace_id = ?"
                                  " AND released_at = 0 ORDER BY created_at, id LIMIT 1");
    db_bind_text(q, workspace_id);
    *phone_number = db_next(q) ? db_text(q, ctx->arena) : NULL;
    return db_done(ctx, q);
}

enum err number_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                         const char *id, struct number_row *found) {
    return find(ctx, db_use(c, "SELECT " COLUMNS " FROM numbers WHERE workspace_id = ? AND id = ?"),
                workspace_id, id, found);
}

enum err number_row_find_by_provider(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                     const char *provider_id, struct number_row *found) {
    return find(
        ctx,
        db_use(c, "SELECT " COLUMNS " FROM numbers WHERE workspace_id = ? AND provider_id = ?"),
        workspace_id, provider_id, found);
}

enum err number_row_find_at_vapi(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                 const char *vapi_id, struct number_row *found) {
    return find(ctx,
                db_use(c, "SELECT " COLUMNS " FROM numbers WHERE workspace_id = ? AND vapi_id = ?"
                          " AND released_at = 0"),
                workspace_id, vapi_id, found);
}

/* --- steps ----------------------------------------------------------------------------------- */

enum err number_step_row_insert(struct ctx *ctx, struct db_conn *tx,
                                const struct number_step_row *row) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO number_steps (operation_id, seq, workspace_id, provider_id,"
                   " phone_number, step, state, detail, updated_at)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(q, row->operation_id);
    db_bind_i64(q, row->seq);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->provider_id);
    db_bind_text(q, row->phone_number);
    db_bind_text(q, row->step);
    db_bind_text(q, row->state);
    db_bind_text(q, row->detail);
    db_bind_i64(q, row->updated_ms);
    return db_run(ctx, q);
}

enum err number_step_row_update(struct ctx *ctx, struct db_conn *tx,
                                const struct number_step_row *row) {
    struct db_stmt *q = db_use(tx, "UPDATE number_steps SET state = ?, detail = ?, updated_at = ?"
                                   " WHERE operation_id = ? AND seq = ?");
    db_bind_text(q, row->state);
    db_bind_text(q, row->detail);
    db_bind_i64(q, row->updated_ms);
    db_bind_text(q, row->operation_id);
    db_bind_i64(q, row->seq);
    return db_run(ctx, q);
}

enum err number_step_rows_list(struct ctx *ctx, struct db_conn *c, const char *operation_id,
                               int limit, struct number_step_row *out, size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT operation_id, workspace_id, provider_id, phone_number, step, state,"
                  " detail, seq, updated_at FROM number_steps WHERE operation_id = ?"
                  " ORDER BY seq LIMIT ?");
    db_bind_text(q, operation_id);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count) {
        struct number_step_row *s = &out[*count];
        s->operation_id = db_text(q, ctx->arena);
        s->workspace_id = db_text(q, ctx->arena);
        s->provider_id = db_text(q, ctx->arena);
        s->phone_number = db_text(q, ctx->arena);
        s->step = db_text(q, ctx->arena);
        s->state = db_text(q, ctx->arena);
        s->detail = db_text(q, ctx->arena);
        s->seq = db_i64(q);
        s->updated_ms = db_i64(q);
    }
    return db_done(ctx, q);
}

enum err number_row_is_busy(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            const char *provider_id, bool *busy) {
    struct db_stmt *q = db_use(c, "SELECT 1 FROM number_steps s JOIN operations o"
                                  " ON o.id = s.operation_id WHERE s.workspace_id = ?"
                                  " AND s.provider_id = ?"
                                  " AND s.state IN ('waiting', 'started', 'undoing')"
                                  " AND o.state IN ('prepared', 'sent', 'unknown') LIMIT 1");
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider_id);
    *busy = db_next(q);
    return db_done(ctx, q);
}
