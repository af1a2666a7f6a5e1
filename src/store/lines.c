#include "store/lines.h"

#define ROW "id, workspace_id, operation_id, line, account"

/* More than anybody can have. */
#define UNLIMITED "9000000000000000000"

#define HELD_OF_WORKSPACE \
    "(SELECT COUNT(*) FROM calls h WHERE h.slot = 'held' AND h.workspace_id = w.workspace_id)"
#define HELD_OF_LINE                                                                          \
    "(SELECT COUNT(*) FROM calls h WHERE h.slot = 'held' AND h.workspace_id = w.workspace_id" \
    " AND h.line = w.line)"
#define HELD_OF_ACCOUNT \
    "(SELECT COUNT(*) FROM calls h WHERE h.slot = 'held' AND h.account = w.account)"
#define ROOM_OF_WORKSPACE                                                           \
    "COALESCE((SELECT l.concurrent_calls FROM call_limits l WHERE l.workspace_id =" \
    " w.workspace_id AND l.number = ''), " UNLIMITED ")"
#define ROOM_OF_LINE                                                                \
    "COALESCE((SELECT l.concurrent_calls FROM call_limits l WHERE l.workspace_id =" \
    " w.workspace_id AND l.number = w.line), " UNLIMITED ")"
#define ROOM_OF_ACCOUNT                                                                     \
    "COALESCE((SELECT a.concurrent_calls FROM call_accounts a WHERE a.account = w.account " \
    "AND a.until_at > ?1), " UNLIMITED ")"
/* A number that rests stands among the accounts, under a name that no account has. */
#define REST_NAME(WORKSPACE, LINE) "'line:' || " WORKSPACE " || ':' || " LINE
#define LINE_RESTS                                                        \
    "EXISTS (SELECT 1 FROM call_accounts a WHERE a.account = " REST_NAME( \
        "w.workspace_id", "w.line") " AND a.until_at > ?1)"
/* Of w: workspace_id, line, account; ?1: now. */
#define HAS_ROOM                                                                     \
    HELD_OF_WORKSPACE                                                                \
    " < " ROOM_OF_WORKSPACE " AND (w.line = '' OR (" HELD_OF_LINE " < " ROOM_OF_LINE \
    " AND NOT " LINE_RESTS ")) AND (w.account = '' OR " HELD_OF_ACCOUNT " < " ROOM_OF_ACCOUNT ")"

enum err line_row_put(struct ctx *ctx, struct db_conn *tx, const struct line_row *row,
                      const char *slot) {
    struct db_stmt *q = db_use(tx, "UPDATE calls SET line = ?, account = ? WHERE id = ?");
    db_bind_text(q, row->line);
    db_bind_text(q, row->account);
    db_bind_text(q, row->call_id);
    TRY(db_run(ctx, q));
    return line_row_move(ctx, tx, row->call_id, slot);
}

enum err line_row_move(struct ctx *ctx, struct db_conn *tx, const char *call_id, const char *slot) {
    struct db_stmt *q =
        db_use(tx, "UPDATE calls SET slot = ?1, status = CASE WHEN ?1 = 'waiting' THEN 'waiting'"
                   " WHEN status = 'waiting' THEN 'requested' ELSE status END WHERE id = ?2");
    db_bind_text(q, slot);
    db_bind_text(q, call_id);
    return db_run(ctx, q);
}

static void read_row(struct ctx *ctx, struct db_stmt *q, struct line_row *found) {
    found->call_id = db_text(q, ctx->arena);
    found->workspace_id = db_text(q, ctx->arena);
    found->operation_id = db_text(q, ctx->arena);
    found->line = db_text(q, ctx->arena);
    found->account = db_text(q, ctx->arena);
}

enum err line_row_find(struct ctx *ctx, struct db_conn *c, const char *call_id,
                       struct line_row *found, bool *is_held) {
    struct db_stmt *q = db_use(c, "SELECT " ROW ", slot = 'held' FROM calls WHERE id = ?"
                                  " AND slot IS NOT NULL");
    db_bind_text(q, call_id);
    *found = (struct line_row){ .call_id = NULL };
    if (db_next(q)) {
        read_row(ctx, q, found);
        bool held = db_i64(q);
        if (is_held)
            *is_held = held;
    }
    return db_done(ctx, q);
}

enum err line_row_has_room(struct ctx *ctx, struct db_conn *c, const struct line_row *row,
                           int64_t now_ms, bool *has_room) {
    struct db_stmt *q = db_use(c, "SELECT " HAS_ROOM " FROM (SELECT ?2 AS workspace_id,"
                                  " ?3 AS line, ?4 AS account) w");
    db_bind_i64(q, now_ms);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->line);
    db_bind_text(q, row->account);
    *has_room = db_next(q) && db_i64(q);
    return db_done(ctx, q);
}

/* The oldest of each workspace, line and account first: there are few of these, however many wait. */
enum err line_row_next(struct ctx *ctx, struct db_conn *c, const char *workspace_id, int64_t now_ms,
                       struct line_row *found) {
    struct db_stmt *q = db_use(
        c, "SELECT id, w.workspace_id, (SELECT operation_id FROM calls o WHERE o.id = w.id),"
           " line, account FROM (SELECT MIN(id) AS id, workspace_id, line, account FROM calls"
           " WHERE slot = 'waiting' AND (?2 IS NULL OR workspace_id = ?2)"
           " GROUP BY workspace_id, line, account) w WHERE " HAS_ROOM
           " ORDER BY (1.0 + " HELD_OF_WORKSPACE ") / (SELECT call_weight FROM workspaces s"
           " WHERE s.id = w.workspace_id), id LIMIT 1");
    db_bind_i64(q, now_ms);
    db_bind_text(q, workspace_id);
    *found = (struct line_row){ .call_id = NULL };
    if (db_next(q))
        read_row(ctx, q, found);
    return db_done(ctx, q);
}

enum err line_rows_count(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                         const char *line, struct line_counts *out) {
    struct db_stmt *q =
        db_use(c, "SELECT (SELECT COUNT(*) FROM calls INDEXED BY calls_held WHERE slot = 'held' AND"
                  " workspace_id = ?1 AND (?2 = '' OR line = ?2)), (SELECT COUNT(*) FROM calls"
                  " INDEXED BY calls_waiting WHERE slot = 'waiting' AND workspace_id = ?1 AND"
                  " (?2 = '' OR line = ?2))");
    db_bind_text(q, workspace_id);
    db_bind_text(q, line);
    if (db_next(q)) {
        out->held = db_i64(q);
        out->waiting = db_i64(q);
    }
    return db_done(ctx, q);
}

enum err line_rows_count_all(struct ctx *ctx, struct db_conn *c, struct line_counts *out) {
    struct db_stmt *q = db_use(c, "SELECT (SELECT COUNT(*) FROM calls WHERE slot = 'held'),"
                                  " (SELECT COUNT(*) FROM calls WHERE slot = 'waiting')");
    if (db_next(q)) {
        out->held = db_i64(q);
        out->waiting = db_i64(q);
    }
    return db_done(ctx, q);
}

/* The length of the last twenty calls says how soon a place comes free. */
enum err line_row_stands(struct ctx *ctx, struct db_conn *c, const char *call_id, int64_t now_ms,
                         struct line_standing *out) {
    struct db_stmt *q = db_use(
        c, "SELECT (SELECT COUNT(*) FROM calls p WHERE p.slot = 'waiting' AND p.workspace_id ="
           " w.workspace_id AND p.id <= w.id), " ROOM_OF_WORKSPACE ", CASE w.line WHEN ''"
           " THEN " UNLIMITED " ELSE " ROOM_OF_LINE " END, CASE w.account WHEN '' THEN " UNLIMITED
           " ELSE " ROOM_OF_ACCOUNT
           " END, (SELECT CAST(AVG(found.ended_at - found.started_at) AS BIGINT)"
           " FROM (SELECT ended_at, started_at FROM calls e WHERE e.workspace_id ="
           " w.workspace_id AND e.ended_at > 0 AND e.started_at > 0 ORDER BY e.id DESC LIMIT 20) "
           "AS found)"
           " FROM calls w WHERE w.id = ?2 AND w.slot = 'waiting'");
    db_bind_i64(q, now_ms);
    db_bind_text(q, call_id);
    *out = (struct line_standing){ .position = 0 };
    if (db_next(q)) {
        out->position = db_i64(q);
        out->room = db_i64(q);
        for (int i = 0; i < 2; i++) {
            int64_t other = db_i64(q);
            if (other < out->room)
                out->room = other;
        }
        out->mean_call_ms = db_i64(q);
    }
    return db_done(ctx, q);
}

enum err line_account_put(struct ctx *ctx, struct db_conn *tx, const char *account, int64_t calls,
                          int64_t until_ms) {
    struct db_stmt *q = db_use(tx, "INSERT INTO call_accounts (account, concurrent_calls, until_at)"
                                   " VALUES (?1, ?2, ?3) ON CONFLICT (account) DO UPDATE SET"
                                   " concurrent_calls = ?2, until_at = ?3");
    db_bind_text(q, account);
    db_bind_i64(q, calls);
    db_bind_i64(q, until_ms);
    return db_run(ctx, q);
}

enum err line_row_rest(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                       const char *line, int64_t until_ms) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO call_accounts (account, concurrent_calls, until_at)"
                   " VALUES (" REST_NAME("?1", "?2") ", 0, ?3) ON CONFLICT (account)"
                                                     " DO UPDATE SET until_at = ?3");
    db_bind_text(q, workspace_id);
    db_bind_text(q, line);
    db_bind_i64(q, until_ms);
    return db_run(ctx, q);
}

enum err line_account_find(struct ctx *ctx, struct db_conn *c, const char *account, int64_t now_ms,
                           int64_t *calls, int64_t *until_ms) {
    struct db_stmt *q = db_use(c, "SELECT concurrent_calls, until_at FROM call_accounts"
                                  " WHERE account = ? AND until_at > ?");
    db_bind_text(q, account);
    db_bind_i64(q, now_ms);
    *calls = *until_ms = INT64_MAX;
    if (db_next(q)) {
        *calls = db_i64(q);
        *until_ms = db_i64(q);
    }
    return db_done(ctx, q);
}

enum err line_account_held(struct ctx *ctx, struct db_conn *c, const char *account, int64_t *held) {
    struct db_stmt *q = db_use(c, "SELECT COUNT(*) FROM calls WHERE slot = 'held' AND account = ?");
    db_bind_text(q, account);
    *held = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}

enum err line_rows_to_ask(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                          int64_t before_ms, int limit, const char **call_ids, size_t *count) {
    struct db_stmt *q =
        db_use(c, "SELECT id FROM (SELECT id, asked_at FROM calls INDEXED BY calls_held WHERE slot "
                  "= 'held' AND"
                  " workspace_id = ?1 AND asked_at < ?2 UNION SELECT id, asked_at FROM calls WHERE"
                  " (reserved_seconds > 0 OR reserved_micros > 0) AND workspace_id = ?1 AND"
                  " created_at > ?2 - 86400000 AND slot IS DISTINCT FROM 'waiting' AND asked_at < "
                  "?2) AS found ORDER "
                  "BY asked_at, id LIMIT ?3");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, before_ms);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        call_ids[*count] = db_text(q, ctx->arena);
    return db_done(ctx, q);
}

enum err line_row_asked(struct ctx *ctx, struct db_conn *tx, const char *call_id, int64_t now_ms) {
    struct db_stmt *q = db_use(tx, "UPDATE calls SET asked_at = ? WHERE id = ?");
    db_bind_i64(q, now_ms);
    db_bind_text(q, call_id);
    return db_run(ctx, q);
}

enum err line_rows_are_open(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            int64_t now_ms, bool *open) {
    struct db_stmt *q = db_use(
        c, "SELECT EXISTS (SELECT 1 FROM calls INDEXED BY calls_held WHERE slot = 'held' AND"
           " workspace_id = ?1) OR EXISTS (SELECT 1 FROM calls INDEXED BY calls_waiting WHERE"
           " slot = 'waiting' AND workspace_id = ?1)"
           " OR EXISTS (SELECT 1 FROM calls WHERE (reserved_seconds > 0 OR reserved_micros > 0)"
           " AND workspace_id = ?1 AND created_at > ?2 - 86400000)");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, now_ms);
    *open = db_next(q) && db_i64(q);
    return db_done(ctx, q);
}
