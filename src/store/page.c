#include "store/page.h"

enum err page_end_find(struct ctx *ctx, struct db_stmt *q, const char *scope, const char *before_id,
                       struct page_end *end) {
    db_bind_text(q, scope);
    db_bind_text(q, before_id ? before_id : "~");
    db_bind_i64(q, PAGE_LOOK_MAX - 1);
    if (db_next(q))
        db_copy(q, end->id, sizeof end->id);
    return db_done(ctx, q);
}

const char *page_next(struct ctx *ctx, const char *last_id, const struct page_end *end) {
    return last_id || end->id[0] ? arena_strdup(ctx->arena, last_id ? last_id : end->id) : NULL;
}
