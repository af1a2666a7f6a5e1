#include "store/rules.h"

#include "base/defs.h"

#define RULE "id, workspace_id, name, event, definition, enabled, since, created_at, updated_at"

static void bind_rule(struct db_stmt *q, const struct rule_row *row) {
    db_bind_text(q, row->name);
    db_bind_text(q, row->event);
    db_bind_text(q, row->definition);
    db_bind_i64(q, row->enabled);
    db_bind_i64(q, row->since_ms);
    db_bind_i64(q, row->updated_ms);
    db_bind_text(q, row->id);
    db_bind_text(q, row->workspace_id);
}

enum err rule_row_insert(struct ctx *ctx, struct db_conn *tx, const struct rule_row *row) {
    struct db_stmt *q = db_use(tx, "INSERT INTO rules (name, event, definition, enabled, since,"
                                   " updated_at, id, workspace_id, created_at)"
                                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind_rule(q, row);
    db_bind_i64(q, row->created_ms);
    return db_run(ctx, q);
}

enum err rule_row_update(struct ctx *ctx, struct db_conn *tx, const struct rule_row *row) {
    struct db_stmt *q =
        db_use(tx, "UPDATE rules SET name = ?, event = ?, definition = ?, enabled = ?, since = ?,"
                   " updated_at = ? WHERE id = ? AND workspace_id = ?");
    bind_rule(q, row);
    return db_run(ctx, q);
}

enum err rule_row_delete(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                         const char *id) {
    struct db_stmt *q = db_use(tx, "DELETE FROM rules WHERE id = ? AND workspace_id = ?");
    db_bind_text(q, id);
    db_bind_text(q, workspace_id);
    return db_run(ctx, q);
}

static void read_rule(struct ctx *ctx, struct db_stmt *q, struct rule_row *r) {
    r->id = db_text(q, ctx->arena);
    r->workspace_id = db_text(q, ctx->arena);
    r->name = db_text(q, ctx->arena);
    r->event = db_text(q, ctx->arena);
    r->definition = db_text(q, ctx->arena);
    r->enabled = db_i64(q) != 0;
    r->since_ms = db_i64(q);
    r->created_ms = db_i64(q);
    r->updated_ms = db_i64(q);
}

enum err rule_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id, const char *id,
                       struct rule_row *found) {
    struct db_stmt *q = db_use(c, "SELECT " RULE " FROM rules WHERE id = ? AND workspace_id = ?");
    db_bind_text(q, id);
    db_bind_text(q, workspace_id);
    *found = (struct rule_row){ .id = NULL };
    if (db_next(q))
        read_rule(ctx, q, found);
    return db_done(ctx, q);
}

enum err rule_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                        const char *before_id, int limit, struct rule_row *out, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT " RULE " FROM rules WHERE workspace_id = ?1"
                                  " AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3");
    db_bind_text(q, workspace_id);
    db_bind_text(q, before_id);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count)
        read_rule(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err rule_rows_for(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                       const char *event, struct rule_row *out, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT " RULE " FROM rules WHERE workspace_id = ?"
                                  " AND event = ? AND enabled = 1 LIMIT ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, event);
    db_bind_i64(q, RULES_MAX);
    for (*count = 0; db_next(q); ++*count)
        read_rule(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

/* --- uses ------------------------------------------------------------------------------------ */

enum err rule_use_row_insert(struct ctx *ctx, struct db_conn *tx, const struct rule_use_row *row) {
    struct db_stmt *q = db_use(
        tx, "INSERT INTO rule_uses (id, rule_id, workspace_id, event, cause, recipient, who,"
            " line, call_id, message_id, event_id, said, happened_at, status, reason, detail,"
            " due_at, settled_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (rule_id, cause, recipient) DO NOTHING");
    db_bind_text(q, row->id);
    db_bind_text(q, row->rule_id);
    db_bind_text(q, row->workspace_id);
    db_bind_text(q, row->event);
    db_bind_text(q, row->cause);
    db_bind_text(q, row->recipient);
    db_bind_text(q, row->who);
    db_bind_text(q, row->line);
    db_bind_text(q, row->call_id);
    db_bind_text(q, row->message_id);
    db_bind_text(q, row->event_id);
    db_bind_text(q, row->said);
    db_bind_i64(q, row->happened_ms);
    db_bind_text(q, row->status);
    db_bind_text(q, row->reason);
    db_bind_text(q, row->detail);
    db_bind_i64(q, row->due_ms);
    db_bind_i64(q, row->settled_ms);
    return db_run(ctx, q);
}

enum err rule_use_row_settle(struct ctx *ctx, struct db_conn *tx, const struct rule_use_row *row) {
    struct db_stmt *q =
        db_use(tx, "UPDATE rule_uses SET status = ?, reason = ?, detail = ?, sent_message_id = ?,"
                   " due_at = ?, settled_at = ? WHERE id = ?");
    db_bind_text(q, row->status);
    db_bind_text(q, row->reason);
    db_bind_text(q, row->detail);
    db_bind_text(q, row->sent_message_id);
    db_bind_i64(q, row->due_ms);
    db_bind_i64(q, row->settled_ms);
    db_bind_text(q, row->id);
    return db_run(ctx, q);
}

#define USES                                                                                     \
    "SELECT u.id, u.rule_id, u.workspace_id, u.event, u.cause, u.recipient, u.who, u.line,"      \
    " u.call_id, u.message_id, u.event_id, u.said, u.happened_at, u.status, u.reason, u.detail," \
    " u.sent_message_id, u.due_at, u.settled_at, r.name, m.status FROM rule_uses u"              \
    " LEFT JOIN rules r ON r.id = u.rule_id LEFT JOIN messages m ON m.id = u.sent_message_id"

static void read_use(struct ctx *ctx, struct db_stmt *q, struct rule_use_row *u) {
    const char **texts[] = { &u->id,      &u->rule_id,    &u->workspace_id, &u->event,
                             &u->cause,   &u->recipient,  &u->who,          &u->line,
                             &u->call_id, &u->message_id, &u->event_id,     &u->said };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = db_text(q, ctx->arena);
    u->happened_ms = db_i64(q);
    u->status = db_text(q, ctx->arena);
    u->reason = db_text(q, ctx->arena);
    u->detail = db_text(q, ctx->arena);
    u->sent_message_id = db_text(q, ctx->arena);
    u->due_ms = db_i64(q);
    u->settled_ms = db_i64(q);
    u->rule_name = db_text(q, ctx->arena);
    u->sent_status = db_text(q, ctx->arena);
}

static enum err read_one(struct ctx *ctx, struct db_stmt *q, struct rule_use_row *found) {
    *found = (struct rule_use_row){ .id = NULL };
    if (db_next(q))
        read_use(ctx, q, found);
    return db_done(ctx, q);
}

static enum err read_all(struct ctx *ctx, struct db_stmt *q, struct rule_use_row *out,
                         size_t *count) {
    for (*count = 0; db_next(q); ++*count)
        read_use(ctx, q, &out[*count]);
    return db_done(ctx, q);
}

enum err rule_use_row_due(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                          int64_t now_ms, struct rule_use_row *found) {
    struct db_stmt *q = db_use(c, USES " WHERE u.workspace_id = ? AND u.status = 'waiting'"
                                       " AND u.due_at <= ? ORDER BY u.due_at, u.id LIMIT 1");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, now_ms);
    return read_one(ctx, q, found);
}

enum err rule_use_row_find(struct ctx *ctx, struct db_conn *c, const char *id,
                           struct rule_use_row *found) {
    struct db_stmt *q = db_use(c, USES " WHERE u.id = ?");
    db_bind_text(q, id);
    return read_one(ctx, q, found);
}

enum err rule_use_rows_next_due(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                int64_t *due_ms) {
    struct db_stmt *q = db_use(c, "SELECT due_at FROM rule_uses WHERE workspace_id = ?"
                                  " AND status = 'waiting' ORDER BY due_at LIMIT 1");
    db_bind_text(q, workspace_id);
    *due_ms = db_next(q) ? db_i64(q) : INT64_MAX;
    return db_done(ctx, q);
}

enum err rule_use_rows_list(struct ctx *ctx, struct db_conn *c, const char *rule_id,
                            const char *before_id, int limit, struct rule_use_row *out,
                            size_t *count) {
    struct db_stmt *q = db_use(c, USES " WHERE u.rule_id = ?1 AND (?2 IS NULL OR u.id < ?2)"
                                       " ORDER BY u.id DESC LIMIT ?3");
    db_bind_text(q, rule_id);
    db_bind_text(q, before_id);
    db_bind_i64(q, limit);
    return read_all(ctx, q, out, count);
}

enum err rule_use_rows_of_call(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               const char *call_id, int limit, struct rule_use_row *out,
                               size_t *count) {
    struct db_stmt *q =
        db_use(c, USES " WHERE u.call_id = ? AND u.workspace_id = ? ORDER BY u.id LIMIT ?");
    db_bind_text(q, call_id);
    db_bind_text(q, workspace_id);
    db_bind_i64(q, limit);
    return read_all(ctx, q, out, count);
}

enum err rule_use_rows_sent(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            int64_t since_ms, int64_t *count) {
    struct db_stmt *q = db_use(c, "SELECT COUNT(*) FROM rule_uses WHERE workspace_id = ?"
                                  " AND status = 'sent' AND settled_at > ?");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, since_ms);
    *count = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}

static enum err is_any(struct ctx *ctx, struct db_stmt *q, bool *is) {
    *is = db_next(q);
    return db_done(ctx, q);
}

enum err rule_use_rows_are_open(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                int64_t since_ms, bool *is) {
    struct db_stmt *q = db_use(c, "SELECT 1 FROM rule_uses u JOIN messages m"
                                  " ON m.id = u.sent_message_id WHERE u.workspace_id = ?"
                                  " AND u.status = 'sent' AND u.settled_at > ?"
                                  " AND m.status = 'requested' LIMIT 1");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, since_ms);
    return is_any(ctx, q, is);
}

enum err rule_use_row_was_sent(struct ctx *ctx, struct db_conn *c, const struct rule_use_row *like,
                               int64_t since_ms, bool *was) {
    struct db_stmt *q =
        db_use(c, "SELECT 1 FROM rule_uses WHERE workspace_id = ? AND status = 'sent'"
                  " AND settled_at > ? AND rule_id = ? AND who = ? AND recipient = ? LIMIT 1");
    db_bind_text(q, like->workspace_id);
    db_bind_i64(q, since_ms);
    db_bind_text(q, like->rule_id);
    db_bind_text(q, like->who);
    db_bind_text(q, like->recipient);
    return is_any(ctx, q, was);
}

enum err rule_sent_message(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           const char *provider, const char *provider_id, bool *is) {
    struct db_stmt *q =
        db_use(c, "SELECT 1 FROM messages m JOIN rule_uses u ON u.sent_message_id = m.id"
                  " WHERE m.workspace_id = ? AND m.provider = ? AND m.provider_id = ? LIMIT 1");
    db_bind_text(q, workspace_id);
    db_bind_text(q, provider);
    db_bind_text(q, provider_id);
    return is_any(ctx, q, is);
}

enum err rule_sent_between(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           const char *from, const char *to, int64_t since_ms, bool *is) {
    struct db_stmt *q =
        db_use(c, "SELECT 1 FROM rule_uses u JOIN messages m ON m.id = u.sent_message_id"
                  " WHERE u.workspace_id = ? AND u.status = 'sent' AND u.settled_at > ?"
                  " AND m.from_address = ? AND m.to_address = ? LIMIT 1");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, since_ms);
    db_bind_text(q, from);
    db_bind_text(q, to);
    return is_any(ctx, q, is);
}

enum err rule_use_rows_sweep(struct ctx *ctx, struct db_conn *tx, const char *oldest_id) {
    struct db_stmt *q = db_use(tx, "DELETE FROM rule_uses WHERE id IN"
                                   " (SELECT id FROM rule_uses WHERE id < ? LIMIT 64)");
    db_bind_text(q, oldest_id);
    return db_run(ctx, q);
}
