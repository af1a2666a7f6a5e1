#include "store/events.h"

#define COLUMNS                                                                      \
    "id, workspace_id, provider, type, resource, status, correlation_id, attempts, " \
    "replays, received_at, next_at, settled_at, cause, detail, told, trace"

/* A longer body stands in a row of its own: a change of state need not write it again. */
enum { INLINE_BYTES_MAX = 2000 };

#define SWEEP_PIECE "32"
#define BODY_OF(event) \
    ", COALESCE(" event ".sealed, (SELECT sealed FROM event_bodies WHERE id = " event ".id))"
#define BODY BODY_OF("events")

/* ?1 workspace, ?2..?5 provider, type, status, resource, ?6..?7 since and until */
#define FILTER                                                                           \
    " workspace_id = ?1 AND (?2 IS NULL OR provider = ?2) AND (?3 IS NULL OR type = ?3)" \
    " AND (?4 IS NULL OR status = ?4) AND received_at >= ?6 AND received_at < ?7"

struct sealed_place event_row_place(const struct event_row *row) {
    return (struct sealed_place){ "events", "sealed", row->workspace_id, row->id };
}

#define INSERTED                                                                      \
    "INSERT INTO events (id, workspace_id, provider, type, resource, dedupe, status," \
    " correlation_id, received_at, trace, sealed)"
#define ONCE " ON CONFLICT (workspace_id, provider, dedupe) DO NOTHING"

static bool is_inline(const struct event_row *row) {
    return row->sealed.len <= INLINE_BYTES_MAX;
}

static void bind_inserted(struct db_stmt *q, const struct event_row *row) {
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->provider);
    db_bind_text(q, row->type);
    db_bind_text(q, row->resource);
    db_bind_blob(q, row->dedupe.ptr, row->dedupe.len);
    db_bind_text(q, row->status);
    db_bind_text(q, row->correlation_id);
    db_bind_i64(q, row->received_ms);
    db_bind_text(q, row->trace);
    if (is_inline(row))
        db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    else
        db_bind_null_blob(q);
}

/* None where the event is not there under this id: it was there before, under another. */
static enum err insert_body(struct ctx *ctx, struct db_conn *tx, const struct event_row *row) {
    struct db_stmt *q = db_use(tx, "INSERT INTO event_bodies (id, workspace_id, sealed)"
                                   " SELECT ?1, ?2, ?3 WHERE EXISTS"
                                   " (SELECT 1 FROM events WHERE id = ?1)");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    return db_run(ctx, q);
}

enum err event_row_insert(struct ctx *ctx, struct db_conn *tx, const struct event_row *row,
                          bool *is_new) {
    struct db_stmt *q = db_use(tx, INSERTED " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" ONCE);
    bind_inserted(q, row);
    TRY(db_run(ctx, q));
    *is_new = db_changes(tx) > 0;
    return *is_new && !is_inline(row) ? insert_body(ctx, tx, row) : OK;
}

enum err event_row_append(struct ctx *ctx, struct db_conn *tx, const struct event_row *row,
                          struct str kcv) {
    struct db_stmt *q =
        db_use(tx, INSERTED " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 WHERE ?12 ="
                            " (SELECT kcv FROM workspace_keys WHERE workspace_id = ?2"
                            " ORDER BY dek_id DESC LIMIT 1)" ONCE);
    bind_inserted(q, row);
    db_bind_blob(q, kcv.ptr, kcv.len);
    TRY(db_run(ctx, q));
    return is_inline(row) ? OK : insert_body(ctx, tx, row);
}

static void read_event(struct ctx *ctx, struct db_stmt *q, struct event_row *e) {
    e->id = db_text(q, ctx->arena);
    e->workspace_id = db_text(q, ctx->arena);
    e->provider = db_text(q, ctx->arena);
    e->type = db_text(q, ctx->arena);
    e->resource = db_text(q, ctx->arena);
    e->status = db_text(q, ctx->arena);
    e->correlation_id = db_text(q, ctx->arena);
    e->attempts = db_i64(q);
    e->replays = db_i64(q);
    e->received_ms = db_i64(q);
    e->next_ms = db_i64(q);
    e->settled_ms = db_i64(q);
    e->cause = db_text(q, ctx->arena);
    e->detail = db_text(q, ctx->arena);
    e->told = db_text(q, ctx->arena);
    e->trace = db_text(q, ctx->arena);
}

enum err event_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                        const char *id, struct event_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS BODY " FROM events"
                                  " WHERE workspace_id = ? AND id = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, id);
    *found = (struct event_row){ 0 };
    if (db_next(q)) {
        read_event(ctx, q, found);
        found->sealed = db_blob(q, ctx->arena);
    }
    return db_done(ctx, q);
}

enum err event_rows_spooled(struct ctx *ctx, struct db_conn *c, struct event_row *out,
                            size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT " COLUMNS BODY ", dedupe FROM events WHERE id IN (" LIGHT_EVENTS(
                      "status = 'received' ORDER BY id", "512") ") ORDER BY id");
    for (*count = 0; *count < EVENTS_SPOOLED_MAX && db_next(q); ++*count) {
        struct event_row *row = &out[*count];
        *row = (struct event_row){ 0 };
        read_event(ctx, q, row);
        row->sealed = db_blob(q, ctx->arena);
        row->dedupe = db_blob(q, ctx->arena);
    }
    return db_done(ctx, q);
}

enum err event_rows_count_spooled(struct ctx *ctx, struct db_conn *c, int64_t *out) {
    struct db_stmt *q = db_use(c, "SELECT COUNT(*) FROM events");
    *out = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}

enum err event_row_bring(struct ctx *ctx, struct db_conn *tx, const struct event_row *row,
                         int64_t dek_id) {
    struct db_stmt *q =
        db_use(tx, INSERTED
               " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 WHERE EXISTS"
               " (SELECT 1 FROM workspaces WHERE id = ?2 AND removed_at = 0) AND EXISTS"
               " (SELECT 1 FROM workspace_keys WHERE workspace_id = ?2 AND dek_id = ?12)" ONCE);
    bind_inserted(q, row);
    db_bind_i64(q, dek_id);
    TRY(db_run(ctx, q));
    return is_inline(row) ? OK : insert_body(ctx, tx, row);
}

enum err event_ids_between(struct ctx *ctx, struct db_conn *c, const char *from, const char *to,
                           int limit, const char **out, size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT id FROM events WHERE id >= ? AND id <= ? ORDER BY id LIMIT ?");
    db_bind_text(q, from);
    db_bind_text(q, to);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        out[*count] = db_text(q, ctx->arena);
    return db_done(ctx, q);
}

enum err event_row_has(struct ctx *ctx, struct db_conn *c, const struct event_row *row, bool *has) {
    struct db_stmt *q = db_use(c, "SELECT 1 FROM events WHERE workspace_id = ? AND provider = ?"
                                  " AND dedupe = ?");
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->provider);
    db_bind_blob(q, row->dedupe.ptr, row->dedupe.len);
    *has = db_next(q);
    return db_done(ctx, q);
}

enum err event_row_drop(struct ctx *ctx, struct db_conn *tx, const char *id) {
    struct db_stmt *q = db_use(tx, "DELETE FROM events WHERE id = ?");
    db_bind_text(q, id);
    return db_run(ctx, q);
}

enum err event_row_put_aside(struct ctx *ctx, struct db_conn *tx, const char *id) {
    struct db_stmt *q = db_use(tx, "UPDATE events SET status = 'dead' WHERE id = ?");
    db_bind_text(q, id);
    return db_run(ctx, q);
}

static void bind_filter(struct db_stmt *q, const char *workspace_id, const struct event_filter *f) {
    db_bind_text(q, workspace_id);
    db_bind_text(q, f->provider);
    db_bind_text(q, f->type);
    db_bind_text(q, f->status);
    db_bind_text(q, f->resource);
    db_bind_i64(q, f->since_ms);
    db_bind_i64(q, f->until_ms ? f->until_ms : INT64_MAX);
}

static bool has_filter(const struct event_filter *f) {
    return f->provider || f->type || f->status || f->since_ms || f->until_ms;
}

/* Two statements each, so that a search for one call uses its own index. */
static enum err find_end(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                         const struct event_filter *f, struct page_end *end) {
    *end = (struct page_end){ "" };
    if (!has_filter(f))
        return OK;
    struct db_stmt *q =
        f->resource ? db_use(c, "SELECT id FROM events WHERE workspace_id = ?1 AND resource = ?2"
                                " AND id < ?3 ORDER BY id DESC LIMIT 1 OFFSET ?4")
                    : db_use(c, "SELECT id FROM events WHERE workspace_id = ?1 AND ?2 IS NULL"
                                " AND id < ?3 ORDER BY id DESC LIMIT 1 OFFSET ?4");
    db_bind_text(q, workspace_id);
    db_bind_text(q, f->resource);
    db_bind_text(q, f->before_id ? f->before_id : "~");
    db_bind_i64(q, PAGE_LOOK_MAX - 1);
    if (db_next(q))
        db_copy(q, end->id, sizeof end->id);
    return db_done(ctx, q);
}

enum err event_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                         const struct event_filter *f, int limit, struct event_row *out,
                         size_t *count, struct page_end *end) {
    TRY(find_end(ctx, c, workspace_id, f, end));
    struct db_stmt *q =
        f->resource ? db_use(c, "SELECT " COLUMNS " FROM events WHERE" FILTER " AND resource = ?5"
                                " AND id < ?8 AND id >= ?10 ORDER BY id DESC LIMIT ?9")
                    : db_use(c, "SELECT " COLUMNS " FROM events WHERE" FILTER " AND ?5 IS NULL"
                                " AND id < ?8 AND id >= ?10 ORDER BY id DESC LIMIT ?9");
    bind_filter(q, workspace_id, f);
    db_bind_text(q, f->before_id ? f->before_id : "~");
    db_bind_i64(q, limit);
    db_bind_text(q, end->id);
    for (*count = 0; db_next(q); ++*count)
        read_event(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

/* --- of all workspaces ------------------------------------------------------------------------ */

#define OF_TAIL " (?2 IS NULL OR provider = ?2) AND (?3 = 0 OR status IN ('dead', 'retrying'))"

enum err event_rows_after(struct ctx *ctx, struct db_conn *c, const char *after_id,
                          const struct event_tail *what, int limit, struct event_row *out,
                          size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT " COLUMNS " FROM events WHERE id > ?1 AND" OF_TAIL
                                  " ORDER BY id LIMIT ?4");
    db_bind_text(q, after_id);
    db_bind_text(q, what->provider);
    db_bind_i64(q, what->is_failed);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_event(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err event_rows_before(struct ctx *ctx, struct db_conn *c, const struct event_tail *what,
                           int64_t left, char *id, size_t room) {
    struct db_stmt *q = db_use(c, "SELECT id FROM events WHERE id > ?1 AND" OF_TAIL
                                  " ORDER BY id DESC LIMIT 1 OFFSET ?4");
    db_bind_text(q, "");
    db_bind_text(q, what->provider);
    db_bind_i64(q, what->is_failed);
    db_bind_i64(q, left);
    id[0] = 0;
    if (db_next(q))
        db_copy(q, id, room);
    return db_done(ctx, q);
}

enum err event_row_whose(struct ctx *ctx, struct db_conn *c, const char *id,
                         const char **workspace_id) {
    struct db_stmt *q = db_use(c, "SELECT workspace_id FROM events WHERE id = ?");
    db_bind_text(q, id);
    *workspace_id = db_next(q) ? db_text(q, ctx->arena) : NULL;
    return db_done(ctx, q);
}

/* --- working on them ------------------------------------------------------------------------- */

/* Received, and none of the same resource before it is being tried again. */
#define NOT_HELD                                                                            \
    " workspace_id = ?1 AND status = 'received' AND (resource = '' OR NOT EXISTS (SELECT 1" \
    " FROM events AS b INDEXED BY events_of_resource WHERE b.workspace_id = ?1"             \
    " AND b.resource = e.resource AND b.id < e.id AND b.provider = e.provider"              \
    " AND b.status = 'retrying'))"

enum err event_rows_due(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                        int64_t now_ms, int limit, struct event_row *out, size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT * FROM (SELECT " COLUMNS ", sealed FROM events WHERE workspace_id = ?1"
                  " AND status = 'retrying' AND next_at <= ?2 ORDER BY next_at LIMIT ?3) AS found"
                  " UNION ALL SELECT * FROM (SELECT " COLUMNS ", sealed"
                  " FROM events AS e WHERE" NOT_HELD
                  " ORDER BY id LIMIT ?3) AS found ORDER BY 1 LIMIT ?3");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, now_ms);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count) {
        read_event(ctx, q, &out[*count]);
        out[*count].sealed = db_blob(q, ctx->arena);
    }
    return db_done(ctx, q);
}

enum err event_row_body(struct ctx *ctx, struct db_conn *c, struct event_row *row) {
    if (row->sealed.ptr)
        return OK;
    struct db_stmt *q = db_use(c, "SELECT sealed FROM event_bodies WHERE id = ?");
    db_bind_text(q, row->id);
    if (db_next(q))
        row->sealed = db_blob(q, ctx->arena);
    return db_done(ctx, q);
}

enum err event_rows_next_due(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                             int64_t *at_ms) {
    struct db_stmt *q = db_use(c, "SELECT 0 FROM events AS e WHERE" NOT_HELD " LIMIT 1");
    db_bind_text(q, workspace_id);
    *at_ms = db_next(q) ? 0 : INT64_MAX;
    TRY(db_done(ctx, q));
    if (*at_ms == 0)
        return OK;
    q = db_use(c, "SELECT next_at FROM events WHERE workspace_id = ? AND status = 'retrying'"
                  " ORDER BY next_at LIMIT 1");
    db_bind_text(q, workspace_id);
    *at_ms = db_next(q) ? db_i64(q) : INT64_MAX;
    return db_done(ctx, q);
}

enum err event_row_settle(struct ctx *ctx, struct db_conn *tx, const struct event_row *row) {
    struct db_stmt *q = db_use(tx, "UPDATE events SET status = ?, attempts = ?, next_at = ?,"
                                   " settled_at = ?, cause = ?, detail = ?, told = ? WHERE id = ?");
    db_bind_text(q, row->status);
    db_bind_i64(q, row->attempts);
    db_bind_i64(q, row->next_ms);
    db_bind_i64(q, row->settled_ms);
    db_bind_text(q, row->cause);
    db_bind_text(q, row->detail);
    db_bind_text(q, row->told);
    db_bind_text(q, row->id);
    return db_run(ctx, q);
}

/* --- again ----------------------------------------------------------------------------------- */

#define RESET                                                                           \
    "UPDATE events SET status = 'received', attempts = 0, next_at = 0, settled_at = 0," \
    " cause = NULL, detail = NULL, replays = replays + 1 WHERE "

enum err event_row_reset(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                         const char *id, int64_t *count) {
    struct db_stmt *q = db_use(tx, RESET "workspace_id = ? AND id = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, id);
    TRY(db_run(ctx, q));
    *count = db_changes(tx);
    return OK;
}

/* ?8: behind that id */
#define SETTLED                                                                \
    FILTER " AND (?5 IS NULL OR resource = ?5) AND status IN ('done', 'dead')" \
           " AND id > ?8"

enum err event_rows_reset(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                          const struct event_filter *f, char after[ID_BYTES], int limit,
                          int64_t *count) {
    const char *last = NULL;
    struct db_stmt *q = db_use(tx, "SELECT MAX(id) FROM (SELECT id FROM events WHERE" SETTLED
                                   " ORDER BY id LIMIT ?9) AS found");
    bind_filter(q, workspace_id, f);
    db_bind_text(q, after);
    db_bind_i64(q, limit);
    if (db_next(q))
        last = db_text(q, ctx->arena);
    TRY(db_done(ctx, q));
    *count = 0;
    if (!last)
        return OK;
    q = db_use(tx, RESET SETTLED " AND id <= ?9");
    bind_filter(q, workspace_id, f);
    db_bind_text(q, after);
    db_bind_text(q, last);
    TRY(db_run(ctx, q));
    *count = db_changes(tx);
    str_copy(after, ID_BYTES, str_of(last));
    return OK;
}

/* --- the end --------------------------------------------------------------------------------- */

enum err event_rows_sweep(struct ctx *ctx, struct db_conn *tx, const char *before_id) {
    struct db_stmt *q = db_use(tx, "DELETE FROM events WHERE id IN (" LIGHT_EVENTS(
                                       "id < ? AND status IN ('done', 'dead')", SWEEP_PIECE) ")");
    db_bind_text(q, before_id);
    return db_run(ctx, q);
}

/* One step into the index for each workspace that has any. */
enum err event_rows_oldest(struct ctx *ctx, struct db_conn *c, int64_t *received_ms) {
    struct db_stmt *q = db_use(
        c,
        "WITH RECURSIVE w (id) AS (SELECT MIN(workspace_id) FROM events WHERE status = 'received'"
        " UNION ALL SELECT (SELECT MIN(workspace_id) FROM events WHERE status = 'received'"
        " AND workspace_id > w.id) FROM w WHERE w.id IS NOT NULL)"
        " SELECT MIN(at) FROM (SELECT received_at AS at FROM w JOIN events e ON e.id ="
        " (SELECT MIN(id) FROM events WHERE status = 'received' AND workspace_id = w.id)"
        " UNION ALL SELECT * FROM (SELECT received_at FROM events WHERE status = 'retrying'"
        " LIMIT 1000) AS found) AS found");
    *received_ms = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}

enum err event_rows_count_dead(struct ctx *ctx, struct db_conn *c, const char *provider,
                               int64_t *out) {
    struct db_stmt *q = db_use(c, "SELECT COUNT(*) FROM events WHERE status = 'dead'"
                                  " AND provider = ?");
    db_bind_text(q, provider);
    *out = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}
