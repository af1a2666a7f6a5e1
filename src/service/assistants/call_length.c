#include "service/assistants/call_length.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/sift.h"
#include "providers/vapi_settings.h"
#include "store/call_limits.h"

enum { REFRESH_MS = 2000 };

struct learning {
    const char *workspace_id;
    int64_t seconds;
};

static enum err learn_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct learning *l = arg;
    return call_limits_row_learn_length(ctx, tx, l->workspace_id, l->seconds);
}

enum err call_length_known(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           int64_t *seconds) {
    return call_limits_rows_length(ctx, c, workspace_id, seconds);
}

static int64_t in_settings(struct ctx *ctx, struct str body) {
    json_t *tree = sift_own(ctx->arena, body), *one;
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
    struct upstream_answer answer;
    int64_t known;
    TRY(call_length_known(ctx, db_reader(ctx), workspace_id, &known));
    *seconds = known;
    if (!known)
        return OK;
    if (vapi_settings_read(ctx, &lent->ref, assistant_id, &answer) != OK) {
        ctx_clear(ctx);
        return OK;
    }
    *seconds = in_settings(ctx, answer.body);
    if (*seconds != known)
        call_length_learn(ctx, *seconds);
    return OK;
}

void call_length_learn(struct ctx *ctx, int64_t seconds) {
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    struct learning l = { ctx->who.workspace_id, seconds };
    db_write(ctx, learn_write, &l);
}

void call_length_refresh(struct ctx *ctx) {
    struct ctx own = *ctx;
    struct lent lent;
    int64_t seconds, until_ms = ava_now_ms() + REFRESH_MS;
    if (until_ms < own.deadline_ms)
        own.deadline_ms = until_ms;
    if (lending_find(&own, PROVIDER_VAPI, &lent) == OK && lent.account.assistant_id &&
        lent.account.assistant_id[0])
        call_length_of(&own, &lent, lent.account.assistant_id, &seconds);
}
