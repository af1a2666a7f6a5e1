#include "webhooks/twilio.h"

#include <string.h>

#include "base/buf.h"
#include "base/jsonw.h"
#include "crypto/hash.h"
#include "service/connections/lending.h"
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

/* What is the same when the same event comes again: Twilio's own token, else what names the
 * event: route, id, status and sequence. */
static struct str dedupe_of(struct ctx *ctx, const struct twilio_webhook *hook,
                            const struct form *form) {
    static const char *const NAMES[] = { "CallSid",       "MessageSid",     "CallStatus",
                                         "MessageStatus", "SequenceNumber", "Timestamp" };
    struct hash h;
    unsigned char *out = arena_alloc(ctx->arena, HASH_BYTES);
    hash_begin(&h);
    hash_add_field(&h, str_of(hook->kind));
    if (hook->idempotency.len) {
        hash_add_field(&h, hook->idempotency);
    } else if (form) {
        for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
            hash_add_field(&h, form_find(form, NAMES[i]));
    } else {
        hash_add_field(&h, hook->request.body);
    }
    hash_end(&h, out);
    return (struct str){ (char *)out, HASH_BYTES };
}

static void put_pairs(struct jsonw *w, const struct form *form) {
    jsonw_object(w);
    for (size_t i = 0; form && i < form->count; i++) {
        const struct form_pair *p = &form->pairs[i];
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = str_eq(form->pairs[k].name, p->name);
        if (seen || str_has_nul(p->name))
            continue;
        jsonw_key_str(w, p->name);
        jsonw_str(w, p->value);
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

static const char *resource_of(struct ctx *ctx, const struct form *form) {
    struct str sid = { NULL, 0 };
    if (form)
        sid = form_find(form, "CallSid");
    if (form && !sid.len)
        sid = form_find(form, "MessageSid");
    return intake_word(ctx, sid, RESOURCE_MAX);
}

static void answer_call(struct ctx *ctx, const struct twilio_webhook *hook,
                        const char *workspace_id, struct buf *out) {
    struct fallback f;
    struct str dialled = { NULL, 0 };
    if (hook->request.form)
        dialled = form_find(hook->request.form, "DialCallStatus");
    fallback_of(ctx, workspace_id, &f);
    if (dialled.len)
        twiml_after_forward(out, &f, dialled);
    else
        twiml_fallback(out, &f, hook->request.url);
}

enum err twilio_webhook_take(struct ctx *ctx, struct twilio_webhook *hook, struct buf *out) {
    struct endpoint_row endpoint;
    TRY(intake_find(ctx, PROVIDER, hook->token, &endpoint));
    hook->request.url = intake_url(ctx, hook->target);
    TRY(check_signature(ctx, hook, endpoint.workspace_id));
    struct incoming in = {
        .provider = PROVIDER,
        .type = hook->kind,
        .resource = resource_of(ctx, hook->request.form),
        .dedupe = dedupe_of(ctx, hook, hook->request.form),
        .content = content_of(ctx, hook),
    };
    if (strcmp(hook->kind, "voice") == 0) {
        intake_keep_soon(ctx, &endpoint, &in);
        answer_call(ctx, hook, endpoint.workspace_id, out);
        return OK;
    }
    TRY(intake_keep(ctx, &endpoint, &in));
    buf_text(out, NOTHING_TO_DO);
    return OK;
}
