#include "webhooks/vapi.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/sift.h"
#include "crypto/hash.h"
#include "obs/log.h"
#include "providers/vapi_auth.h"
#include "providers/vapi_events.h"
#include "service/calls/fallbacks.h"
#include "service/calls/inbound.h"
#include "service/connections/lending.h"
#include "tasks/tools.h"
#include "webhooks/intake.h"

enum {
    TYPE_MAX = 64,
    RESOURCE_MAX = 64,
    TOOLS_MAX = 64,
    ID_MAX = 256,
    ADDRESS_MAX = 64,
    SLOW_BYTES = 256 * 1024, /* to read beside the loop */
    SHORT_BYTES = 64 * 1024,
    ADMIT_MS =
        20 *
        1000, /* where there is no book: as long as the database needs for a write that has begun */
};
static const double ENDPOINTING_S = 1.0; /* after so much silence somebody has finished speaking */
static const char NOT_NOW[] = "This cannot be done right now.";

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

/* Counts it; the answer to a message of which only the beginning was read. */
static enum err too_large(struct ctx *ctx, const char *what_of_it) {
    intake_count(ctx, PROVIDER, "too_large");
    return ctx_fail(ctx, ERR_PAYLOAD_TOO_LARGE, "This message is longer than 8 MiB. %s",
                    what_of_it);
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
    if (hook->is_cut && vapi_auth_covers_body(&plan))
        return too_large(ctx,
                         "It is signed as a whole, so nothing of it could be proven or taken.");
    if (vapi_auth_is_valid(ctx->arena, &plan, &r))
        return OK;
    return intake_refuse(ctx, PROVIDER,
                         "The proof of this webhook is missing, wrong or too old; check the "
                         "server's secret at Vapi and webhook_secret or webhook_auth here.");
}

/* --- keeping --------------------------------------------------------------------------------- */

/* The body as it came: what is the same when the same message comes again. */
static struct str dedupe_of(struct ctx *ctx, struct str body) {
    struct hash h;
    unsigned char *out = arena_alloc(ctx->arena, HASH_BYTES);
    hash_begin(&h);
    hash_add_field(&h, body);
    hash_end(&h, out);
    return (struct str){ (char *)out, HASH_BYTES };
}

struct reading {
    struct arena *arena;
    struct str body;
    const json_t *tree; /* of VAPI_EVENT_PATHS; NULL when nothing could be read */
};

static void read_body(void *arg) {
    struct reading *r = arg;
    enum sift_end how;
    r->tree = sift_text(r->arena, r->body, VAPI_EVENT_PATHS, &how);
}

/* --- answering ------------------------------------------------------------------------------- */

/* What a call depends on is never refused: its states, and what it took. */
static bool can_wait(const char *type) {
    return !type || (strcmp(type, "status-update") != 0 && strcmp(type, "end-of-call-report") != 0);
}

/* What comes by the dozen while people talk, and is told again in the report. */
static bool is_noise(const json_t *message, const char *type) {
    static const char *const NOISE[] = { "speech-update", "model-output", "voice-input",
                                         "conversation-update", "user-interrupted" };
    const char *half = json_text(message, "transcriptType");
    for (size_t i = 0; type && i < ARRAY_LEN(NOISE); i++)
        if (strcmp(type, NOISE[i]) == 0)
            return true;
    return type && strcmp(type, "transcript") == 0 && half && strcmp(half, "partial") == 0;
}

struct asked {
    const json_t *body; /* {"message":{...}} */
    enum intake_kept kept;
    bool has_book;
    int64_t until_ms; /* where there is a book, the answer does not come later */
};

static void answer_number(struct jsonw *w, const char *number) {
    jsonw_key(w, "destination");
    jsonw_object(w);
    jsonw_text_at(w, "type", "number");
    jsonw_text_at(w, "number", number);
    jsonw_object_end(w);
}

/* What was not taken by the database is followed by nothing that would be written there. */
static int64_t admit_until(const struct asked *q) {
    return q->kept != INTAKE_KEPT ? 0 : q->has_book ? q->until_ms : ava_now_ms() + ADMIT_MS;
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
                                 admit_until(q), seconds_max))
            id = NULL;
    }
    return id;
}

static void answer_assistant(struct ctx *ctx, const struct asked *q, struct jsonw *w) {
    struct fallback f;
    int64_t seconds_max = 0;
    SCOPED(book_shut) struct book_view view = book_read(ctx);
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

/* To whom, for a call that is to be given to somebody else. */
static void answer_destination(struct ctx *ctx, const struct asked *q, struct jsonw *w) {
    struct fallback f;
    SCOPED(book_shut) struct book_view view = book_read(ctx);
    fallback_of(ctx, ctx->who.workspace_id, &f);
    if (f.kind == FALLBACK_FORWARD)
        answer_number(w, f.to);
    else
        jsonw_text_at(w, "error", f.text);
}

/* The arguments of a call: an object, or the text of one (OpenAPI: function.arguments; samples of the
 * documentation: arguments, parameters). NULL: there are none that can be read. */
static const json_t *arguments_of(struct ctx *ctx, const json_t *call) {
    const json_t *function = json_object_get(call, "function");
    const json_t *const places[] = { json_object_get(function, "arguments"),
                                     json_object_get(function, "parameters"),
                                     json_object_get(call, "arguments"),
                                     json_object_get(call, "parameters") };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const json_t *found = places[i];
        const char *why;
        if (json_is_string(found))
            found = json_parse(ctx->arena, str_of(json_string_value(found)), &why);
        if (json_is_object(found))
            return found;
    }
    return NULL;
}

static const char *function_name(const json_t *call) {
    const char *name = json_word(json_object_get(call, "function"), "name", ID_MAX);
    return name ? name : json_word(call, "name", ID_MAX);
}

/* One tool call, wherever the shape of the message has its parts; its id NULL: none that is fit. */
static struct tool_call tool_call_of(struct ctx *ctx, const json_t *tool) {
    const json_t *inner = json_object_get(tool, "toolCall");
    struct tool_call c = { .id = json_word(inner ? inner : tool, "id", ID_MAX),
                           .function = function_name(inner),
                           .args = arguments_of(ctx, inner ? inner : tool) };
    if (!c.function)
        c.function = function_name(tool);
    return c;
}

/* One that is in the list already tells at most its name and arguments. */
static void add_call(struct tool_call *list, size_t *count, struct tool_call c) {
    size_t i = 0;
    while (i < *count && strcmp(list[i].id, c.id) != 0)
        i++;
    if (i < *count && !list[i].function)
        list[i].function = c.function;
    if (i < *count && !list[i].args)
        list[i].args = c.args;
    if (i == *count && i < TOOLS_MAX)
        list[(*count)++] = c;
}

/* In which call, and with whom. */
static void place_calls(const json_t *message, struct tool_call *calls, size_t count) {
    const json_t *call = json_object_get(message, "call");
    const char *id = json_word(call, "id", RESOURCE_MAX);
    const char *caller = json_word(json_object_get(message, "customer"), "number", ADDRESS_MAX);
    const char *line = json_word(json_object_get(message, "phoneNumber"), "number", ADDRESS_MAX);
    if (!caller)
        caller = json_word(json_object_get(call, "customer"), "number", ADDRESS_MAX);
    if (!line)
        line = json_word(json_object_get(call, "phoneNumber"), "number", ADDRESS_MAX);
    for (size_t i = 0; i < count; i++) {
        calls[i].call_id = id ? id : "";
        calls[i].caller = caller;
        calls[i].line = line;
        calls[i].control_url = json_text(json_object_get(call, "monitor"), "controlUrl");
    }
}

/* Every tool call gets one answer, with its function's name (ToolCallResult), or the assistant would
 * wait for it: what one of our tools says, or that it cannot be done. Three lists may hold them: the
 * older toolCalls, toolCallList, and toolWithToolCallList with each call below its tool. */
static void answer_tools(struct ctx *ctx, const struct asked *q, struct jsonw *w) {
    static const char *const LISTS[] = { "toolCallList", "toolCalls", "toolWithToolCallList" };
    const json_t *message = json_object_get(q->body, "message"), *tool;
    struct tool_call calls[TOOLS_MAX] = { { .id = NULL } };
    size_t count = 0, i;
    for (size_t l = 0; l < ARRAY_LEN(LISTS); l++) {
        json_array_foreach(json_object_get(message, LISTS[l]), i, tool) {
            struct tool_call c = tool_call_of(ctx, tool);
            if (c.id)
                add_call(calls, &count, c);
        }
    }
    place_calls(message, calls, count);
    jsonw_key(w, "results");
    jsonw_list(w);
    for (i = 0; i < count; i++) {
        struct tool_said said;
        if (q->has_book && q->kept != INTAKE_KEPT)
            said = (struct tool_said){ .is_ours = false }; /* what tools need is away */
        else
            tool_use(ctx, &calls[i], &said);
        jsonw_object(w);
        if (calls[i].function)
            jsonw_text_at(w, "name", calls[i].function);
        jsonw_text_at(w, "toolCallId", calls[i].id);
        jsonw_text_at(w, said.is_ours && said.is_error ? "error" : "result",
                      said.is_ours ? said.text : NOT_NOW);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
}

static void answer_function(struct ctx *ctx, const struct asked *q, struct jsonw *w) {
    jsonw_text_at(w, "result", NOT_NOW);
}

static void answer_documents(struct ctx *ctx, const struct asked *q, struct jsonw *w) {
    jsonw_key(w, "documents");
    jsonw_list(w);
    jsonw_list_end(w);
}

static void answer_endpointing(struct ctx *ctx, const struct asked *q, struct jsonw *w) {
    jsonw_key(w, "timeoutSeconds");
    jsonw_double(w, ENDPOINTING_S);
}

static void answer_predial(struct ctx *ctx, const struct asked *q, struct jsonw *w) {
    jsonw_bool_at(w, "eligible", true); /* or Vapi does not dial */
}

/* What waits for an answer with somebody on the phone, by its type: the members of the answer
 * (ServerMessageResponse..., OpenAPI of 2026-08-20). voice-request wants sound, which Ava has none
 * of: answer NULL. */
static const struct question {
    const char *type;
    void (*answer)(struct ctx *ctx, const struct asked *q, struct jsonw *w);
} QUESTIONS[] = {
    { "assistant-request", answer_assistant },
    { "tool-calls", answer_tools },
    { "function-call", answer_function },
    { "transfer-destination-request", answer_destination },
    { "handoff-destination-request", answer_destination },
    { "knowledge-base-request", answer_documents },
    { "call.endpointing.request", answer_endpointing },
    { "campaign.predial", answer_predial },
    { "voice-request", NULL },
};

static const struct question *question_of(const char *type) {
    for (size_t i = 0; i < ARRAY_LEN(QUESTIONS); i++)
        if (strcmp(QUESTIONS[i].type, type) == 0)
            return &QUESTIONS[i];
    return NULL;
}

static enum err answer(struct ctx *ctx, const struct question *question, const struct asked *q,
                       struct buf *out) {
    struct jsonw w = jsonw_to(out);
    if (question && !question->answer)
        return ctx_fail(ctx, ERR_INVALID,
                        "Ava has no voice of its own; set another voice server at Vapi.");
    jsonw_object(&w);
    if (question)
        question->answer(ctx, q, &w);
    jsonw_object_end(&w);
    return OK;
}

/* What was read of a report that is too long, as a message of its own: the call ends, and costs what
 * it cost. Everything else waits for nobody, and is told again or not needed. */
static enum err take_beginning(struct ctx *ctx, const struct endpoint_row *endpoint,
                               const struct reading *r, struct incoming *in) {
    struct buf body = { 0 };
    struct jsonw w = jsonw_to(&body);
    log_warn(ctx, "webhook too large", L("provider", PROVIDER), L("type", in->type),
             L("resource", in->resource));
    if (can_wait(in->type) || !in->resource[0])
        return too_large(ctx, "Nothing of it was kept.");
    jsonw_tree(&w, r->tree);
    in->content.body = (struct str){ arena_copy(ctx->arena, body.ptr, body.len), body.len };
    buf_fini(&body);
    TRY(intake_keep(ctx, endpoint, in));
    return too_large(ctx, "The end of the call and its cost were taken as far as they had come.");
}

struct proving {
    const struct vapi_webhook *hook;
    struct endpoint_row endpoint;
};

static enum err prove(struct ctx *ctx, void *arg) {
    struct proving *p = arg;
    TRY(intake_find(ctx, PROVIDER, p->hook->token, &p->endpoint));
    return check_proof(ctx, p->hook, p->endpoint.workspace_id);
}

/* Reads the body, once. */
static void read_once(struct reading *r, bool *is_read) {
    if (!*is_read && r->body.len > SLOW_BYTES)
        fiber_offload(read_body, r);
    else if (!*is_read)
        read_body(r);
    *is_read = true;
}

static const char *type_in(const struct reading *r) {
    return json_word(json_object_get(r->tree, "message"), "type", TYPE_MAX);
}

/* Where there is a book, what nobody waits for is proven by the database all the same, whose credentials are remembered for
 * a second: it comes by the dozen. A short message is read first for that; of a longer one nobody knows yet. */
static enum err prove_message(struct ctx *ctx, struct proving *p, struct reading *r,
                              bool *is_read) {
    if (!book_is_readable(ctx))
        return prove(ctx, p);
    if (r->body.len <= SHORT_BYTES && !p->hook->is_cut)
        read_once(r, is_read);
    const char *type = *is_read ? type_in(r) : NULL;
    bool may_ask = !*is_read || (type && question_of(type));
    return may_ask ? intake_prove(ctx, prove, p) : prove(ctx, p);
}

enum err vapi_webhook_take(struct ctx *ctx, const struct vapi_webhook *hook, struct buf *out) {
    int64_t began_ms = ava_now_ms();
    struct proving p = { .hook = hook };
    struct reading r = { .arena = ctx->arena, .body = hook->body };
    bool is_read = false;
    TRY(prove_message(ctx, &p, &r, &is_read));
    read_once(&r, &is_read);
    const json_t *message = json_object_get(r.tree, "message");
    const char *type = type_in(&r);
    const char *call_id = json_word(json_object_get(message, "call"), "id", RESOURCE_MAX);
    const struct question *question = type ? question_of(type) : NULL;
    struct asked q = { .body = r.tree,
                       .has_book = book_is_readable(ctx),
                       .until_ms = began_ms + INTAKE_ALL_MS };
    struct incoming in = {
        .provider = PROVIDER,
        .type = type ? type : "unknown",
        .resource = call_id ? call_id : "",
        .dedupe = dedupe_of(ctx, hook->body),
        .content = { .headers = hook->headers, .body = hook->body },
    };
    if (hook->is_cut)
        return take_beginning(ctx, &p.endpoint, &r, &in);
    if (!question && can_wait(type))
        TRY(hook->admit(ctx, hook->admit_arg, is_noise(message, type)));
    if (question)
        q.kept = intake_keep_soon(ctx, &p.endpoint, &in, began_ms);
    else
        TRY(intake_keep(ctx, &p.endpoint, &in));
    return answer(ctx, question, &q, out);
}
