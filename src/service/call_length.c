#include "service/call_length.h"

#include <string.h>

#include "base/json.h"
#include "providers/vapi.h"
#include "service/budgets.h"
#include "store/call_limits.h"

struct learning {
    const char *workspace_id;
    int64_t seconds;
};

static enum err learn_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct learning *l = arg;
    return call_limits_learn_length(ctx, tx, l->workspace_id, l->seconds);
}

enum err call_length_known(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           int64_t *seconds) {
    struct call_limits_row l;
    bool applies;
    TRY(budget_applies(ctx, c, workspace_id, "", &applies));
    TRY(call_limits_find(ctx, c, workspace_id, "", &l));
    *seconds = !applies ? 0 : l.assistant_seconds ? l.assistant_seconds : CALL_LENGTH_DEFAULT_S;
    return OK;
}

static int64_t in_settings(struct ctx *ctx, struct str body) {
    const char *why;
    json_t *tree = json_parse(ctx->arena, body, &why), *one;
    size_t i;
    json_array_foreach(json_object_get(tree, "settings"), i, one) {
        const char *key = json_text(one, "key");
        if (key && strcmp(key, vapi_setting_name(VAPI_DURATION)) == 0)
            return json_i64_or(one, "value", CALL_LENGTH_DEFAULT_S);
    }
    return CALL_LENGTH_DEFAULT_S;
}

enum err call_length_of(struct ctx *ctx, const struct lent *lent, const char *assistant_id,
                        int64_t *seconds) {
    const char *workspace_id = ctx->who.workspace_id;
    struct problem none = { .err = OK };
    struct upstream_answer answer;
    int64_t known;
    TRY(call_length_known(ctx, db_reader(ctx->parts->db), workspace_id, &known));
    *seconds = known;
    if (!known)
        return OK;
    if (vapi_settings_read(ctx, &lent->ref, assistant_id, &answer) != OK) {
        ctx->problem = none;
        return OK;
    }
    struct learning l = { workspace_id, in_settings(ctx, answer.body) };
    *seconds = l.seconds;
    if (l.seconds != known && db_write(ctx, learn_write, &l) != OK)
        ctx->problem = none; /* learned again with the next call */
    return OK;
}
