/* Rules: when something happens, somebody is told; and what they did last. */
#include "service/notices/rules.h"

#include "routes/reply.h"
#include "routes/resources.h"
#include "service/notices/notices.h"

enum { PAGE_MAX = 101 };

static enum err say_created(struct ctx *ctx, struct call *call, void *out) {
    struct jsonw w = reply_json(call, 201);
    rule_write(ctx, &w, out);
    return OK;
}

enum err post_rule(struct ctx *ctx, struct call *call) {
    struct rule_row rule;
    reply_will(ctx, call, say_created, &rule);
    TRY(rule_create(ctx, call->body, &rule));
    return reply_now(ctx, call);
}

enum err get_rules(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "limit", "cursor", NULL };
    struct rule_row *rows = arena_alloc(ctx->arena, PAGE_MAX * sizeof *rows);
    const char *cursor;
    size_t count;
    int limit;
    TRY(input_known_query(ctx, call, KNOWN));
    TRY(input_page(ctx, call, &limit, &cursor));
    TRY(rule_list(ctx, cursor, limit + 1, rows, &count));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_list(call, "rules");
    for (size_t i = 0; i < count - more; i++)
        rule_write(ctx, &w, &rows[i]);
    reply_list_end(&w, more ? rows[limit - 1].id : NULL);
    return OK;
}

static enum err answer(struct ctx *ctx, struct call *call, const struct rule_row *rule) {
    struct jsonw w = reply_json(call, 200);
    rule_write(ctx, &w, rule);
    return OK;
}

enum err get_rule(struct ctx *ctx, struct call *call) {
    struct rule_row rule;
    TRY(rule_read(ctx, input_param(ctx, call, 0), &rule));
    return answer(ctx, call, &rule);
}

enum err patch_rule(struct ctx *ctx, struct call *call) {
    struct rule_row rule;
    TRY(rule_change(ctx, input_param(ctx, call, 0), call->body, &rule));
    return answer(ctx, call, &rule);
}

enum err delete_rule(struct ctx *ctx, struct call *call) {
    TRY(rule_remove(ctx, input_param(ctx, call, 0)));
    return reply_none(call);
}

enum err get_rule_uses(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "limit", "cursor", NULL };
    struct rule_use_row *rows = arena_alloc(ctx->arena, PAGE_MAX * sizeof *rows);
    const char *cursor;
    size_t count;
    int limit;
    int64_t sent;
    TRY(input_known_query(ctx, call, KNOWN));
    TRY(input_page(ctx, call, &limit, &cursor));
    TRY(rule_uses(ctx, input_param(ctx, call, 0), cursor, limit + 1, rows, &count));
    TRY(notices_sent(ctx, &sent));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "uses");
    jsonw_list(&w);
    for (size_t i = 0; i < count - more; i++)
        rule_use_write(&w, &rows[i]);
    jsonw_list_end(&w);
    jsonw_i64_at(&w, "sent_last_hour", sent);
    jsonw_i64_at(&w, "hourly_limit", NOTICES_PER_HOUR);
    jsonw_text_at(&w, "next_cursor", more ? rows[limit - 1].id : NULL);
    jsonw_object_end(&w);
    return OK;
}
