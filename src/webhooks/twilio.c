#include "webhooks/twilio.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "config/config.h"
#include "crypto/hash.h"
#include "obs/metrics.h"
#include "service/credentials.h"
#include "service/endpoints.h"
#include "service/events.h"

enum { TOUCH_EVERY_MS = 1000 };

static const char NOTHING_TO_DO[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>";

static enum err count(enum err e, const char *result) {
    metric_add(METRIC_WEBHOOKS, 1, "twilio", result);
    return e;
}

/* Either the token that signs today or the one that will. */
static enum err check_signature(struct ctx *ctx, const struct twilio_webhook *hook,
                                const char *workspace_id) {
    SCOPED(secret_wipe) struct secret current = { 0 };
    SCOPED(secret_wipe) struct secret next = { 0 };
    enum err e = lending_twilio_tokens(ctx, workspace_id, &current, &next);
    if (e != OK && e != ERR_NOT_CONNECTED)
        return e;
    bool good = e == OK &&
                (twilio_signature_is_valid(ctx->arena, &hook->request, secret_reveal(&current)) ||
                 (secret_is_set(&next) &&
                  twilio_signature_is_valid(ctx->arena, &hook->request, secret_reveal(&next))));
    if (good)
        return OK;
    return count(ctx_fail(ctx, ERR_FORBIDDEN,
                          "The signature of this webhook is missing or wrong; check the address "
                          "at Twilio, AVA_PUBLIC_URL and the auth token."),
                 "bad_signature");
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

static struct str content_of(struct ctx *ctx, const struct twilio_webhook *hook) {
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    jsonw_object(&w);
    jsonw_key(&w, "headers");
    jsonw_raw(&w, hook->headers);
    jsonw_key(&w, "body");
    if (hook->request.form) {
        put_pairs(&w, hook->request.form);
    } else {
        jsonw_object(&w);
        jsonw_str_at(&w, "raw", hook->request.body);
        jsonw_object_end(&w);
    }
    jsonw_object_end(&w);
    struct str content = { arena_strndup(ctx->arena, b.ptr, b.len), b.len };
    buf_fini(&b);
    return content;
}

static const char *resource_of(struct ctx *ctx, const struct form *form) {
    struct str sid = { NULL, 0 };
    if (form)
        sid = form_find(form, "CallSid");
    if (form && !sid.len)
        sid = form_find(form, "MessageSid");
    return sid.len && sid.len <= 64 && str_is_utf8(sid) && !str_has_nul(sid)
               ? str_dup(ctx->arena, sid)
               : "";
}

enum err twilio_webhook_take(struct ctx *ctx, struct twilio_webhook *hook, const char **answer) {
    struct endpoint_row endpoint;
    bool is_new = false;
    TRY(endpoint_by_token(ctx, hook->token, &endpoint));
    if (!endpoint.id || strcmp(endpoint.provider, "twilio") != 0)
        return count(ctx_fail(ctx, ERR_NOT_FOUND, "There is no such webhook address."),
                     "unknown_token");
    str_copy(ctx->who.workspace_id, sizeof ctx->who.workspace_id, str_of(endpoint.workspace_id));
    hook->request.url = str_of(
        arena_printf(ctx->arena, "%s%.*s", ctx->parts->config->public_url, STR_FMT(hook->target)));
    TRY(check_signature(ctx, hook, endpoint.workspace_id));

    struct incoming in = {
        .workspace_id = endpoint.workspace_id,
        .endpoint_id = endpoint.id,
        .provider = "twilio",
        .type = hook->kind,
        .resource = resource_of(ctx, hook->request.form),
        .dedupe = dedupe_of(ctx, hook, hook->request.form),
        .content = content_of(ctx, hook),
        .touch_endpoint = ava_wall_ms() - endpoint.last_received_ms > TOUCH_EVERY_MS,
    };
    enum err e = event_take(ctx, &in, &is_new);
    if (e != OK)
        return count(e, "not_stored");
    *answer = NOTHING_TO_DO;
    return count(OK, is_new ? "accepted" : "duplicate");
}
