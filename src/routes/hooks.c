/* What providers send: from the request to webhooks/, and their answer back. */
#include "routes/limits.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "webhooks/twilio.h"

/* The fields of a webhook that are worth keeping. */
static struct str kept_headers(struct ctx *ctx, const struct http_req *req) {
    static const char *const NAMES[] = { "User-Agent", "Content-Type", "I-Twilio-Idempotency-Token",
                                         "X-Twilio-Signature" };
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    jsonw_object(&w);
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        struct str v = http_field(req, NAMES[i]);
        if (v.ptr)
            jsonw_str_at(&w, NAMES[i], v);
    }
    jsonw_object_end(&w);
    struct str json = { arena_strndup(ctx->arena, b.ptr, b.len), b.len };
    buf_fini(&b);
    return json;
}

static enum err take(struct ctx *ctx, struct call *call, const char *kind) {
    const struct http_req *req = call->req;
    const char *answer;
    struct form form;
    struct str params;
    struct str type = str_trim(str_cut(http_field(req, "content-type"), ';', &params));
    bool is_form = str_eq_nocase(type, STR("application/x-www-form-urlencoded"));
    TRY(limit_webhook(ctx, call->entry, call->match->params[0]));
    if (!is_form && !str_eq_nocase(type, STR("application/json")))
        return ctx_fail(ctx, ERR_UNSUPPORTED_MEDIA_TYPE,
                        "Twilio sends forms or JSON; this is neither.");
    if (is_form && !form_parse(ctx->arena, req->body, &form))
        return ctx_fail(ctx, ERR_MALFORMED, "The form has a broken escape.");
    struct twilio_webhook hook = {
        .kind = kind,
        .token = call->match->params[0],
        .target = req->target,
        .request = { .method = STR("POST"),
                     .content_type = type,
                     .body = req->body,
                     .form = is_form ? &form : NULL,
                     .signature = http_field(req, "x-twilio-signature") },
        .idempotency = http_field(req, "i-twilio-idempotency-token"),
        .headers = kept_headers(ctx, req),
    };
    enum err e = twilio_webhook_take(ctx, &hook, &answer);
    if (e == ERR_NOT_FOUND) /* who guesses addresses meets the limit of strangers */
        TRY(limit_unknown(ctx, call->entry));
    TRY(e);
    call->reply->content_type = "text/xml; charset=utf-8";
    call->reply->lent_body = str_of(answer);
    return OK;
}

enum err hook_twilio_voice(struct ctx *ctx, struct call *call) {
    return take(ctx, call, "voice");
}

enum err hook_twilio_status(struct ctx *ctx, struct call *call) {
    return take(ctx, call, "status");
}

enum err hook_twilio_message(struct ctx *ctx, struct call *call) {
    return take(ctx, call, "message");
}

enum err hook_twilio_message_status(struct ctx *ctx, struct call *call) {
    return take(ctx, call, "message-status");
}
