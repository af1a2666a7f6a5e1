#include "store/steps.h"

#include "base/clock.h"

enum err step_row_add(struct ctx *ctx, struct db_conn *tx, const struct step_row *step) {
    struct db_stmt *q = db_use(tx, "INSERT INTO steps (workspace_id, subject, at, what, detail)"
                                   " VALUES (?, ?, ?, ?, ?)");
    db_bind_text(q, step->workspace_id);
    db_bind_text(q, step->subject);
    db_bind_i64(q, step->at_ms ? step->at_ms : ava_wall_ms());
    db_bind_text(q, step->what);
    db_bind_text(q, step->detail ? step->detail : "{}");
    return db_run(ctx, q);
}

enum err step_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                        const char *subject, int limit, struct step_row *out, size_t *count) {
    struct db_stmt *q = db_use(c, "SELECT at, what, detail FROM steps WHERE workspace_id = ?"
                                  " AND subject = ? ORDER BY id LIMIT ?");
    db_bind_text(q, workspace_id);
    db_bind_text(q, subject);
    db_bind_i64(q, limit);
    for (*count = 0; db_next(q); ++*count) {
        struct step_row *s = &out[*count];
        s->workspace_id = workspace_id;
        s->subject = subject;
        s->at_ms = db_i64(q);
        s->what = db_text(q, ctx->arena);
        s->detail = db_text(q, ctx->arena);
    }
    return db_done(ctx, q);
}
