#include "service/email/email.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/sift.h"
#include "obs/fields.h"
#include "providers/resend.h"
#include "service/connections/lending.h"
#include "service/email/email_smtp.h"
#include "service/email/templates.h"
#include "service/messages/message_status.h"
#include "service/messages/messages.h"
#include "store/suppressions.h"
#include "vault/vault.h"

/* --- placing one ----------------------------------------------------------------------------- */

struct placing {
    const struct operation_kind *kind;
    struct message_row row;
    const struct email_order *order;
    const char *from;
    const char *within; /* of a batch, which mail it is: "mails[3]."; "" */
};

enum { BATCH_PACE_MS = 500 }; /* Resend lets 2 a second through */

/* The addresses of one kind, as the message shows them: "a@x.example, b@x.example". */
static const char *shown_to(struct ctx *ctx, const struct email_order *o) {
    struct buf *b = buf_in(ctx->arena);
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->recipients[i].kind, "to") == 0)
            buf_printf(b, "%s%s", b->len ? ", " : "", o->recipients[i].address);
    return str_dup(ctx->arena, buf_view(b));
}

static void write_kind(struct jsonw *w, const struct email_order *o, const char *kind) {
    bool is_open = false;
    for (size_t i = 0; i < o->count; i++) {
        if (strcmp(o->recipients[i].kind, kind) != 0)
            continue;
        if (!is_open) {
            jsonw_key(w, kind);
            jsonw_list(w);
        }
        is_open = true;
        jsonw_text(w, o->recipients[i].address);
    }
    if (is_open)
        jsonw_list_end(w);
}

static void write_tree_at(struct jsonw *w, const char *name, const json_t *tree) {
    if (!tree || json_is_null(tree))
        return;
    jsonw_key(w, name);
    jsonw_tree(w, tree);
}

/* What is sent, in Resend's names: written once, so that each attempt sends the same bytes. Its tag comes back
 * with each event, and says which operation of ours it was. */
static struct str request_of(struct ctx *ctx, const struct placing *p) {
    const struct email_order *o = p->order;
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    jsonw_text_at(&w, "from", p->from);
    write_kind(&w, o, "to");
    write_kind(&w, o, "cc");
    write_kind(&w, o, "bcc");
    write_tree_at(&w, "reply_to", o->reply_to);
    jsonw_text_at(&w, "subject", o->subject);
    if (o->text)
        jsonw_text_at(&w, "text", o->text);
    if (o->html)
        jsonw_text_at(&w, "html", o->html);
    write_tree_at(&w, "headers", o->headers);
    if (o->scheduled_at)
        jsonw_text_at(&w, "scheduled_at", o->scheduled_at);
    attachments_write(&w, &o->attachments); /* the bytes come to it with each attempt */
    if (p->kind != &EMAIL_SEND) {
        jsonw_i64_at(&w, "at_ms", p->row.created_ms);
        jsonw_object_end(&w);
        return buf_view(out);
    }
    jsonw_key(&w, "tags");
    jsonw_list(&w);
    jsonw_object(&w);
    jsonw_text_at(&w, "name", "ava_op");
    jsonw_text_at(&w, "value", p->row.operation_id);
    jsonw_object_end(&w);
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return buf_view(out);
}

/* Who has a suppression is named, and nobody gets the mail: to leave one out silently would be worse. */
static enum err check_suppressed(struct ctx *ctx, struct db_conn *c, const struct placing *p) {
    const struct email_order *o = p->order;
    for (size_t i = 0; i < o->count; i++) {
        struct suppression_row s;
        char day[32];
        TRY(suppression_row_find(ctx, c, ctx->who.workspace_id, o->recipients[i].address_key, &s));
        if (!s.id)
            continue;
        clock_rfc3339(s.created_ms, day);
        ctx_field(ctx, arena_join(ctx->arena, p->within, o->recipients[i].kind), "suppressed",
                  arena_printf(ctx->arena,
                               "%s gets no more mails since %.10s (%s). To lift that: DELETE "
                               "/api/v1/suppressions/%s.",
                               o->recipients[i].address, day, s.reason, s.id));
    }
    return ctx_fields_ok(ctx);
}

/* For operation_order.insert: the message with its text sealed, and those it goes to. */
static enum err insert(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct placing *p = arg;
    struct sealed_place place = message_row_place(&p->row);
    struct buf *content = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(content);
    TRY(check_suppressed(ctx, tx, p));
    jsonw_object(&w);
    jsonw_text_at(&w, "subject", p->order->subject);
    jsonw_text_at(&w, "body", p->order->text ? p->order->text : "");
    attachments_write(&w, &p->order->attachments);
    jsonw_object_end(&w);
    TRY(vault_seal(ctx, tx, &place, buf_view(content), &p->row.sealed));
    TRY(message_row_insert(ctx, tx, &p->row));
    for (size_t i = 0; i < p->order->count; i++)
        TRY(email_recipient_row_insert(ctx, tx, p->row.id, p->row.workspace_id, (int)i,
                                       p->row.created_ms, &p->order->recipients[i]));
    return attachments_keep(ctx, tx, &p->row, &p->order->attachments);
}

/* What its template says, where it has one. */
static enum err fill(struct ctx *ctx, struct email_order *o) {
    struct rendered said;
    if (!o->template_name)
        return OK;
    TRY(template_render(ctx, db_reader(ctx), o->template_name, o->variables, &said));
    o->subject = str_dup(ctx->arena, said.subject);
    o->text = said.text.ptr ? str_dup(ctx->arena, said.text) : NULL;
    o->html = said.html.ptr ? str_dup(ctx->arena, said.html) : NULL;
    return OK;
}

/* Can the mail server take what it is asked for? */
static enum err check_server(struct ctx *ctx, const struct email_order *o) {
    if (o->scheduled_at)
        ctx_field(ctx, "scheduled_at", "unsupported",
                  "A mail server sends at once; connect an e-mail service to send later.");
    if (json_array_size(o->reply_to) > 1)
        ctx_field(ctx, "reply_to", "unsupported",
                  "Through a mail server answers go to one address.");
    return ctx_fields_ok(ctx);
}

/* Does the e-mail service rest, as far as this workspace knows? Then nothing of a mail has reached it. */
static bool is_resting(struct ctx *ctx, const struct lent *lent) {
    struct upstream *u = ctx->parts->upstream;
    return upstream_state(u, PROVIDER_RESEND, NULL).breaker == BREAKER_OPEN ||
           upstream_state(u, PROVIDER_RESEND, lent->ref.id).breaker == BREAKER_OPEN;
}

/* The workspace's own mail server in its place, where the workspace allows that; else lent stays. */
static bool may_fall_back(struct ctx *ctx, const struct email_order *o, struct lent *lent) {
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    struct lent own;
    if (lending_find(ctx, PROVIDER_SMTP, &own) != OK || !own.account.is_fallback ||
        check_server(ctx, o) != OK)
        return false;
    *lent = own;
    return true;
}

/* Through the e-mail service where one is connected, else through the workspace's own mail server; through that
 * too while the service rests, where the workspace allows it. */
static enum err choose(struct ctx *ctx, const struct email_order *o, struct lent *lent,
                       const struct operation_kind **kind) {
    enum err e = lending_find(ctx, PROVIDER_RESEND, lent);
    *kind = &EMAIL_SEND;
    if (e == OK && is_resting(ctx, lent) && may_fall_back(ctx, o, lent))
        *kind = &EMAIL_SMTP;
    if (e != ERR_NOT_CONNECTED)
        return e;
    ctx_clear(ctx);
    *kind = &EMAIL_SMTP;
    TRY(lending_find(ctx, PROVIDER_SMTP, lent));
    return check_server(ctx, o);
}

/* Makes the row and the request of a mail that is rendered. */
static enum err prepare(struct ctx *ctx, const struct email_order *o, struct placing *p) {
    struct lent lent;
    struct id id = id_make("msg"), op = id_make("op");
    int64_t now_ms = ava_wall_ms();
    TRY(choose(ctx, o, &lent, &p->kind));
    p->order = o;
    p->from = lent.account.from;
    p->row = (struct message_row){ .id = arena_strdup(ctx->arena, id.text),
                                   .workspace_id = ctx->who.workspace_id,
                                   .operation_id = arena_strdup(ctx->arena, op.text),
                                   .channel = "email",
                                   .direction = "outbound",
                                   .provider = provider_name(p->kind->provider),
                                   .to = shown_to(ctx, o),
                                   .from = lent.account.from,
                                   .status = "requested",
                                   .created_ms = now_ms,
                                   .updated_ms = now_ms };
    return OK;
}

static struct operation_order order_of(struct ctx *ctx, struct placing *p) {
    return (struct operation_order){ .kind = p->kind,
                                     .id = p->row.operation_id,
                                     .object = p->row.id,
                                     .request = request_of(ctx, p),
                                     .insert = insert,
                                     .arg = p };
}

enum err email_place(struct ctx *ctx, struct email_order *o, enum operation_patience patience,
                     const struct id *claim, struct operation_end *out) {
    struct placing p = { .within = "" };
    *out = (struct operation_end){ .was_abandoned = true };
    TRY(fill(ctx, o));
    TRY(prepare(ctx, o, &p));
    struct operation_order order = order_of(ctx, &p);
    order.claim = claim;
    order.also = o->also;
    order.patience = patience;
    return operation_place(ctx, &order, out);
}

/* --- several --------------------------------------------------------------------------------- */

/* The fields noted from that one on are of this mail. */
static void name_within(struct ctx *ctx, const char *within, size_t from) {
    for (size_t i = from; i < ctx->problem.field_count; i++)
        ctx->problem.fields[i].field = arena_join(ctx->arena, within, ctx->problem.fields[i].field);
}

static void refuse_single(struct ctx *ctx, const json_t *body, const char *name) {
    const json_t *value = json_object_get(body, name);
    if (value && !json_is_null(value))
        ctx_field(ctx, name, "unsupported",
                  arena_printf(ctx->arena,
                               "A batch takes no %s; send such a mail by itself, to "
                               "/api/v1/integrations/email/send.",
                               name));
}

/* Reads one mail and renders it. Other errors than wrong fields are returned. */
static enum err read_one(struct ctx *ctx, const json_t *body, struct email_order *order,
                         const char *within) {
    size_t before = ctx->problem.field_count;
    enum err e = OK;
    if (!json_is_object(body)) {
        ctx_field(ctx, "", "wrong_type", "A mail is an object with to, subject and text.");
        name_within(ctx, str_dup(ctx->arena, (struct str){ within, strlen(within) - 1 }), before);
        return OK;
    }
    refuse_single(ctx, body, "attachments");
    refuse_single(ctx, body, "scheduled_at");
    email_order_read(ctx, body, NULL, order);
    if (ctx->problem.field_count == before)
        e = fill(ctx, order);
    name_within(ctx, within, before);
    return e == ERR_INVALID ? OK : e;
}

static enum err read_list(struct ctx *ctx, const json_t *body, const json_t **out) {
    const json_t *list = json_object_get(body, "mails");
    static const char *const KNOWN[] = { "mails" };
    if (!json_is_array(list) || !json_array_size(list))
        ctx_field(ctx, "mails", "required", "mails is a list of 1 to 100 mails.");
    else if (json_array_size(list) > EMAIL_BATCH_MAX)
        ctx_field_range(ctx, "mails", "too_many", 1, EMAIL_BATCH_MAX,
                        "A batch takes 100 mails; send several.");
    *out = list;
    return fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
}

static enum err check_recipients(struct ctx *ctx, const struct email_order *orders, size_t count) {
    size_t recipients = 0;
    for (size_t i = 0; i < count; i++)
        recipients += orders[i].count;
    if (recipients > EMAIL_BATCH_RECIPIENTS_MAX)
        ctx_field_range(ctx, "mails", "too_many", 1, EMAIL_BATCH_RECIPIENTS_MAX,
                        "The mails of a batch go to 1000 addresses at most; send several.");
    return ctx_fields_ok(ctx);
}

enum err email_place_batch(struct ctx *ctx, const json_t *body, struct email_placed *out,
                           size_t *count) {
    const json_t *list;
    size_t n;
    TRY(read_list(ctx, body, &list));
    n = json_array_size(list);
    struct email_order *mails = arena_alloc(ctx->arena, n * sizeof *mails);
    struct placing *placing = arena_alloc(ctx->arena, n * sizeof *placing);
    struct operation_order *orders = arena_alloc(ctx->arena, n * sizeof *orders);
    for (size_t i = 0; i < n && ctx->problem.field_count < PROBLEM_FIELDS_MAX; i++) {
        placing[i].within = arena_printf(ctx->arena, "mails[%zu].", i);
        TRY(read_one(ctx, json_array_get(list, i), &mails[i], placing[i].within));
    }
    TRY(ctx_fields_ok(ctx));
    TRY(check_recipients(ctx, mails, n));
    for (size_t i = 0; i < n; i++) {
        enum err e = prepare(ctx, &mails[i], &placing[i]);
        name_within(ctx, placing[i].within, 0);
        TRY(e);
        orders[i] = order_of(ctx, &placing[i]);
        out[i] = (struct email_placed){ placing[i].row.id, placing[i].row.operation_id };
    }
    *count = n;
    return operations_place(ctx, orders, n, BATCH_PACE_MS);
}

/* --- as an operation ------------------------------------------------------------------------- */

static enum err perform(struct ctx *ctx, const struct operation *op,
                        const struct upstream_watch *watch, const void **result) {
    struct lent lent;
    struct message_facts *facts = arena_alloc(ctx->arena, sizeof *facts);
    int64_t was_sent_ms = op->sent_ms;
    struct attachments_held *held;
    struct str body = op->request;
    TRY(lending_find(ctx, PROVIDER_RESEND, &lent));
    const json_t *request = sift_own(ctx->arena, op->request);
    bool is_for_later = json_text(request, "scheduled_at") != NULL;
    TRY(attachments_hold(ctx, op, request, &held));
    enum err e = held ? attachments_body(held, &body) : OK;
    if (e == OK)
        e = resend_email_send(ctx, &lent.ref, op->id, body, watch, facts);
    attachments_let_go(held);
    if (e == OK && is_for_later)
        facts->status = "scheduled";
    *result = facts;
    return operation_unless_out(ctx, e, was_sent_ms,
                                "The e-mail service did not confirm this. Ava sends the same again "
                                "under its key until it knows, which goes out once.");
}

/* For operation_kind.settle; result: struct message_facts. A webhook that was quicker stays. */
static enum err settle(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                       enum operation_state state, const void *result, struct str *shown) {
    if (state != OPERATION_UNKNOWN) /* it is not sent again */
        TRY(email_file_rows_delete(ctx, tx, op->object));
    return message_settle(ctx, tx, op->object, state, result, shown);
}

static enum err forget(struct ctx *ctx, struct db_conn *tx, const struct operation *op) {
    return message_row_delete(ctx, tx, op->object);
}

const struct operation_kind EMAIL_SEND = { .name = "email.send",
                                           .event = "message",
                                           .provider = PROVIDER_RESEND,
                                           .perform = perform,
                                           .settle = settle,
                                           .forget = forget };

/* --- reading --------------------------------------------------------------------------------- */

enum err email_write_recipients(struct ctx *ctx, struct jsonw *w,
                                const struct message_row *message) {
    struct email_recipient_row rows[EMAIL_RECIPIENTS_MAX];
    size_t count;
    TRY(email_recipient_rows_of(ctx, db_reader(ctx), message->id, rows, &count));
    enum provider p = provider_parse(str_of(message->provider));
    /* What was asked for tells of the mail alone; of one to one address that is the same. */
    if (count == 1 && message_status_follows(p, rows[0].status, message->status))
        rows[0].status = message->status;
    if (!count)
        return OK;
    jsonw_key(w, "recipients");
    jsonw_list(w);
    for (size_t i = 0; i < count; i++) {
        jsonw_object(w);
        jsonw_text_at(w, "kind", rows[i].kind);
        jsonw_text_at(w, "address", rows[i].address);
        jsonw_text_at(w, "status", rows[i].status);
        if (rows[i].error)
            jsonw_text_at(w, "error", rows[i].error);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
    return OK;
}
