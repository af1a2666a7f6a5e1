#include "service/upkeep/trail.h"

enum err trail_list(struct ctx *ctx, struct audit_filter f, bool of_installation,
                    int64_t before_seq, int limit, struct audit_page *out) {
    if (of_installation && !ctx->who.is_admin)
        return ctx_fail(ctx, ERR_FORBIDDEN,
                        "Only an administrator of the installation can see what belongs to it.");
    f.workspace_id = of_installation ? "" : ctx->who.workspace_id;
    return audit_list(ctx, &f, before_seq, limit, out);
}
