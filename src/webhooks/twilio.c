#include "webhooks/twilio.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/phone.h"
#include "crypto/hash.h"
#include "providers/dialect.h"
#include "service/connections/lending.h"
#include "store/numbers.h"
#include "webhooks/intake.h"
#include "webhooks/twiml.h"

enum { RESOURCE_MAX = 64 };

static const char PROVIDER[] = "twilio";
static const char NOTHING_TO_DO[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>";

/* Either the token that signs today or the one that will. */
static enum err check_signature(struct ctx *ctx, const struct twilio_webhook *hook,
                                const char *workspace_id) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    enum err e = lending_reveal(ctx, workspace_id, PROVIDER_TWILIO, &fields);
    if (e != OK && e != ERR_NOT_CONNECTED)
        return e;
    struct str current = secret_field(&fields, "auth_token");
    struct str next = secret_field(&fields, "next_auth_token");
    if ((current.len && twilio_signature_is_valid(ctx->arena, &hook->request, current)) ||
        (next.len && twilio_signature_is_valid(ctx->arena, &hook->request, next)))
        return OK;
    return intake_refuse(ctx, PROVIDER,
                         "The signature of this webhook is missing or wrong; check the address "
                         "at Twilio, AVA_PUBLIC_URL and the auth token.");
}

static int by_name_and_value(const void *a, const void *b) {
    const struct form_pair *x = a, *y = b;
    int name = str_order(x->name, y->name);
    return name ? name : str_order(x->value, y->value);
}

static void hash_pairs(struct ctx *ctx, struct hash *h, const struct form *form) {
    size_t bytes = form->count * sizeof *form->pairs;
    struct form_pair *sorted = arena_copy(ctx->arena, form->pairs, bytes);
    if (form->count)
        qsort(sorted, form->count, sizeof *sorted, by_name_and_value);
    for (size_t i = 0; i < form->count; i++) {
        hash_add_field(h, sorted[i].name);
        hash_add_field(h, sorted[i].value);
    }
}

/* What is the same when the same event comes again: the route and every name and value of query and
 * form, in whatever order; of JSON the bytes. Twilio's own token is not signed, so it plays no part. */
static struct str dedupe_of(struct ctx *ctx, const struct twilio_webhook *hook) {
    struct hash h;
    unsigned char *out = arena_alloc(ctx->arena, HASH_BYTES);
    hash_begin(&h);
    hash_add_field(&h, str_of(hook->kind));
    hash_pairs(ctx, &h, hook->query);
    hash_add_field(&h, STR("body"));
    if (hook->request.form)
        hash_pairs(ctx, &h, hook->request.form);
    else
        hash_add_field(&h, hook->request.body);
    hash_end(&h, out);
    return (struct str){ (char *)out, HASH_BYTES };
}

/* The values of a name as a text, or as a list where it is there more than once. */
static void put_values(struct jsonw *w, const struct form *form, size_t first) {
    bool is_list = false;
    for (size_t i = first + 1; i < form->count; i++) {
        if (!str_eq(form->pairs[i].name, form->pairs[first].name))
            continue;
        if (!is_list) {
            jsonw_list(w);
            jsonw_str(w, form->pairs[first].value);
        }
        is_list = true;
        jsonw_str(w, form->pairs[i].value);
    }
    if (is_list)
        jsonw_list_end(w);
    else
        jsonw_str(w, form->pairs[first].value);
}

static void put_pairs(struct jsonw *w, const struct form *form) {
    jsonw_object(w);
    for (size_t i = 0; form && i < form->count; i++) {
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = str_eq(form->pairs[k].name, form->pairs[i].name);
        if (seen)
            continue;
        jsonw_key_str(w, form->pairs[i].name);
        put_values(w, form, i);
    }
    jsonw_object_end(w);
}

static struct str pairs_text(struct ctx *ctx, const struct form *form) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    put_pairs(&w, form);
    return buf_view(b);
}

static struct event_content content_of(struct ctx *ctx, const struct twilio_webhook *hook) {
    const struct form *form = hook->request.form;
    return (struct event_content){ .headers = hook->headers,
                                   .query = pairs_text(ctx, hook->query),
                                   .body = form ? pairs_text(ctx, form) : hook->request.body };
}

/* Whose event it is: a leg's is its parent's, where people look for it. */
static const char *resource_of(struct ctx *ctx, const struct form *form) {
    static const char *const NAMES[] = { "ParentCallSid", "CallSid", "MessageSid", "SmsSid",
                                         "SmsMessageSid" };
    struct str sid = { NULL, 0 };
    for (size_t i = 0; form && i < ARRAY_LEN(NAMES) && !sid.len; i++)
        sid = form_find(form, NAMES[i]);
    return intake_word(ctx, sid, RESOURCE_MAX);
}

/* --- answering a call -------------------------------------------------------------------------- */

/* Twilio dials only with a number to show: the caller's, else the one that was called, else any of
 * the workspace's. Nobody is forwarded to himself. */
static void choose_caller_id(struct ctx *ctx, const struct form *form, const struct fallback *f,
                             const char *workspace_id, struct twiml_caller *out) {
    struct str from = form ? form_find(form, "From") : (struct str){ NULL, 0 };
    struct str to = form ? form_find(form, "To") : (struct str){ NULL, 0 };
    out->is_forwardable = !f->to || !str_is(from, f->to);
    if (phone_takes_texts(from))
        return;
    if (phone_takes_texts(to))
        out->caller_id = str_dup(ctx->arena, to);
    else if (number_row_any(ctx, db_reader(ctx), workspace_id, &out->caller_id) != OK ||
             !out->caller_id)
        out->is_forwardable = false;
}

static void answer_call(struct ctx *ctx, const struct twilio_webhook *hook,
                        const char *workspace_id, struct buf *out) {
    const struct form *form = hook->request.form;
    struct twiml_caller caller = { .url = hook->request.url,
                                   .overrides = dialect_of(PROVIDER_TWILIO)->callback_suffix };
    struct fallback f;
    SCOPED(book_shut) struct book_view view = book_read(ctx);
    struct str dialled = form ? form_find(form, "DialCallStatus") : (struct str){ NULL, 0 };
    fallback_of(ctx, workspace_id, &f);
    choose_caller_id(ctx, form, &f, workspace_id, &caller);
    if (twiml_is_after_record(hook->query, form))
        twiml_after_record(out);
    else if (dialled.len)
        twiml_after_forward(out, &f, dialled);
    else
        twiml_fallback(out, &f, &caller);
}

struct proving {
    const struct twilio_webhook *hook;
    struct endpoint_row endpoint;
};

static enum err prove(struct ctx *ctx, void *arg) {
    struct proving *p = arg;
    TRY(intake_find(ctx, PROVIDER, p->hook->token, &p->endpoint));
    return check_signature(ctx, p->hook, p->endpoint.workspace_id);
}

enum err twilio_webhook_take(struct ctx *ctx, struct twilio_webhook *hook, struct buf *out) {
    int64_t began_ms = ava_now_ms();
    bool is_voice = strcmp(hook->kind, "voice") == 0;
    struct proving p = { .hook = hook };
    hook->request.url = intake_url(ctx, hook->target);
    TRY(is_voice ? intake_prove(ctx, prove, &p) : prove(ctx, &p));
    struct incoming in = {
        .provider = PROVIDER,
        .type = hook->kind,
        .resource = resource_of(ctx, hook->request.form),
        .dedupe = dedupe_of(ctx, hook),
        .content = content_of(ctx, hook),
    };
    if (is_voice) {
        intake_keep_soon(ctx, &p.endpoint, &in, began_ms);
        answer_call(ctx, hook, p.endpoint.workspace_id, out);
        return OK;
    }
    TRY(intake_keep(ctx, &p.endpoint, &in));
    buf_text(out, NOTHING_TO_DO);
    return OK;
}
