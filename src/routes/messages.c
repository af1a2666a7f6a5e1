/* Texts and e-mails: sending a text, and reading what was sent and what came. */
#include "service/messages/messages.h"

#include <string.h>

#include "routes/listing.h"
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

/* --- the list -------------------------------------------------------------------------------- */

static enum err read_filter(struct ctx *ctx, struct call *call, void *filter) {
    struct message_filter *f = filter;
    f->channel = input_choice(ctx, call, "channel", "sms", "email");
    f->direction = input_choice(ctx, call, "direction", "inbound", "outbound");
    f->status = input_query(ctx, call, "status");
    f->to = input_query(ctx, call, "to");
    f->from = input_query(ctx, call, "from");
    f->since_ms = input_time(ctx, call, "since");
    f->until_ms = input_time(ctx, call, "until");
    return OK;
}

static enum err write_page(struct ctx *ctx, const void *filter, int limit, const char *cursor,
                           struct jsonw *w, const char **next) {
    struct message_view *views = arena_alloc(ctx->arena, PAGE_MAX * sizeof *views);
    struct message_filter f = *(const struct message_filter *)filter;
    struct page_end end;
    size_t count;
    bool more;
    f.before_id = cursor;
    TRY(message_list(ctx, &f, limit, views, &count, &more, &end));
    for (size_t i = 0; i < count; i++)
        message_write(w, &views[i]);
    *next = page_next(ctx, more ? views[count - 1].row.id : NULL, &end);
    return OK;
}

static const char *const FILTERS[] = { "channel", "direction", "status", "to",
                                       "from",    "since",     "until",  NULL };
static const char *const COLUMNS[] = { "id",       "created_at",  "channel",      "direction",
                                       "from",     "to",          "status",       "error",
                                       "subject",  "body",        "media_urls",   "attachments",
                                       "provider", "provider_id", "operation_id", "updated_at",
                                       NULL };
static const struct listing LISTING = {
    .name = "messages",
    .filters = FILTERS,
    .columns = COLUMNS,
    .filter_bytes = sizeof(struct message_filter),
    .read_filter = read_filter,
    .page = write_page,
};

enum err get_messages(struct ctx *ctx, struct call *call) {
    return listing_reply(ctx, call, &LISTING);
}

enum err get_export_messages(struct ctx *ctx, struct call *call) {
    return listing_export(ctx, call, &LISTING);
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
