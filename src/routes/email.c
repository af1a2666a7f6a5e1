/* Mails: sending one, and the addresses that get none. */
#include "service/email/email.h"
#include "base/mailbox.h"
#include "routes/operations.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "routes/stubs.h"
#include "service/email/suppressions.h"

enum { PAGE_MAX = 101 };

static const char *const STEPS[] = {
    "Connect an e-mail service: PUT /api/v1/credentials/resend with api_key and from, or the card "
    "under "
    "Connections.",
    "Add the address of GET /api/v1/webhooks/endpoints at the service, and save its signing secret "
    "as "
    "webhook_secret.",
    "Send yourself a test mail: POST /api/v1/integrations/email/test.", NULL
};
static const struct stub STUB = { "an e-mail service",
                                  "Stub mode: this mail was checked and not sent.", STEPS };

typedef enum err order_fn(struct ctx *ctx, const json_t *body, const struct lift *files,
                          struct email_order *out);

static enum err send_ordered(struct ctx *ctx, struct call *call, order_fn *read) {
    struct email_order *order = arena_alloc(ctx->arena, sizeof *order);
    struct operation_end end;
    TRY(read(ctx, call->body, call->files, order));
    enum err e = email_place(ctx, order, input_patience(call), call->claim, &end);
    if (e == ERR_NOT_CONNECTED)
        return reply_stub(ctx, call, &STUB);
    return reply_operation(ctx, call, e, &end);
}

enum err post_email_send(struct ctx *ctx, struct call *call) {
    return send_ordered(ctx, call, email_order_read);
}

enum err post_email_test(struct ctx *ctx, struct call *call) {
    return send_ordered(ctx, call, email_order_test);
}

struct batch {
    struct email_placed mails[EMAIL_BATCH_MAX];
    size_t count;
};

/* All of them wait for their turn now; how each stands tell its message and its operation. */
static enum err say_batch(struct ctx *ctx, struct call *call, void *out) {
    const struct batch *b = out;
    struct jsonw w = reply_json(call, 202);
    jsonw_object(&w);
    jsonw_key(&w, "mails");
    jsonw_list(&w);
    for (size_t i = 0; i < b->count; i++) {
        jsonw_object(&w);
        jsonw_text_at(&w, "id", b->mails[i].id);
        jsonw_text_at(&w, "operation_id", b->mails[i].operation_id);
        jsonw_text_at(&w, "status", "requested");
        jsonw_object_end(&w);
    }
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return OK;
}

enum err post_email_batch(struct ctx *ctx, struct call *call) {
    struct batch *b = arena_alloc(ctx->arena, sizeof *b);
    reply_will(ctx, call, say_batch, b);
    enum err e = email_place_batch(ctx, call->body, b->mails, &b->count);
    if (e != ERR_NOT_CONNECTED) {
        TRY(e);
        return reply_now(ctx, call);
    }
    reply_unsay(call);
    return reply_stub(ctx, call, &STUB);
}

/* --- suppressions ---------------------------------------------------------------------------- */

enum err get_suppressions(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "address", "limit", "cursor", NULL };
    struct suppression_row *rows = arena_alloc(ctx->arena, PAGE_MAX * sizeof *rows);
    const char *before;
    size_t count;
    int limit;
    TRY(input_known_query(ctx, call, KNOWN));
    TRY(input_page(ctx, call, &limit, &before));
    TRY(suppressions_list(ctx, input_query(ctx, call, "address"), before, limit + 1, rows, &count));
    struct jsonw w = reply_list(call, "suppressions");
    bool more = count > (size_t)limit;
    for (size_t i = 0; i < count - more; i++)
        suppression_write(&w, &rows[i]);
    reply_list_end(&w, more ? rows[limit - 1].id : NULL);
    return OK;
}

static enum err say_added(struct ctx *ctx, struct call *call, void *out) {
    struct jsonw w = reply_json(call, 201);
    suppression_write(&w, out);
    return OK;
}

enum err post_suppression(struct ctx *ctx, struct call *call) {
    struct suppression_row row;
    struct input in = input_of(ctx, call);
    const char *address = input_text(&in, "address", true, 1, MAILBOX_ADDRESS_MAX_BYTES);
    const char *detail = input_name(&in, "detail", false, 500);
    const char *message_id = input_text(&in, "message_id", false, 1, 64);
    if (detail && message_id)
        ctx_field(ctx, "detail", "conflict", "With message_id the words are the provider's.");
    if (address && mailbox_wrong(str_of(address)))
        ctx_field(ctx, "address", "wrong_format", mailbox_wrong(str_of(address)));
    TRY(input_done(&in));
    reply_will(ctx, call, say_added, &row);
    struct suppression_wish wish = { address, detail, message_id };
    TRY(suppression_add(ctx, &wish, &row));
    return reply_now(ctx, call);
}

enum err delete_suppression(struct ctx *ctx, struct call *call) {
    TRY(suppression_lift(ctx, input_param(ctx, call, 0)));
    return reply_none(call);
}
