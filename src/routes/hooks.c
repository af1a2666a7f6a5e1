/* What providers send: from the request to webhooks/, and their answer back. */
#include "resilience/known.h"
#include "routes/limits.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "webhooks/resend.h"
#include "webhooks/twilio.h"
#include "webhooks/vapi.h"

/* The fields of a webhook that are worth keeping. */
static struct str kept_headers(struct ctx *ctx, const struct http_req *req) {
    static const char *const NAMES[] = { "User-Agent",
                                         "Content-Type",
                                         "I-Twilio-Idempotency-Token",
                                         "X-Twilio-Signature",
                                         "X-Signature",
                                         "X-Timestamp",
                                         "svix-id",
                                         "svix-timestamp" };
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

/* Who guesses addresses, or has no proof, meets a limit of their own; an address that something proven
 * came to is known from now on. */
static enum err taken(struct ctx *ctx, struct call *call, enum err e) {
    if (e == OK)
        known_add(call->entry->senders, call->req->path);
    if (e == ERR_NOT_FOUND)
        TRY(limit_unknown(ctx, call->entry));
    if (e == ERR_FORBIDDEN)
        TRY(limit_unproven(ctx, call->entry, call->match->params[0]));
    return e;
}

/* Asked once a message is proven, and can wait. */
static enum err admit(struct ctx *ctx, void *entry, bool is_noise) {
    return limit_webhook(ctx, entry, is_noise);
}

static struct str header_of(const void *req, const char *name) {
    return http_field_count(req, name) == 1 ? http_field(req, name) : (struct str){ NULL, 0 };
}

enum err post_vapi(struct ctx *ctx, struct call *call) {
    const struct http_req *req = call->req;
    struct str params, type = str_trim(str_cut(http_field(req, "content-type"), ';', &params));
    if (!str_eq_nocase(type, STR("application/json")))
        return ctx_fail(ctx, ERR_UNSUPPORTED_MEDIA_TYPE,
                        "Vapi sends JSON; this is something else.");
    struct vapi_webhook hook = { .token = call->match->params[0],
                                 .target = req->target,
                                 .body = req->body,
                                 .is_cut = req->is_cut,
                                 .headers = kept_headers(ctx, req),
                                 .header = header_of,
                                 .arg = req,
                                 .admit = admit,
                                 .admit_arg = call->entry };
    TRY(taken(ctx, call, vapi_webhook_take(ctx, &hook, &call->reply->body)));
    call->reply->content_type = "application/json; charset=utf-8";
    return OK;
}

enum err post_resend(struct ctx *ctx, struct call *call) {
    const struct http_req *req = call->req;
    struct resend_webhook hook = { .token = call->match->params[0],
                                   .body = req->body,
                                   .headers = kept_headers(ctx, req),
                                   .header = header_of,
                                   .arg = req,
                                   .admit = admit,
                                   .admit_arg = call->entry };
    TRY(taken(ctx, call, resend_webhook_take(ctx, &hook)));
    call->reply->content_type = "application/json; charset=utf-8";
    buf_text(&call->reply->body, "{}");
    return OK;
}

static enum err take(struct ctx *ctx, struct call *call, const char *kind) {
    const struct http_req *req = call->req;
    struct form form, query;
    struct str params;
    struct str type = str_trim(str_cut(http_field(req, "content-type"), ';', &params));
    bool is_form = str_eq_nocase(type, STR("application/x-www-form-urlencoded"));
    if (!is_form && !str_eq_nocase(type, STR("application/json")))
        return ctx_fail(ctx, ERR_UNSUPPORTED_MEDIA_TYPE,
                        "Twilio sends forms or JSON; this is neither.");
    if (is_form && !form_parse(ctx->arena, req->body, &form))
        return ctx_fail(ctx, ERR_MALFORMED, "The form has a broken escape.");
    if (!form_parse(ctx->arena, req->query, &query))
        return ctx_fail(ctx, ERR_MALFORMED, "The query has a broken escape.");
    struct twilio_webhook hook = {
        .kind = kind,
        .token = call->match->params[0],
        .target = req->target,
        .request = { .method = STR("POST"),
                     .content_type = type,
                     .body = req->body,
                     .form = is_form ? &form : NULL,
                     .signature = http_field(req, "x-twilio-signature") },
        .headers = kept_headers(ctx, req),
        .query = &query,
    };
    TRY(taken(ctx, call, twilio_webhook_take(ctx, &hook, &call->reply->body)));
    call->reply->content_type = "text/xml; charset=utf-8";
    return OK;
}

enum err post_twilio_voice(struct ctx *ctx, struct call *call) {
    return take(ctx, call, "voice");
}

enum err post_twilio_status(struct ctx *ctx, struct call *call) {
    return take(ctx, call, "status");
}

enum err post_twilio_message(struct ctx *ctx, struct call *call) {
    return take(ctx, call, "message");
}

enum err post_twilio_message_status(struct ctx *ctx, struct call *call) {
    return take(ctx, call, "message-status");
}
