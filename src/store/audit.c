#include "store/audit.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "store/page.h"

enum { HOUR_MS = 3600 * 1000 };

static void put_part(struct buf *b, const char *text) {
    buf_i64(b, (int64_t)strlen(text));
    buf_char(b, ':');
    buf_text(b, text);
}

/* Length-prefixed, so that no two rows have the same canonical form. */
static void canonical(struct buf *b, const struct audit_entry *e, const void *prev) {
    buf_put(b, prev, 32);
    buf_i64(b, e->seq);
    buf_char(b, ':');
    buf_i64(b, e->at_ms);
    put_part(b, e->workspace_id);
    put_part(b, e->actor);
    put_part(b, e->action);
    put_part(b, e->object);
    put_part(b, e->outcome);
    put_part(b, e->correlation_id);
    put_part(b, e->detail);
}

static void read_entry(struct ctx *ctx, struct db_stmt *q, struct audit_entry *e) {
    e->seq = db_i64(q);
    e->at_ms = db_i64(q);
    e->workspace_id = db_text(q, ctx->arena);
    e->actor = db_text(q, ctx->arena);
    e->action = db_text(q, ctx->arena);
    e->object = db_text(q, ctx->arena);
    e->outcome = db_text(q, ctx->arena);
    e->correlation_id = db_text(q, ctx->arena);
    e->detail = db_text(q, ctx->arena);
}

/* What the next entry of the workspace goes behind: one question, since everybody who audits waits for the answer. */
static enum err read_last(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                          int64_t *seq, unsigned char prev[32]) {
    struct db_stmt *q =
        db_use(tx, "SELECT (SELECT COALESCE(MAX(seq), 0) FROM audit_log), (SELECT hash FROM"
                   " audit_log WHERE workspace_id = ? ORDER BY seq DESC LIMIT 1)");
    db_bind_text(q, workspace_id);
    memset(prev, 0, 32);
    *seq = 0;
    if (db_next(q)) {
        *seq = db_i64(q);
        struct str hash = db_blob(q, ctx->arena);
        if (hash.len == 32)
            memcpy(prev, hash.ptr, 32);
    }
    return db_done(ctx, q);
}

/* As it is kept: the chain is of that. */
static const char *kept(struct ctx *ctx, const char *text) {
    if (!text)
        return "";
    return str_is_utf8(str_of(text)) ? text
                                     : str_dup(ctx->arena, str_clean(ctx->arena, str_of(text)));
}

enum err audit_write(struct ctx *ctx, struct db_conn *tx, struct audit_entry e) {
    unsigned char prev[32], hash[32];
    struct buf row = { 0 };
    TRY(db_lock(ctx, tx, "audit")); /* numbers and chains are the installation's */
    if (!e.actor)
        e.actor = ctx->who.key_id[0]    ? ctx->who.key_id
                  : ctx->who.user_id[0] ? ctx->who.user_id
                                        : "system";
    if (!e.workspace_id)
        e.workspace_id = ctx->who.workspace_id;
    e.object = kept(ctx, e.object);
    e.detail = kept(ctx, e.detail);
    e.outcome = e.outcome ? e.outcome : "ok";
    e.correlation_id = ctx->correlation_id;
    e.at_ms = ava_wall_ms();
    TRY(read_last(ctx, tx, e.workspace_id, &e.seq, prev));
    e.seq++;
    canonical(&row, &e, prev);
    db_hash(tx, hash, buf_view(&row));
    buf_fini(&row);

    struct db_stmt *q =
        db_use(tx, "INSERT INTO audit_log (seq, workspace_id, at, actor, action, object, outcome,"
                   " correlation_id, detail, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_i64(q, e.seq);
    db_bind_text(q, e.workspace_id);
    db_bind_i64(q, e.at_ms);
    db_bind_text(q, e.actor);
    db_bind_text(q, e.action);
    db_bind_text(q, e.object);
    db_bind_text(q, e.outcome);
    db_bind_text(q, e.correlation_id);
    db_bind_text(q, e.detail);
    db_bind_blob(q, prev, sizeof prev);
    db_bind_blob(q, hash, sizeof hash);
    return db_run(ctx, q);
}

/* The hours before this one that were not told yet. */
static enum err tell_strangers(struct ctx *ctx, struct db_conn *tx, int64_t hour_ms) {
    char since[32];
    int64_t was_ms = 0, count = 0;
    struct db_stmt *q =
        db_use(tx, "SELECT MIN(hour), CAST(SUM(count) AS BIGINT) FROM stranger_failures"
                   " WHERE hour < ?");
    db_bind_i64(q, hour_ms);
    if (db_next(q)) {
        was_ms = db_i64(q);
        count = db_i64(q);
    }
    TRY(db_done(ctx, q));
    if (!count)
        return OK;
    clock_rfc3339(was_ms, since);
    const char *detail =
        arena_printf(ctx->arena, "{\"since\":\"%s\",\"count\":%lld}", since, (long long)count);
    TRY(audit_write(ctx, tx,
                    (struct audit_entry){ .workspace_id = "",
                                          .actor = "system",
                                          .action = "login.strangers",
                                          .outcome = "failed",
                                          .detail = detail }));
    q = db_use(tx, "DELETE FROM stranger_failures WHERE hour < ?");
    db_bind_i64(q, hour_ms);
    return db_run(ctx, q);
}

enum err audit_stranger(struct ctx *ctx, struct db_conn *tx, int64_t now_ms) {
    const int64_t hour_ms = now_ms - now_ms % HOUR_MS;
    struct db_stmt *q =
        db_use(tx, "INSERT INTO stranger_failures (hour, count) VALUES (?, 1)"
                   " ON CONFLICT (hour) DO UPDATE SET count = stranger_failures.count + 1");
    db_bind_i64(q, hour_ms);
    TRY(db_run(ctx, q));
    return tell_strangers(ctx, tx, hour_ms);
}

/* --- checking and signing -------------------------------------------------------------------- */

static bool read_hash(struct ctx *ctx, struct db_stmt *q, void *out, size_t bytes) {
    struct str blob = db_blob(q, ctx->arena);
    memset(out, 0, bytes);
    if (blob.len == bytes)
        memcpy(out, blob.ptr, bytes);
    return blob.len > 0;
}

#define ROW                                                                        \
    "SELECT a.seq, a.at, a.workspace_id, a.actor, a.action, a.object, a.outcome, " \
    "a.correlation_id,"                                                            \
    " a.detail, a.prev, a.hash"
#define BEYOND " FROM audit_log a WHERE a.seq > ? ORDER BY a.seq LIMIT ?"

static enum err read_rows(struct ctx *ctx, struct db_stmt *q, int64_t after_seq, bool with_before,
                          struct audit_row *out, size_t max, size_t *count) {
    db_bind_i64(q, after_seq);
    db_bind_i64(q, (int64_t)max);
    for (*count = 0; *count < max && db_next(q); ++*count) {
        struct audit_row *r = &out[*count];
        read_entry(ctx, q, &r->entry);
        read_hash(ctx, q, r->prev, sizeof r->prev);
        read_hash(ctx, q, r->hash, sizeof r->hash);
        r->has_before = with_before && read_hash(ctx, q, r->before, sizeof r->before);
    }
    return db_done(ctx, q);
}

enum err audit_rows(struct ctx *ctx, struct db_conn *c, int64_t after_seq, struct audit_row *out,
                    size_t max, size_t *count) {
    return read_rows(ctx, db_use(c, ROW BEYOND), after_seq, false, out, max, count);
}

enum err audit_rows_chained(struct ctx *ctx, struct db_conn *c, int64_t after_seq,
                            struct audit_row *out, size_t max, size_t *count) {
    struct db_stmt *q = db_use(c, ROW ", (SELECT b.hash FROM audit_log b WHERE b.workspace_id ="
                                      " a.workspace_id AND b.seq < a.seq ORDER BY b.seq DESC"
                                      " LIMIT 1)" BEYOND);
    return read_rows(ctx, q, after_seq, true, out, max, count);
}

bool audit_row_is_sound(struct db_conn *c, const struct audit_row *row) {
    struct buf b = { 0 };
    unsigned char hash[32];
    canonical(&b, &row->entry, row->prev);
    db_hash(c, hash, buf_view(&b));
    buf_fini(&b);
    return memcmp(hash, row->hash, sizeof hash) == 0; /* not secret: stored beside it */
}

enum err audit_rows_beyond(struct ctx *ctx, struct db_conn *c, int64_t seq, int64_t *count,
                           int64_t *oldest_ms) {
    struct db_stmt *q = db_use(c, "SELECT count(*), min(at) FROM audit_log WHERE seq > ?");
    db_bind_i64(q, seq);
    *count = db_next(q) ? db_i64(q) : 0;
    *oldest_ms = *count ? db_i64(q) : 0;
    return db_done(ctx, q);
}

enum err audit_rows_ends(struct ctx *ctx, struct db_conn *c, int64_t *first, int64_t *last) {
    struct db_stmt *q = db_use(c, "SELECT (SELECT min(seq) FROM audit_log),"
                                  " (SELECT max(seq) FROM audit_log)");
    *first = db_next(q) ? db_i64(q) : 0;
    *last = *first ? db_i64(q) : 0;
    return db_done(ctx, q);
}

void audit_digest_begin(struct audit_digest *d, const unsigned char before[32]) {
    *d = (struct audit_digest){ { 0 } };
    buf_put(&d->hashes, before, 32);
}

void audit_digest_add(struct audit_digest *d, const unsigned char hash[32]) {
    buf_put(&d->hashes, hash, 32);
}

void audit_digest_end(struct db_conn *c, struct audit_digest *d, unsigned char out[32]) {
    db_hash(c, out, buf_view(&d->hashes));
    buf_fini(&d->hashes);
}

#define HEAD "seq, from_seq, at, digest, kek_id, signature"

static enum err read_head(struct ctx *ctx, struct db_stmt *q, struct audit_head *out) {
    *out = (struct audit_head){ .seq = 0 };
    if (db_next(q)) {
        out->seq = db_i64(q);
        out->from_seq = db_i64(q);
        out->at_ms = db_i64(q);
        read_hash(ctx, q, out->digest, sizeof out->digest);
        db_copy(q, out->kek_id, sizeof out->kek_id);
        read_hash(ctx, q, out->signature, sizeof out->signature);
    }
    return db_done(ctx, q);
}

enum err audit_head_last(struct ctx *ctx, struct db_conn *c, struct audit_head *out) {
    return read_head(ctx,
                     db_use(c, "SELECT " HEAD " FROM audit_heads WHERE seq ="
                               " (SELECT max(seq) FROM audit_heads)"),
                     out);
}

enum err audit_head_from(struct ctx *ctx, struct db_conn *c, int64_t seq, struct audit_head *out) {
    struct db_stmt *q =
        db_use(c, "SELECT " HEAD " FROM audit_heads WHERE seq >= ? ORDER BY seq LIMIT 1");
    db_bind_i64(q, seq);
    return read_head(ctx, q, out);
}

enum err audit_head_old(struct ctx *ctx, struct db_conn *c, int64_t at_ms, struct audit_head *out) {
    struct db_stmt *q = db_use(c, "SELECT " HEAD " FROM audit_heads WHERE at < ? AND"
                                  " seq >= (SELECT min(seq) FROM audit_log) ORDER BY seq LIMIT 1");
    db_bind_i64(q, at_ms);
    return read_head(ctx, q, out);
}

enum err audit_head_insert(struct ctx *ctx, struct db_conn *tx, const struct audit_head *head) {
    struct db_stmt *q = db_use(tx, "INSERT INTO audit_heads (" HEAD ") VALUES (?, ?, ?, ?, ?, ?)");
    db_bind_i64(q, head->seq);
    db_bind_i64(q, head->from_seq);
    db_bind_i64(q, head->at_ms);
    db_bind_blob(q, head->digest, sizeof head->digest);
    db_bind_text(q, head->kek_id);
    db_bind_blob(q, head->signature, sizeof head->signature);
    return db_run(ctx, q);
}

enum err audit_rows_remove(struct ctx *ctx, struct db_conn *tx, int64_t seq) {
    struct db_stmt *q = db_use(tx, "DELETE FROM audit_log WHERE seq <= ?");
    db_bind_i64(q, seq);
    TRY(db_run(ctx, q));
    q = db_use(tx, "DELETE FROM audit_heads WHERE seq < ?");
    db_bind_i64(q, seq);
    return db_run(ctx, q);
}

/* --- reading --------------------------------------------------------------------------------- */

enum err audit_has(struct ctx *ctx, struct db_conn *c, const char *workspace_id, const char *action,
                   const char *object, bool *has) {
    struct db_stmt *q = db_use(c, "SELECT 1 FROM audit_log WHERE workspace_id = ? AND action = ?"
                                  " AND object = ? LIMIT 1");
    db_bind_text(q, workspace_id);
    db_bind_text(q, action);
    db_bind_text(q, object);
    *has = db_next(q);
    return db_done(ctx, q);
}

/* The seq behind which this page does not look; 0: there are not so many rows. */
static enum err find_end(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                         int64_t before_seq, int64_t *end_seq) {
    struct db_stmt *q = db_use(c, "SELECT seq FROM audit_log WHERE workspace_id = ? AND seq < ?"
                                  " ORDER BY seq DESC LIMIT 1 OFFSET ?");
    db_bind_text(q, workspace_id);
    db_bind_i64(q, before_seq);
    db_bind_i64(q, PAGE_LOOK_MAX - 1);
    *end_seq = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}

/* What the object is called, or was when it was removed, where its row is still there: one row by its key. It must be of the entry's workspace (the installation's entries see
 * all): some objects are ids that providers or people chose, and those lead to nobody else's names. */
#define OBJECT_NAME                                                                          \
    "CASE substr(a.object, 1, instr(a.object, '_'))"                                         \
    " WHEN 'usr_' THEN (SELECT COALESCE(o.name, o.email) FROM users o WHERE o.id = a.object" \
    " AND (a.workspace_id = '' OR EXISTS (SELECT 1 FROM memberships m"                       \
    " WHERE m.workspace_id = a.workspace_id AND m.user_id = o.id)))"                         \
    " WHEN 'ws_' THEN (SELECT o.name FROM workspaces o WHERE o.id = a.object"                \
    " AND a.workspace_id IN ('', o.id))"                                                     \
    " WHEN 'key_' THEN (SELECT o.name FROM api_keys o WHERE o.id = a.object"                 \
    " AND a.workspace_id IN ('', o.workspace_id))"                                           \
    " WHEN 'inv_' THEN (SELECT o.email FROM invitations o WHERE o.id = a.object"             \
    " AND a.workspace_id IN ('', o.workspace_id))"                                           \
    " WHEN 'num_' THEN (SELECT o.phone_number FROM numbers o WHERE o.id = a.object"          \
    " AND a.workspace_id IN ('', o.workspace_id))"                                           \
    " WHEN 'asst_' THEN (SELECT o.name FROM assistants o WHERE o.id = a.object"              \
    " AND a.workspace_id IN ('', o.workspace_id))"                                           \
    " WHEN 'tpl_' THEN (SELECT o.name FROM templates o WHERE o.id = a.object"                \
    " AND a.workspace_id IN ('', o.workspace_id))"                                           \
    " WHEN 'rule_' THEN (SELECT o.name FROM rules o WHERE o.id = a.object"                   \
    " AND a.workspace_id IN ('', o.workspace_id))"                                           \
    " WHEN '' THEN (SELECT MAX(o.phone_number) FROM numbers o"                               \
    " WHERE o.workspace_id = a.workspace_id AND o.provider_id = a.object)"                   \
    " END"

enum err audit_list(struct ctx *ctx, const struct audit_filter *f, int64_t before_seq, int limit,
                    struct audit_page *out) {
    struct db_conn *c = db_reader(ctx);
    int64_t before = before_seq ? before_seq : INT64_MAX, end_seq;
    TRY(find_end(ctx, c, f->workspace_id, before, &end_seq));
    struct db_stmt *q =
        db_use(c, "SELECT a.seq, a.at, a.workspace_id, a.actor, a.action, a.object, a.outcome,"
                  " a.correlation_id, a.detail, COALESCE(u.name, u.email, k.name), " OBJECT_NAME
                  " FROM audit_log a"
                  " LEFT JOIN users u ON u.id = a.actor LEFT JOIN api_keys k ON k.id = a.actor"
                  " WHERE a.workspace_id = ?1 AND a.seq < ?2 AND a.seq >= ?3"
                  " AND (?4 IS NULL OR a.actor = ?4) AND (?5 IS NULL OR a.outcome = ?5)"
                  " AND (?6 IS NULL OR a.action = ?6"
                  " OR substr(a.action, 1, length(?6) + 1) = ?6 || '.')"
                  " AND a.at >= ?7 AND a.at < ?8 ORDER BY a.seq DESC LIMIT ?9");
    db_bind_text(q, f->workspace_id);
    db_bind_i64(q, before);
    db_bind_i64(q, end_seq);
    db_bind_text(q, f->actor);
    db_bind_text(q, f->outcome);
    db_bind_text(q, f->action);
    db_bind_i64(q, f->since_ms);
    db_bind_i64(q, f->until_ms ? f->until_ms : INT64_MAX);
    db_bind_i64(q, limit + 1);
    *out = (struct audit_page){ .next_seq = end_seq,
                                .entries = arena_alloc(ctx->arena, sizeof *out->entries *
                                                                       (size_t)(limit + 1)) };
    while (db_next(q)) {
        struct audit_shown *e = &out->entries[out->count++];
        read_entry(ctx, q, &e->entry);
        e->actor_name = db_text(q, ctx->arena);
        e->object_name = db_text(q, ctx->arena);
    }
    if (out->count > (size_t)limit)
        out->next_seq = out->entries[--out->count - 1].entry.seq;
    return db_done(ctx, q);
}
