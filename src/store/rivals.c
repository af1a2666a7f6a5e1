#include "store/rivals.h"

enum err rival_has_id(struct ctx *ctx, struct db_conn *c, const char *sql, const char *provider,
                      const char *provider_id, const char *except_id, bool *taken) {
    struct db_stmt *q = db_use(c, sql);
    db_bind_text(q, provider);
    db_bind_text(q, provider_id);
    db_bind_text(q, except_id);
    *taken = db_next(q);
    return db_done(ctx, q);
}

enum err rivals_count(struct ctx *ctx, struct db_conn *c, const char *sql,
                      const struct rival_like *like, int64_t *count) {
    struct db_stmt *q = db_use(c, sql);
    db_bind_text(q, like->workspace_id);
    db_bind_text(q, like->to);
    db_bind_text(q, like->from);
    db_bind_text(q, like->id);
    db_bind_i64(q, like->since_ms);
    db_bind_i64(q, like->until_ms);
    *count = db_next(q) ? db_i64(q) : 0;
    return db_done(ctx, q);
}
