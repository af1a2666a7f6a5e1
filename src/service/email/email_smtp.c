#include "service/email/email_smtp.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mailbox.h"
#include "base/sift.h"
#include "providers/answer.h"
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

/* What this attempt had to do, and what came of it. */
struct sending {
    struct smtp_outcome outcome; /* of those that were still open */
    bool has_earlier;            /* somebody got it from an earlier attempt */
};

/* Those it still has to go to, in their order. */
static enum err addresses_of(struct ctx *ctx, const struct operation *op, const char **out,
                             size_t *count, struct sending *s) {
    struct email_recipient_row *rows = arena_alloc(ctx->arena, EMAIL_RECIPIENTS_MAX * sizeof *rows);
    size_t all;
    const char *name;
    TRY(email_recipient_rows_of(ctx, db_reader(ctx), op->object, rows, &all));
    *count = 0;
    for (size_t i = 0; i < all; i++) {
        s->has_earlier |= strcmp(rows[i].status, "sent") == 0;
        if (email_recipient_is_open(&rows[i]) &&
            !mailbox_split(ctx->arena, str_of(rows[i].address), &name, &out[*count]))
            ++*count;
    }
    return *count ? OK : ctx_fail(ctx, ERR_INTERNAL, "The mail has nobody left to go to.");
}

/* Nobody gets it: why, by the first that is refused for good; worth another try where none is. */
static enum err refused(struct ctx *ctx, const struct operation *op, const struct smtp_outcome *o) {
    const struct smtp_result *r = o->results;
    for (size_t i = 0; i < o->count && r->state == SMTP_LATER; i++)
        r = &o->results[i];
    ctx->problem.service = provider_name(PROVIDER_SMTP);
    if (r->state != SMTP_LATER)
        return ctx_fail(ctx, ERR_PROVIDER_REJECTED, "The mail server refused it: %s.%s%s", r->words,
                        r->said[0] ? " It said: " : "", r->said);
    ctx->problem.retry_after_s = o->again_s;
    int64_t tried_min = op->was_put_off ? (ava_steady_ms() - op->sent_ms) / 60000 : 0;
    if (tried_min)
        return ctx_fail(ctx, ERR_PROVIDER_BUSY,
                        "Ava tried for %lld minutes, and the mail server did not take it: %s.",
                        (long long)tried_min, o->results[0].words);
    return ctx_fail(ctx, ERR_PROVIDER_BUSY,
                    "The mail server does not take it now: %s. Try again in %lld s.",
                    o->results[0].words, (long long)o->again_s);
}

static enum err send_to(struct ctx *ctx, const struct operation *op, const struct lent *lent,
                        struct smtp_mail *mail, const struct upstream_watch *watch,
                        struct smtp_outcome *outcome) {
    const json_t *request = sift_own(ctx->arena, op->request);
    struct smtp_account account;
    struct attachments_held *held;
    TRY(smtp_account_of(ctx, &lent->account, &account));
    TRY(attachments_hold(ctx, op, request, &held));
    enum err e = compose(ctx, op, request, held, &mail->bytes);
    if (e == OK)
        e = smtp_send(ctx, &lent->ref, &account, mail, watch, outcome);
    attachments_let_go(held);
    return e;
}

/* *result: struct sending. */
static enum err perform(struct ctx *ctx, const struct operation *op,
                        const struct upstream_watch *watch, const void **result) {
    const char **to = arena_alloc(ctx->arena, EMAIL_RECIPIENTS_MAX * sizeof *to);
    struct sending *s = arena_alloc(ctx->arena, sizeof *s);
    struct smtp_mail mail = { .recipients = to };
    struct lent lent;
    *s = (struct sending){ .has_earlier = false };
    TRY(lending_find(ctx, PROVIDER_SMTP, &lent));
    TRY(addresses_of(ctx, op, to, &mail.recipient_count, s));
    TRY(send_to(ctx, op, &lent, &mail, watch, &s->outcome));
    *result = s;
    return s->outcome.accepted || s->has_earlier ? OK : refused(ctx, op, &s->outcome);
}

/* --- trying again ----------------------------------------------------------------------------- */

/* After the first attempt. Greylists ask for 1 to 30 minutes, most for 5, and some forget after 4 hours who knocked
 * (spamd); a mail that nobody took by then says so while it still is of use to know. */
static const int64_t TRIES_MS[] = { 5 * 60000,   15 * 60000,  30 * 60000, 60 * 60000,
                                    120 * 60000, 180 * 60000, 240 * 60000 };

enum { TRY_EARLY_MS = 60000 }; /* the first attempt took a while, too */

/* When it is tried again: about so many seconds from now, or later. 0: not any more. */
static int64_t next_try(const struct operation *op, int64_t not_before_s, int64_t now_ms) {
    int64_t since_ms = op->sent_ms ? op->sent_ms : op->created_ms;
    int64_t wait_ms = not_before_s * 1000 - TRY_EARLY_MS;
    int64_t earliest_ms = now_ms + (wait_ms > TRY_EARLY_MS ? wait_ms : TRY_EARLY_MS);
    for (size_t i = 0; i < ARRAY_LEN(TRIES_MS); i++)
        if (since_ms + TRIES_MS[i] > earliest_ms)
            return since_ms + TRIES_MS[i];
    return 0;
}

/* Did the server say that it takes it later; or, of a mail that somebody counts on, could it not be asked? */
static bool is_for_later(const struct ctx *ctx, const struct operation *op, enum err e) {
    int status = ctx->problem.upstream_status;
    if (status >= 400 && status < 500 && e != ERR_CREDENTIALS_REJECTED)
        return e == ERR_PROVIDER_ERROR || e == ERR_PROVIDER_BUSY || e == ERR_PROVIDER_RATE_LIMITED;
    return op->is_promised && e != ERR_OUTCOME_UNKNOWN && answer_may_be_stale(e);
}

/* The soonest of what those who are to be asked again want. */
static int64_t soonest_s(const struct smtp_outcome *o) {
    int64_t s = 0;
    for (size_t i = 0; i < o->count; i++)
        if (o->results[i].state == SMTP_LATER && (!s || o->results[i].again_s < s))
            s = o->results[i].again_s;
    return s;
}

/* For operation_kind.again; result: struct sending. */
static int64_t again(struct ctx *ctx, const struct operation *op, enum err e, const void *result,
                     int64_t now_ms) {
    const struct sending *s = result;
    if (s)
        return s->outcome.again_s ? next_try(op, soonest_s(&s->outcome), now_ms) : 0;
    return e != OK && is_for_later(ctx, op, e) ? next_try(op, ctx->problem.retry_after_s, now_ms)
                                               : 0;
}

/* --- what becomes of it ------------------------------------------------------------------------ */

/* Nobody can be asked. */
static enum err look_up(struct ctx *ctx, const struct operation *op, const void *listed,
                        const void **result, bool *is_absent) {
    *result = NULL;
    *is_absent = false;
    return OK;
}

static const struct smtp_result *first_later(const struct smtp_outcome *o) {
    const struct smtp_result *r = o->results;
    while (r < o->results + o->count - 1 && r->state != SMTP_LATER)
        r++;
    return r;
}

static struct message_facts facts_of(struct ctx *ctx, enum operation_state state,
                                     const struct sending *s) {
    struct message_facts f = { .status = "sent" };
    if (s)
        f.provider_id = s->outcome.provider_id;
    if (s && state == OPERATION_PREPARED)
        f.error = arena_printf(ctx->arena, "The mail server does not take it yet: %s.",
                               first_later(&s->outcome)->words);
    else if (state == OPERATION_PREPARED)
        f.error = ctx->problem.detail;
    return f;
}

static enum err settle(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                       enum operation_state state, const void *result, struct str *shown) {
    const struct sending *s = result;
    struct message_facts facts = facts_of(ctx, state, s);
    bool is_over = state != OPERATION_PREPARED;
    size_t without;
    if (is_over)
        TRY(email_file_rows_delete(ctx, tx, op->object));
    else
        facts.next_ms = op->next_ms;
    TRY(email_outcome_apply(ctx, tx, ctx->who.workspace_id, op->object, s ? &s->outcome : NULL,
                            is_over ? operation_state_name(state) : NULL, &without));
    if (state == OPERATION_SUCCEEDED && without)
        facts.error = "Not all of those it goes to get it.";
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
                                           .forget = forget,
                                           .again = again };
