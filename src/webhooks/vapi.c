#include "webhooks/vapi.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "crypto/hash.h"
#include "providers/vapi_auth.h"
#include "service/calls/fallbacks.h"
#include "service/calls/inbound.h"
#include "service/connections/lending.h"
#include "webhooks/intake.h"

enum { TYPE_MAX = 64, RESOURCE_MAX = 64, TOOLS_MAX = 64, ID_MAX = 256 };

static const char PROVIDER[] = "vapi";

/* --- proof ----------------------------------------------------------------------------------- */

/* The plan as the credential keeps it. */
static struct str kept_part(const void *fields, const char *name) {
    char field[64];
    snprintf(field, sizeof field, "webhook_auth.%s", name);
    return secret_field(fields, field);
}

/* webhook_secret is short for the plan of the legacy header. */
static struct str legacy_part(const void *fields, const char *name) {
    if (strcmp(name, "token") == 0)
        return secret_field(fields, "webhook_secret");
    return strcmp(name, "type") == 0                  ? STR("bearer")
           : strcmp(name, "headerName") == 0          ? STR("X-Vapi-Secret")
           : strcmp(name, "bearerPrefixEnabled") == 0 ? STR("false")
                                                      : (struct str){ NULL, 0 };
}

static enum err check_proof(struct ctx *ctx, const struct vapi_webhook *hook,
                            const char *workspace_id) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    enum err e = lending_reveal(ctx, workspace_id, PROVIDER_VAPI, &fields);
    if (e != OK && e != ERR_NOT_CONNECTED)
        return e;
    bool has_plan = secret_field(&fields, "webhook_auth.type").len;
    if (!has_plan && !secret_field(&fields, "webhook_secret").len)
        return intake_refuse(ctx, PROVIDER,
                             "Nothing says how Vapi proves itself here; save webhook_secret or "
                             "webhook_auth with the Vapi credential.");
    struct vapi_auth_plan plan = { has_plan ? kept_part : legacy_part, &fields };
    struct vapi_auth_request r = { .method = STR("POST"),
                                   .url = intake_url(ctx, hook->target),
                                   .body = hook->body,
                                   .now_s = ava_wall_ms() / 1000,
                                   .header = hook->header,
                                   .arg = hook->arg };
    if (vapi_auth_is_valid(ctx->arena, &plan, &r))
        return OK;
    return intake_refuse(ctx, PROVIDER,
                         "The proof of this webhook is missing, wrong or too old; check the "
                         "server's secret at Vapi and webhook_secret or webhook_auth here.");
}

/* --- keeping --------------------------------------------------------------------------------- */

static struct str member(const json_t *object, const char *name) {
    const char *text = json_text(object, name);
    return str_of(text ? text : "");
}

/* What is the same when the same message comes again. */
static struct str dedupe_of(struct ctx *ctx, const struct vapi_webhook *hook, const char *type,
                            const char *call_id, int64_t timestamp) {
    struct hash h;
    unsigned char *out = arena_alloc(ctx->arena, HASH_BYTES);
    hash_begin(&h);
    hash_add_field(&h, str_of(type));
    hash_add_field(&h, str_of(call_id));
    hash_add_field(&h, (struct str){ (const char *)&timestamp, sizeof timestamp });
    hash_add_field(&h, hook->body);
    hash_end(&h, out);
    return (struct str){ (char *)out, HASH_BYTES };
}

static struct str content_of(struct ctx *ctx, const struct vapi_webhook *hook) {
    return str_of(arena_printf(ctx->arena, "{\"headers\":%.*s,\"body\":%.*s}",
                               STR_FMT(hook->headers), STR_FMT(hook->body)));
}

/* --- answering ------------------------------------------------------------------------------- */

/* Types whose sender waits with somebody on the phone. */
static bool is_asking(const char *type) {
    return strcmp(type, "assistant-request") == 0 || strcmp(type, "tool-calls") == 0 ||
           strcmp(type, "transfer-destination-request") == 0 ||
           strcmp(type, "knowledge-base-request") == 0;
}

struct asked {
    const json_t *body; /* {"message":{...}} */
    bool is_kept;       /* its event is on disk */
};

static void answer_number(struct jsonw *w, const char *number) {
    jsonw_key(w, "destination");
    jsonw_object(w);
    jsonw_text_at(w, "type", "number");
    jsonw_text_at(w, "number", number);
    jsonw_object_end(w);
}

/* The id of the assistant that takes this call, if one may: the credential's, or the one that the
 * workspace chose for calls that nobody takes. In the arena; NULL: none. */
static const char *choose_assistant(struct ctx *ctx, const struct asked *q,
                                    const struct fallback *f, int64_t *seconds_max) {
    struct lent lent;
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    const char *id = NULL;
    if (lending_find(ctx, PROVIDER_VAPI, &lent) == OK) {
        bool has_own = lent.account.assistant_id && lent.account.assistant_id[0];
        id = has_own                         ? lent.account.assistant_id
             : f->kind == FALLBACK_ASSISTANT ? f->assistant_id
                                             : NULL;
        if (id && !inbound_admit(ctx, PROVIDER_VAPI, "assistant-request", q->body, &lent,
                                 q->is_kept, seconds_max))
            id = NULL;
    }
    return id;
}

static void answer_assistant(struct ctx *ctx, const struct asked *q, struct jsonw *w) {
    struct fallback f;
    int64_t seconds_max = 0;
    fallback_of(ctx, ctx->who.workspace_id, &f);
    const char *id = choose_assistant(ctx, q, &f, &seconds_max);
    if (id) {
        jsonw_text_at(w, "assistantId", id);
    } else if (f.kind == FALLBACK_FORWARD) {
        answer_number(w, f.to);
    } else {
        jsonw_text_at(w, "error", f.text);
    }
    if (id && seconds_max) {
        jsonw_key(w, "assistantOverrides");
        jsonw_object(w);
        jsonw_i64_at(w, "maxDurationSeconds", seconds_max);
        jsonw_object_end(w);
    }
}

static void answer_transfer(struct ctx *ctx, struct jsonw *w) {
    struct fallback f;
    fallback_of(ctx, ctx->who.workspace_id, &f);
    if (f.kind == FALLBACK_FORWARD)
        answer_number(w, f.to);
    else
        jsonw_text_at(w, "error", f.text);
}

/* Every tool call gets an answer, or the assistant would wait for it. Its id is at the same place in
 * all three shapes of the message. */
static void answer_tools(const json_t *message, struct jsonw *w) {
    const json_t *list = json_object_get(message, "toolCallList"), *tool;
    size_t i;
    jsonw_key(w, "results");
    jsonw_list(w);
    json_array_foreach(list, i, tool) {
        const char *id = json_text(tool, "id");
        if (i == TOOLS_MAX)
            break;
        if (!id || strlen(id) > ID_MAX)
            continue;
        jsonw_object(w);
        jsonw_text_at(w, "toolCallId", id);
        jsonw_text_at(w, "result", "This cannot be done right now.");
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
}

static void answer(struct ctx *ctx, const char *type, const struct asked *q, struct buf *out) {
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    if (strcmp(type, "assistant-request") == 0) {
        answer_assistant(ctx, q, &w);
    } else if (strcmp(type, "tool-calls") == 0) {
        answer_tools(json_object_get(q->body, "message"), &w);
    } else if (strcmp(type, "transfer-destination-request") == 0) {
        answer_transfer(ctx, &w);
    } else if (strcmp(type, "knowledge-base-request") == 0) {
        jsonw_key(&w, "documents");
        jsonw_list(&w);
        jsonw_list_end(&w);
    }
    jsonw_object_end(&w);
}

enum err vapi_webhook_take(struct ctx *ctx, const struct vapi_webhook *hook, struct buf *out) {
    struct endpoint_row endpoint;
    const char *why = "";
    TRY(intake_find(ctx, PROVIDER, hook->token, &endpoint));
    TRY(check_proof(ctx, hook, endpoint.workspace_id));
    const json_t *body = json_parse(ctx->arena, hook->body, &why);
    const json_t *message = json_object_get(body, "message");
    const char *type = intake_word(ctx, member(message, "type"), TYPE_MAX);
    if (!type[0])
        return ctx_fail(ctx, ERR_MALFORMED,
                        "A server message is an object with message.type; this is none. %s", why);
    const char *call_id =
        intake_word(ctx, member(json_object_get(message, "call"), "id"), RESOURCE_MAX);
    struct incoming in = {
        .provider = PROVIDER,
        .type = type,
        .resource = call_id,
        .dedupe = dedupe_of(ctx, hook, type, call_id, json_i64_or(message, "timestamp", 0)),
        .content = content_of(ctx, hook),
    };
    struct asked q = { .body = body };
    if (is_asking(type))
        q.is_kept = intake_keep_soon(ctx, &endpoint, &in);
    else
        TRY(intake_keep(ctx, &endpoint, &in));
    answer(ctx, type, &q, out);
    return OK;
}
