#include "store/book.h"

#include <string.h>

#include "base/clock.h"
#include "base/defs.h"

enum { COLUMNS_MAX = 13, TABLE_KEYS = 1 };

/* --- changes --------------------------------------------------------------------------------- */

enum err book_note(struct ctx *ctx, struct db_conn *tx, const char *workspace_id) {
    if (!db_is_shared(ctx->parts->db))
        return OK;
    ctx->is_for_books = true;
    struct db_stmt *q = db_use(tx, "INSERT INTO book_changes (at, workspace_id) VALUES (?, ?)");
    db_bind_i64(q, ava_wall_ms());
    db_bind_text(q, workspace_id);
    return db_run(ctx, q);
}

enum err book_changes_newest(struct ctx *ctx, struct db_conn *c, struct book_mark *out) {
    struct db_stmt *q = db_use(c, "SELECT (SELECT MAX(seq) FROM book_changes),"
                                  " (SELECT MAX(at) FROM book_changes)");
    *out = (struct book_mark){ 0 };
    if (db_next(q)) {
        out->seq = db_i64(q);
        out->at_ms = db_i64(q);
    }
    return db_done(ctx, q);
}

enum err book_changes_list(struct ctx *ctx, struct db_conn *c, int64_t seq, int64_t since_ms,
                           const char *after_id, int limit, const char **out, size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT DISTINCT workspace_id FROM book_changes WHERE (seq > ?1 OR at >= ?2)"
                  " AND workspace_id > ?3 ORDER BY workspace_id LIMIT ?4");
    db_bind_i64(q, seq);
    db_bind_i64(q, since_ms);
    db_bind_text(q, after_id);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        out[*count] = db_text(q, ctx->arena);
    return db_done(ctx, q);
}

enum err book_changes_sweep(struct ctx *ctx, struct db_conn *tx, int64_t before_ms) {
    struct db_stmt *q = db_use(tx, "DELETE FROM book_changes WHERE at < ?");
    db_bind_i64(q, before_ms);
    return db_run(ctx, q);
}

enum err book_workspace_behind(struct ctx *ctx, struct db_conn *c, const char *after, int many,
                               const char **out) {
    struct db_stmt *q =
        db_use(c, "SELECT id FROM workspaces WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?");
    db_bind_text(q, after);
    db_bind_i64(q, many - 1);
    *out = db_next(q) ? db_text(q, ctx->arena) : NULL;
    return db_done(ctx, q);
}

const char *book_next_id(struct ctx *ctx, const char *id) {
    return arena_join(ctx->arena, id, "!", "");
}

/* --- rows ------------------------------------------------------------------------------------ */

#define WITHIN(column) " WHERE " column " >= ?1 AND " column " <= ?2"
#define IN_ORDER       " ORDER BY 1, 2" /* which tells the rows of each table apart */

#define WORKSPACE_COLUMNS "id, name, platform_providers, created_at, updated_at, removed_at"
#define KEY_COLUMNS       "workspace_id, dek_id, kek_id, wrapped, kcv, created_at, left_at, binds"
#define ENDPOINT_COLUMNS  "workspace_id, id, provider, token_hash, sealed, created_at, valid_until"
#define CREDENTIAL_COLUMNS \
    "workspace_id, id, provider, version, sealed, public, checked_at, created_at, updated_at"
#define FALLBACK_COLUMNS \
    "workspace_id, kind, text, to_number, assistant_id, version, created_at, updated_at"
#define LIMIT_COLUMNS                                                                    \
    "workspace_id, number, daily_minutes, daily_cost_cents, concurrent_calls, version, " \
    "created_at, updated_at, assistant_seconds"
#define NUMBER_COLUMNS                                                                    \
    "workspace_id, id, account, provider_id, phone_number, friendly_name, capabilities, " \
    "vapi_id, imported_at, released_at, created_at, updated_at, sealed"

/* Between the two reads a workspace may have come to be: its change is seen with the next look. */
#define OF_ONE_THERE " WHERE EXISTS (SELECT 1 FROM workspaces WHERE id = ?1)"

/* In the order in which they are written; they are read the other way round. So the keys are read behind what is sealed
 * under them, and those that are there open it. A key under which something was spooled stays until that is moved.
 * types: text, integer, blob; o: an integer that changes without a note, since nobody is answered by it. */
static const struct copied {
    const char *types, *read, *empty, *insert;
} TABLES[BOOK_TABLES] = {
    { "tttiii", "SELECT " WORKSPACE_COLUMNS " FROM workspaces" WITHIN("id") IN_ORDER, NULL,
      "INSERT INTO workspaces (" WORKSPACE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
      " ON CONFLICT (id) DO UPDATE SET name = ?2, platform_providers = ?3, updated_at = ?5,"
      " removed_at = ?6" },
    { "titbbioi", "SELECT " KEY_COLUMNS " FROM workspace_keys" WITHIN("workspace_id") IN_ORDER,
      "DELETE FROM workspace_keys" WITHIN(
          "workspace_id") " AND NOT EXISTS"
                          " (SELECT 1 FROM events WHERE events.workspace_id = "
                          "workspace_keys.workspace_id)",
      "INSERT INTO workspace_keys (" KEY_COLUMNS
      ") SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8" OF_ONE_THERE
      " ON CONFLICT (workspace_id, dek_id) DO UPDATE SET kek_id = ?3, wrapped = ?4, kcv = ?5,"
      " left_at = ?7, binds = ?8" },
    { "tttbbii",
      "SELECT " ENDPOINT_COLUMNS " FROM webhook_endpoints" WITHIN("workspace_id") IN_ORDER,
      "DELETE FROM webhook_endpoints" WITHIN("workspace_id"),
      "INSERT INTO webhook_endpoints (" ENDPOINT_COLUMNS
      ") SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7" OF_ONE_THERE },
    { "tttibtoii", "SELECT " CREDENTIAL_COLUMNS " FROM credentials" WITHIN("workspace_id") IN_ORDER,
      "DELETE FROM credentials" WITHIN("workspace_id"),
      "INSERT INTO credentials (" CREDENTIAL_COLUMNS
      ") SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9" OF_ONE_THERE },
    { "tttttiii", "SELECT " FALLBACK_COLUMNS " FROM fallbacks" WITHIN("workspace_id") IN_ORDER,
      "DELETE FROM fallbacks" WITHIN("workspace_id"),
      "INSERT INTO fallbacks (" FALLBACK_COLUMNS
      ") SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8" OF_ONE_THERE },
    { "ttiiiiiii", "SELECT " LIMIT_COLUMNS " FROM call_limits" WITHIN("workspace_id") IN_ORDER,
      "DELETE FROM call_limits" WITHIN("workspace_id"),
      "INSERT INTO call_limits (" LIMIT_COLUMNS
      ") SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9" OF_ONE_THERE },
    { "ttttttitiiiib", "SELECT " NUMBER_COLUMNS " FROM numbers" WITHIN("workspace_id") IN_ORDER,
      "DELETE FROM numbers" WITHIN("workspace_id"),
      "INSERT INTO numbers (" NUMBER_COLUMNS
      ") SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13" OF_ONE_THERE },
};

struct book_value {
    bool is_null;
    int64_t number;
    struct str bytes;
};

struct book_row {
    struct book_row *next;
    struct book_value values[COLUMNS_MAX];
};

static bool is_integer(char type) {
    return type == 'i' || type == 'o';
}

static void read_value(struct ctx *ctx, struct db_stmt *q, char type, struct book_value *v) {
    v->is_null = db_is_null(q);
    if (is_integer(type)) {
        v->number = db_i64(q);
    } else if (type == 't') {
        const char *text = db_text(q, ctx->arena);
        v->bytes = str_of(text ? text : "");
    } else {
        v->bytes = db_blob(q, ctx->arena);
    }
}

static void bind_value(struct db_stmt *q, char type, const struct book_value *v) {
    if (v->is_null)
        db_bind_null(q);
    else if (is_integer(type))
        db_bind_i64(q, v->number);
    else if (type == 't')
        db_bind_str(q, v->bytes);
    else
        db_bind_blob(q, v->bytes.ptr, v->bytes.len);
}

static void bind_range(struct db_stmt *q, const struct book_rows *rows) {
    db_bind_text(q, rows->from);
    db_bind_text(q, rows->to);
}

static enum err read_table(struct ctx *ctx, struct db_conn *c, size_t which,
                           struct book_rows *rows) {
    const struct copied *t = &TABLES[which];
    struct db_stmt *q = db_use(c, t->read);
    bind_range(q, rows);
    for (rows->first[which] = NULL; db_next(q);) {
        struct book_row *row = arena_alloc(ctx->arena, sizeof *row);
        *row = (struct book_row){ .next = rows->first[which] };
        for (size_t i = 0; t->types[i]; i++)
            read_value(ctx, q, t->types[i], &row->values[i]);
        rows->first[which] = row;
    }
    return db_done(ctx, q);
}

enum err book_rows_read(struct ctx *ctx, struct db_conn *c, struct book_rows *rows) {
    for (size_t i = BOOK_TABLES; i-- > 0;)
        TRY(read_table(ctx, c, i, rows));
    return OK;
}

static enum err write_table(struct ctx *ctx, struct db_conn *tx, size_t which,
                            const struct book_rows *rows) {
    const struct copied *t = &TABLES[which];
    for (const struct book_row *row = rows->first[which]; row; row = row->next) {
        struct db_stmt *q = db_use(tx, t->insert);
        for (size_t i = 0; t->types[i]; i++)
            bind_value(q, t->types[i], &row->values[i]);
        TRY(db_run(ctx, q));
    }
    return OK;
}

static bool has_workspace(const struct book_rows *rows, const char *id) {
    for (const struct book_row *row = rows->first[0]; row; row = row->next)
        if (str_is(row->values[0].bytes, id))
            return true;
    return false;
}

/* A workspace that is gone takes all that hangs on it along. */
static enum err remove_gone(struct ctx *ctx, struct db_conn *tx, const struct book_rows *rows) {
    struct {
        const char *id;
        void *next;
    } *gone = NULL, *one;
    struct db_stmt *q = db_use(tx, "SELECT id FROM workspaces" WITHIN("id"));
    bind_range(q, rows);
    while (db_next(q)) {
        const char *id = db_text(q, ctx->arena);
        if (has_workspace(rows, id))
            continue;
        one = arena_alloc(ctx->arena, sizeof *one);
        one->id = id;
        one->next = gone;
        gone = one;
    }
    TRY(db_done(ctx, q));
    for (; gone; gone = gone->next) {
        q = db_use(tx, "DELETE FROM workspaces WHERE id = ?");
        db_bind_text(q, gone->id);
        TRY(db_run(ctx, q));
    }
    return OK;
}

enum err book_rows_write(struct ctx *ctx, struct db_conn *tx, const struct book_rows *rows) {
    TRY(remove_gone(ctx, tx, rows));
    for (size_t i = 0; i < BOOK_TABLES; i++) {
        if (TABLES[i].empty) {
            struct db_stmt *q = db_use(tx, TABLES[i].empty);
            bind_range(q, rows);
            TRY(db_run(ctx, q));
        }
        TRY(write_table(ctx, tx, i, rows));
    }
    return OK;
}

static bool is_same_value(char type, const struct book_value *a, const struct book_value *b) {
    if (type == 'o')
        return true;
    if (a->is_null || b->is_null)
        return a->is_null == b->is_null;
    return type == 'i' ? a->number == b->number : str_eq(a->bytes, b->bytes);
}

static bool is_same_row(const struct copied *t, const struct book_row *a,
                        const struct book_row *b) {
    bool is_same = true;
    for (size_t i = 0; t->types[i] && is_same; i++)
        is_same = is_same_value(t->types[i], &a->values[i], &b->values[i]);
    return is_same;
}

/* Both in one order. may_have_more: the book may. */
static bool is_same_table(const struct copied *t, const struct book_row *row,
                          const struct book_row *in_book, bool may_have_more) {
    for (; row && in_book; in_book = in_book->next)
        if (is_same_row(t, row, in_book))
            row = row->next;
        else if (!may_have_more)
            return false;
    return !row && (!in_book || may_have_more);
}

enum err book_rows_compare(struct ctx *ctx, struct db_conn *book, const struct book_rows *rows,
                           bool *is_same) {
    struct book_rows own = { .from = rows->from, .to = rows->to };
    TRY(book_rows_read(ctx, book, &own));
    *is_same = true;
    for (size_t i = 0; i < BOOK_TABLES && *is_same; i++)
        *is_same = is_same_table(&TABLES[i], rows->first[i], own.first[i], i == TABLE_KEYS);
    return OK;
}

enum err book_rows_count(struct ctx *ctx, struct db_conn *c, int64_t *workspaces) {
    struct db_stmt *q = db_use(c, "SELECT COUNT(*) FROM workspaces");
    *workspaces = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}
