#include "service/upkeep/trail.h"

enum err trail_list(struct ctx *ctx, int64_t before_seq, int limit, struct audit_page *out) {
    return audit_list(ctx, ctx->who.workspace_id, before_seq, limit, out);
}
