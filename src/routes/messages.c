/* Texts and e-mails: sending a text, and reading what was sent and what came. */
#include "service/messages/messages.h"

#include <string.h>

#include "routes/operations.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "service/email/email.h"

enum { PAGE_MAX = 101 };

enum err post_message(struct ctx *ctx, struct call *call) {
    struct operation_end end;
    enum err e = message_place(ctx, call->body, input_patience(call), call->claim, &end);
    return reply_operation(ctx, call, e, &end);
}

enum err get_messages(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "channel", "direction", "status", "to",     "from",
                                         "since",   "until",     "limit",  "cursor", NULL };
    struct message_view *views = arena_alloc(ctx->arena, PAGE_MAX * sizeof *views);
    struct message_filter f = { 0 };
    size_t count;
    int limit;
    TRY(input_known_query(ctx, call, KNOWN));
    f.channel = input_choice(ctx, call, "channel", "sms", "email");
    f.direction = input_choice(ctx, call, "direction", "inbound", "outbound");
    f.status = input_query(ctx, call, "status");
    f.to = input_query(ctx, call, "to");
    f.from = input_query(ctx, call, "from");
    f.since_ms = input_time(ctx, call, "since");
    f.until_ms = input_time(ctx, call, "until");
    TRY(input_page(ctx, call, &limit, &f.before_id));
    bool more;
    struct page_end end;
    TRY(message_list(ctx, &f, limit, views, &count, &more, &end));
    struct jsonw w = reply_list(call, "messages");
    for (size_t i = 0; i < count; i++)
        message_write(&w, &views[i]);
    reply_list_end(&w, more ? views[count - 1].row.id : end.id[0] ? end.id : NULL);
    return OK;
}

enum err get_message(struct ctx *ctx, struct call *call) {
    struct message_view v;
    TRY(message_read(ctx, input_param(ctx, call, 0), &v));
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    message_write_members(&w, &v);
    TRY(email_write_recipients(ctx, &w, &v.row));
    jsonw_object_end(&w);
    return OK;
}
