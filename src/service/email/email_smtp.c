#include "service/email/email_smtp.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/sift.h"
#include "providers/mime.h"
#include "providers/smtp.h"
#include "service/connections/lending.h"
#include "service/email/attachments.h"
#include "service/email/email_reports.h"
#include "service/messages/messages.h"
#include "store/emails.h"

/* --- the bytes ------------------------------------------------------------------------------- */

/* A mail as it is put together from the stored request. */
struct composing {
    struct ctx *ctx;
    struct mime_mailbox to[EMAIL_RECIPIENTS_MAX], cc[EMAIL_RECIPIENTS_MAX];
    struct mime_header headers[MIME_HEADERS_MAX];
    struct mime_mail mail;
};

static struct mime_mailbox mailbox_of(struct ctx *ctx, const json_t *text) {
    struct mime_mailbox m = { .address = NULL };
    if (json_is_string(text))
        mailbox_split(ctx->arena, str_of(json_string_value(text)), &m.name, &m.address);
    return m;
}

static size_t read_mailboxes(struct ctx *ctx, const json_t *list, struct mime_mailbox *out) {
    size_t i, count = 0;
    const json_t *one;
    json_array_foreach(list, i, one) if (count < EMAIL_RECIPIENTS_MAX) out[count++] =
        mailbox_of(ctx, one);
    return count;
}

static void read_headers(struct composing *c, const json_t *headers) {
    const char *name;
    json_t *value;
    c->mail.headers = c->headers;
    json_object_foreach((json_t *)headers, name, value) if (c->mail.header_count < MIME_HEADERS_MAX)
        c->headers[c->mail.header_count++] = (struct mime_header){ name, json_string_value(value) };
}

/* The same bytes at each call: date, Message-ID and boundary hang on the operation. */
static enum err compose(struct ctx *ctx, const struct operation *op, const json_t *request,
                        struct attachments_held *held, struct str *out) {
    struct composing *c = arena_alloc(ctx->arena, sizeof *c);
    struct str domain, text = str_of(json_text(request, "text")), html;
    const json_t *reply_to = json_object_get(request, "reply_to");
    *c = (struct composing){ .ctx = ctx };
    c->mail.from = mailbox_of(ctx, json_object_get(request, "from"));
    if (!c->mail.from.address)
        return ctx_fail(ctx, ERR_INTERNAL, "The stored request cannot be read.");
    str_cut(str_of(c->mail.from.address), '@', &domain);
    html = str_of(json_text(request, "html"));
    c->mail.to = c->to;
    c->mail.cc = c->cc;
    c->mail.to_count = read_mailboxes(ctx, json_object_get(request, "to"), c->to);
    c->mail.cc_count = read_mailboxes(ctx, json_object_get(request, "cc"), c->cc);
    c->mail.reply_to =
        mailbox_of(ctx, json_is_array(reply_to) ? json_array_get(reply_to, 0) : reply_to);
    c->mail.subject = json_text(request, "subject");
    c->mail.text = text;
    c->mail.html = html;
    c->mail.date_ms = json_i64_or(request, "at_ms", 0);
    c->mail.message_id = arena_printf(ctx->arena, "%s@%.*s", op->id, STR_FMT(domain));
    c->mail.boundary = op->id + strlen("op_");
    read_headers(c, json_object_get(request, "headers"));
    return held ? attachments_mime(held, &c->mail, out) : mime_compose(ctx, &c->mail, out);
}

/* --- sending it ------------------------------------------------------------------------------ */

static size_t addresses_of(struct ctx *ctx, const json_t *request, const char **out) {
    static const char *const KINDS[] = { "to", "cc", "bcc" };
    struct mime_mailbox some[EMAIL_RECIPIENTS_MAX];
    size_t count = 0;
    for (size_t k = 0; k < ARRAY_LEN(KINDS); k++) {
        size_t found = read_mailboxes(ctx, json_object_get(request, KINDS[k]), some);
        for (size_t i = 0; i < found && count < EMAIL_RECIPIENTS_MAX; i++)
            out[count++] = some[i].address;
    }
    return count;
}

/* Nobody gets it: why, by the first that is refused for good; worth another try where none is. */
static enum err refused(struct ctx *ctx, const struct smtp_outcome *o) {
    const struct smtp_result *r = o->results;
    for (size_t i = 0; i < o->count && r->state == SMTP_LATER; i++)
        r = &o->results[i];
    ctx->problem.service = provider_name(PROVIDER_SMTP);
    if (r->state != SMTP_LATER)
        return ctx_fail(ctx, ERR_PROVIDER_REJECTED, "The mail server refused it: %s.%s%s", r->words,
                        r->said[0] ? " It said: " : "", r->said);
    ctx->problem.retry_after_s = o->again_s;
    return ctx_fail(ctx, ERR_PROVIDER_BUSY,
                    "The mail server does not take it now: %s. Try again in %lld s.",
                    o->results[0].words, (long long)o->again_s);
}

/* *result: struct smtp_outcome. */
static enum err perform(struct ctx *ctx, const struct operation *op,
                        const struct upstream_watch *watch, const void **result) {
    const json_t *request = sift_own(ctx->arena, op->request);
    const char **to = arena_alloc(ctx->arena, EMAIL_RECIPIENTS_MAX * sizeof *to);
    struct smtp_outcome *outcome = arena_alloc(ctx->arena, sizeof *outcome);
    struct smtp_mail mail = { .recipients = to };
    struct smtp_account account;
    struct lent lent;
    TRY(lending_find(ctx, PROVIDER_SMTP, &lent));
    TRY(smtp_account_of(ctx, &lent.account, &account));
    mail.recipient_count = addresses_of(ctx, request, to);
    struct attachments_held *held;
    TRY(attachments_hold(ctx, op, request, &held));
    enum err e = compose(ctx, op, request, held, &mail.bytes);
    if (e == OK)
        e = smtp_send(ctx, &lent.ref, &account, &mail, watch, outcome);
    attachments_let_go(held);
    TRY(e);
    *result = outcome;
    return outcome->accepted ? OK : refused(ctx, outcome);
}

/* Nobody can be asked. */
static enum err look_up(struct ctx *ctx, const struct operation *op, const void *listed,
                        const void **result, bool *is_absent) {
    *result = NULL;
    *is_absent = false;
    return OK;
}

static enum err settle(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                       enum operation_state state, const void *result, struct str *shown) {
    const struct smtp_outcome *o = result;
    struct message_facts facts = { .status = "sent" };
    TRY(email_file_rows_delete(ctx, tx, op->object)); /* it is never sent again */
    if (o)
        TRY(email_outcome_apply(ctx, tx, ctx->who.workspace_id, op->object, o));
    if (o && o->accepted) {
        facts.provider_id = o->provider_id;
        if (o->accepted < o->count)
            facts.error = "Not all of those it goes to get it.";
    }
    return message_settle(ctx, tx, op->object, state, &facts, shown);
}

static enum err forget(struct ctx *ctx, struct db_conn *tx, const struct operation *op) {
    return message_row_delete(ctx, tx, op->object);
}

const struct operation_kind EMAIL_SMTP = { .name = "email.smtp",
                                           .event = "message",
                                           .provider = PROVIDER_SMTP,
                                           .perform = perform,
                                           .look_up = look_up,
                                           .settle = settle,
                                           .forget = forget };
