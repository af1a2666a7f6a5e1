#include "store/sealed.h"

#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "store/book.h"

#define DEK_COLUMNS "workspace_id, dek_id, kek_id, wrapped, kcv, left_at, binds"

static void read_dek(struct ctx *ctx, struct db_stmt *q, struct workspace_key *k) {
    k->workspace_id = db_text(q, ctx->arena);
    k->dek_id = db_i64(q);
    k->kek_id = db_text(q, ctx->arena);
    k->wrapped = db_blob(q, ctx->arena);
    k->kcv = db_blob(q, ctx->arena);
    k->left_ms = db_i64(q);
    k->binds = db_i64(q) != 0;
}

enum err workspace_key_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            int64_t dek_id, struct workspace_key *found) {
    struct db_stmt *q =
        dek_id ? db_use(c, "SELECT " DEK_COLUMNS " FROM workspace_keys WHERE workspace_id = ?"
                           " AND dek_id = ?")
               : db_use(c, "SELECT " DEK_COLUMNS " FROM workspace_keys WHERE workspace_id = ?"
                           " ORDER BY dek_id DESC LIMIT 1");
    db_bind_text(q, workspace_id);
    if (dek_id)
        db_bind_i64(q, dek_id);
    *found = (struct workspace_key){ 0 };
    if (db_next(q))
        read_dek(ctx, q, found);
    return db_done(ctx, q);
}

enum err workspace_key_insert(struct ctx *ctx, struct db_conn *tx, const struct workspace_key *k) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO workspace_keys (workspace_id, dek_id, kek_id, wrapped, kcv,"
                   " created_at, binds) VALUES (?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(q, k->workspace_id);
    db_bind_i64(q, k->dek_id);
    db_bind_text(q, k->kek_id);
    db_bind_blob(q, k->wrapped.ptr, k->wrapped.len);
    db_bind_blob(q, k->kcv.ptr, k->kcv.len);
    db_bind_i64(q, ava_wall_ms());
    db_bind_i64(q, k->binds);
    TRY(db_run(ctx, q));
    return book_note(ctx, tx, k->workspace_id);
}

enum err workspace_key_rewrap(struct ctx *ctx, struct db_conn *tx, const struct workspace_key *k) {
    struct db_stmt *q = db_use(tx, "UPDATE workspace_keys SET kek_id = ?, wrapped = ?"
                                   " WHERE workspace_id = ? AND dek_id = ?");
    db_bind_text(q, k->kek_id);
    db_bind_blob(q, k->wrapped.ptr, k->wrapped.len);
    db_bind_text(q, k->workspace_id);
    db_bind_i64(q, k->dek_id);
    TRY(db_run(ctx, q));
    return book_note(ctx, tx, k->workspace_id);
}

enum err workspace_key_leave(struct ctx *ctx, struct db_conn *tx, const struct workspace_key *k,
                             int64_t now_ms) {
    struct db_stmt *q = db_use(tx, "UPDATE workspace_keys SET left_at = ?"
                                   " WHERE workspace_id = ? AND dek_id = ?");
    db_bind_i64(q, now_ms);
    db_bind_text(q, k->workspace_id);
    db_bind_i64(q, k->dek_id);
    return db_run(ctx, q);
}

enum err workspace_key_delete(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                              int64_t dek_id) {
    struct db_stmt *q =
        db_use(tx, "DELETE FROM workspace_keys WHERE workspace_id = ? AND dek_id = ?");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, dek_id);
    TRY(db_run(ctx, q));
    return book_note(ctx, tx, workspace_id);
}

enum err workspace_keys_not_under(struct ctx *ctx, struct db_conn *c, const char *kek_id, int limit,
                                  struct workspace_key *out, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT " DEK_COLUMNS " FROM workspace_keys WHERE kek_id <> ?"
                                  " ORDER BY workspace_id, dek_id LIMIT ?");
    db_bind_text(q, kek_id);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_dek(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err workspace_keks_in_use(struct ctx *ctx, struct db_conn *c, struct workspace_keks *out,
                               size_t room, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT kek_id, COUNT(DISTINCT workspace_id) FROM workspace_keys"
                                  " GROUP BY kek_id LIMIT ?");
    db_bind_i64(q, (int64_t)room);
    for (*count = 0; *count < room && db_next(q); ++*count) {
        out[*count].kek_id = db_text(q, ctx->arena);
        out[*count].workspaces = db_i64(q);
    }
    return db_done(ctx, q);
}

enum err workspace_key_next(struct ctx *ctx, struct db_conn *c, const char *after,
                            const char **out) {
    struct db_stmt *q = db_use(c, "SELECT MIN(workspace_id) FROM workspace_keys"
                                  " WHERE workspace_id > ?");
    db_bind_text(q, after ? after : "");
    *out = db_next(q) ? db_text(q, ctx->arena) : NULL;
    return db_done(ctx, q);
}

enum err workspace_keys_count(struct ctx *ctx, struct db_conn *c, int64_t *out) {
    struct db_stmt *q = db_use(c, "SELECT COUNT(*) FROM workspace_keys");
    if (db_next(q))
        *out = db_i64(q);
    return db_done(ctx, q);
}

struct sealed_place credential_row_place(const struct credential_row *row) {
    return (struct sealed_place){ "credentials", "sealed", row->workspace_id, row->id,
                                  row->version };
}

enum err credential_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                             const char *provider, struct credential_row *found) {
    struct db_stmt *q =
        db_use(c, "SELECT id, workspace_id, provider, public, version, checked_at, created_at,"
                  " updated_at, sealed FROM credentials WHERE workspace_id = ? AND provider = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider);
    *found = (struct credential_row){ 0 };
    if (db_next(q)) {
        found->id = db_text(q, ctx->arena);
        found->workspace_id = db_text(q, ctx->arena);
        found->provider = db_text(q, ctx->arena);
        found->public = db_text(q, ctx->arena);
        found->version = db_i64(q);
        found->checked_ms = db_i64(q);
        found->created_ms = db_i64(q);
        found->updated_ms = db_i64(q);
        found->sealed = db_blob(q, ctx->arena);
    }
    return db_done(ctx, q);
}

enum err credential_row_put(struct ctx *ctx, struct db_conn *tx, const struct credential_row *row) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO credentials (id, workspace_id, provider, version, sealed, public,"
                   " checked_at, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                   " ON CONFLICT (workspace_id, provider) DO UPDATE SET"
                   " version = excluded.version, sealed = excluded.sealed,"
                   " public = excluded.public, checked_at = excluded.checked_at,"
                   " updated_at = excluded.updated_at");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->provider);
    db_bind_i64(q, row->version);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    db_bind_text(q, row->public);
    db_bind_i64(q, row->checked_ms);
    db_bind_i64(q, row->created_ms);
    db_bind_i64(q, row->updated_ms);
    TRY(db_run(ctx, q));
    return book_note(ctx, tx, row->workspace_id);
}

enum err credential_row_delete(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                               const char *provider, bool *found) {
    struct db_stmt *q =
        db_use(tx, "DELETE FROM credentials WHERE workspace_id = ? AND provider = ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider);
    TRY(db_run(ctx, q));
    *found = db_changes(tx) > 0;
    return *found ? book_note(ctx, tx, workspace_id) : OK;
}

enum err credential_row_checked(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                                const char *provider, int64_t at_ms) {
    struct db_stmt *q = db_use(tx, "UPDATE credentials SET checked_at = ? WHERE workspace_id = ?"
                                   " AND provider = ?");
    db_bind_i64(q, at_ms);
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider);
    return db_run(ctx, q);
}

#define ENDPOINT_COLUMNS                                                                     \
    "id, workspace_id, provider, created_at, valid_until, last_received_at, refused_count, " \
    "refused_at, sealed"

static void read_endpoint(struct ctx *ctx, struct db_stmt *q, struct endpoint_row *e) {
    e->id = db_text(q, ctx->arena);
    e->workspace_id = db_text(q, ctx->arena);
    e->provider = db_text(q, ctx->arena);
    e->created_ms = db_i64(q);
    e->valid_until_ms = db_i64(q);
    e->last_received_ms = db_i64(q);
    e->refused = db_i64(q);
    e->refused_ms = db_i64(q);
    e->sealed = db_blob(q, ctx->arena);
}

struct sealed_place endpoint_row_place(const struct endpoint_row *row) {
    return (struct sealed_place){ "webhook_endpoints", "sealed", row->workspace_id, row->id };
}

enum err endpoint_row_find(struct ctx *ctx, struct db_conn *c, const unsigned char token_hash[32],
                           struct endpoint_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " ENDPOINT_COLUMNS " FROM webhook_endpoints"
                                  " WHERE token_hash = ?");
    db_bind_blob(q, token_hash, 32);
    *found = (struct endpoint_row){ 0 };
    if (db_next(q))
        read_endpoint(ctx, q, found);
    return db_done(ctx, q);
}

enum err endpoint_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            int64_t now_ms, struct endpoint_row *out, size_t room, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT " ENDPOINT_COLUMNS " FROM webhook_endpoints"
                                  " WHERE workspace_id = ?"
                                  " AND (valid_until IS NULL OR valid_until > ?)"
                                  " ORDER BY valid_until IS NULL DESC, id DESC LIMIT ?");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, now_ms);
    db_bind_i64(q, (int64_t)room);
    for (*count = 0; db_next(q); ++*count)
        read_endpoint(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err endpoint_row_lacks(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                            const char *provider, bool *lacks) {
    struct db_stmt *q = db_use(tx, "SELECT 1 FROM webhook_endpoints WHERE workspace_id = ?"
                                   " AND provider = ? AND valid_until IS NULL");
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider);
    *lacks = !db_next(q);
    return db_done(ctx, q);
}

enum err endpoint_rows_lacking(struct ctx *ctx, struct db_conn *c, const char *provider,
                               const char *after_id, const char **out, size_t room, size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT w.id FROM workspaces w WHERE w.id > ? AND w.removed_at = 0"
                  " AND NOT EXISTS (SELECT 1 FROM webhook_endpoints e"
                  " WHERE e.workspace_id = w.id AND e.provider = ?"
                  " AND e.valid_until IS NULL) ORDER BY w.id LIMIT ?");
    db_bind_text(q, after_id);
    db_bind_text(q, provider);
    db_bind_i64(q, (int64_t)room);
    for (*count = 0; db_next(q); ++*count)
        out[*count] = db_text(q, ctx->arena);
    return db_done(ctx, q);
}

enum err endpoint_row_insert(struct ctx *ctx, struct db_conn *tx, const struct endpoint_row *row) {
    struct db_stmt *q = db_use(tx, "INSERT INTO webhook_endpoints (id, workspace_id, provider,"
                                   " token_hash, sealed, created_at) VALUES (?, ?, ?, ?, ?, ?)");
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->provider);
    db_bind_blob(q, row->token_hash, 32);
    db_bind_blob(q, row->sealed.ptr, row->sealed.len);
    db_bind_i64(q, row->created_ms);
    TRY(db_run(ctx, q));
    return book_note(ctx, tx, row->workspace_id);
}

enum err endpoint_row_retire(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                             const char *provider, int64_t valid_until_ms) {
    struct db_stmt *q = db_use(tx, "UPDATE webhook_endpoints SET valid_until = ?"
                                   " WHERE workspace_id = ? AND provider = ?"
                                   " AND valid_until IS NULL");
    db_bind_i64(q, valid_until_ms);
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider);
    TRY(db_run(ctx, q));
    return book_note(ctx, tx, workspace_id);
}

enum err endpoint_rows_delete_retired(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                                      const char *provider) {
    TRY(book_note(ctx, tx, workspace_id)); /* before: who calls asks how many there were */
    struct db_stmt *q = db_use(tx, "DELETE FROM webhook_endpoints WHERE workspace_id = ?"
                                   " AND provider = ? AND valid_until IS NOT NULL");
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider);
    return db_run(ctx, q);
}

enum err endpoint_row_touch(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t at_ms) {
    struct db_stmt *q = db_use(tx, "UPDATE webhook_endpoints SET last_received_at = ?,"
                                   " refused_count = 0, refused_at = 0 WHERE id = ?");
    db_bind_i64(q, at_ms);
    db_bind_text(q, id);
    return db_run(ctx, q);
}

enum err endpoint_row_refuse(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t at_ms,
                             int64_t every_ms) {
    struct db_stmt *q = db_use(tx, "UPDATE webhook_endpoints SET refused_count = refused_count + 1,"
                                   " refused_at = ?1 WHERE id = ?2 AND abs(?1 - refused_at) >= ?3");
    db_bind_i64(q, at_ms);
    db_bind_text(q, id);
    db_bind_i64(q, every_ms);
    return db_run(ctx, q);
}

struct sealed_place sealed_field_place(const struct sealed_field *f) {
    /* A body is sealed under its event's name, wherever it stands. */
    const char *table = strcmp(f->table, "event_bodies") == 0 ? "events" : f->table;
    return (struct sealed_place){ table, "sealed", f->workspace_id, f->row_id, f->version };
}

/* A sealed field names its DEK in bytes 3..6 (big endian), so SQL can find those under it. The version
 * is what the ..._place function of its table says. */
#define UNDER_OF(table, version)                                            \
    "SELECT workspace_id, '" table "', id, " version ", sealed FROM " table \
    " WHERE workspace_id = ?1 AND substr(sealed, 3, 4) = ?2"
#define UNDER(table)         UNDER_OF(table, "0")
#define VERSION_OF_OPERATION "CASE state WHEN 'succeeded' THEN 1 WHEN 'failed' THEN 2 ELSE 0 END"

enum err sealed_under(struct ctx *ctx, struct db_conn *c, const char *workspace_id, int64_t dek_id,
                      int limit, struct sealed_field *out, size_t *count) {
    /* clang-format off */
    struct db_stmt *q = db_use(c, UNDER_OF("credentials", "version") " UNION ALL " UNDER("webhook_endpoints")
                                  " UNION ALL " UNDER("events") " UNION ALL " UNDER("event_bodies") " UNION ALL " UNDER_OF("operations", VERSION_OF_OPERATION)
                                  " UNION ALL " UNDER("idempotency_keys") " UNION ALL " UNDER("calls")
                                  " UNION ALL " UNDER("messages") " UNION ALL " UNDER("assistant_versions") " UNION ALL " UNDER("template_versions")
                                  " UNION ALL " UNDER("email_files")
                                  " UNION ALL " UNDER_OF("destinations", "former_until") " UNION ALL " UNDER_OF("numbers", "updated_at")
                                  " UNION ALL " UNDER_OF("oauth_grants", "version") " UNION ALL " UNDER_OF("oauth_refresh_tokens", "version")
                                  " UNION ALL " UNDER("oauth_states") " UNION ALL " UNDER("bookings") " UNION ALL " UNDER("tool_uses")
                                  " LIMIT ?3");
    /* clang-format on */
    unsigned char id[4] = { (unsigned char)(dek_id >> 24), (unsigned char)(dek_id >> 16),
                            (unsigned char)(dek_id >> 8), (unsigned char)dek_id };
    db_bind_text(q, workspace_id);
    db_bind_blob(q, id, sizeof id);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count) {
        struct sealed_field *f = &out[*count];
        f->workspace_id = db_text(q, ctx->arena);
        f->table = db_text(q, ctx->arena);
        f->row_id = db_text(q, ctx->arena);
        f->version = db_i64(q);
        f->sealed = db_blob(q, ctx->arena);
    }
    return db_done(ctx, q);
}

#define REPLACE(table) "UPDATE " table " SET sealed = ? WHERE id = ? AND sealed = ?"

enum err sealed_replace(struct ctx *ctx, struct db_conn *tx, const struct sealed_field *f,
                        struct str old) {
    static const struct {
        const char *table, *sql;
        bool is_in_books;
    } TABLES[] = {
        { "credentials", REPLACE("credentials"), true },
        { "webhook_endpoints", REPLACE("webhook_endpoints"), true },
        { "events", REPLACE("events") },
        { "event_bodies", REPLACE("event_bodies") },
        { "operations", REPLACE("operations") },
        { "idempotency_keys", REPLACE("idempotency_keys") },
        { "calls", REPLACE("calls") },
        { "messages", REPLACE("messages") },
        { "assistant_versions", REPLACE("assistant_versions") },
        { "template_versions", REPLACE("template_versions") },
        { "email_files", REPLACE("email_files") },
        { "destinations", REPLACE("destinations") },
        { "numbers", REPLACE("numbers"), true },
        { "oauth_grants", REPLACE("oauth_grants") },
        { "oauth_refresh_tokens", REPLACE("oauth_refresh_tokens") },
        { "oauth_states", REPLACE("oauth_states") },
        { "bookings", REPLACE("bookings") },
        { "tool_uses", REPLACE("tool_uses") },
    };
    for (size_t i = 0; i < ARRAY_LEN(TABLES); i++) {
        if (strcmp(f->table, TABLES[i].table) != 0)
            continue;
        if (TABLES[i].is_in_books)
            TRY(book_note(ctx, tx, f->workspace_id));
        struct db_stmt *q = db_use(tx, TABLES[i].sql);
        db_bind_blob(q, f->sealed.ptr, f->sealed.len);
        db_bind_text(q, f->row_id);
        db_bind_blob(q, old.ptr, old.len);
        return db_run(ctx, q);
    }
    return ctx_fail(ctx, ERR_INTERNAL, "Nothing is sealed in %s.", f->table);
}

enum err meta_any(struct ctx *ctx, struct db_conn *c, const char *prefix, bool *found) {
    struct db_stmt *q = db_use(c, "SELECT 1 FROM meta WHERE substr(name, 1, length(?)) = ?");
    db_bind_text(q, prefix);
    db_bind_text(q, prefix);
    *found = db_next(q);
    return db_done(ctx, q);
}

enum err meta_get(struct ctx *ctx, struct db_conn *c, const char *name, struct str *out) {
    struct db_stmt *q = db_use(c, "SELECT value FROM meta WHERE name = ?");
    db_bind_text(q, name);
    *out = (struct str){ NULL, 0 };
    if (db_next(q))
        *out = db_blob(q, ctx->arena);
    return db_done(ctx, q);
}

enum err meta_keep(struct ctx *ctx, struct db_conn *tx, const char *name, struct str value) {
    struct db_stmt *q = db_use(tx, "INSERT INTO meta (name, value) VALUES (?, ?)"
                                   " ON CONFLICT (name) DO NOTHING");
    db_bind_text(q, name);
    db_bind_blob(q, value.ptr, value.len);
    return db_run(ctx, q);
}

enum err meta_put(struct ctx *ctx, struct db_conn *tx, const char *name, struct str value) {
    struct db_stmt *q = db_use(tx, "INSERT INTO meta (name, value) VALUES (?, ?)"
                                   " ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    db_bind_text(q, name);
    db_bind_blob(q, value.ptr, value.len);
    return db_run(ctx, q);
}
