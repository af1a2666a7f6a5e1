/* The connect cards, and the addresses to paste. */
#include <string.h>

#include "routes/reply.h"
#include "routes/resources.h"
#include "service/assistants/webhook_setup.h"
#include "service/connections/endpoints.h"
#include "service/connections/integrations.h"

enum err get_integrations(struct ctx *ctx, struct call *call) {
    struct integration rows[INTEGRATIONS_MAX];
    size_t count;
    bool sandbox = strcmp(call->entry->profile, "sandbox") == 0;
    TRY(integrations_list(ctx, rows, &count));
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "integrations");
    jsonw_list(&w);
    for (size_t i = 0; i < count; i++) {
        const struct integration *r = &rows[i];
        bool demo = sandbox && strcmp(r->status, "connected") == 0;
        jsonw_object(&w);
        jsonw_text_at(&w, "provider", provider_name(r->provider));
        jsonw_text_at(&w, "status", demo ? "demo" : r->status);
        jsonw_text_at(&w, "attention", r->attention);
        jsonw_time_at(&w, "attention_since", r->attention_since_ms);
        jsonw_text_at(&w, "account_last4", r->account_last4);
        jsonw_text_at(&w, "account", r->account);
        jsonw_time_at(&w, "checked_at", r->checked_ms);
        jsonw_key(&w, "retry_in_seconds");
        if (r->retry_in_s)
            jsonw_i64(&w, r->retry_in_s);
        else
            jsonw_null(&w);
        jsonw_time_at(&w, "last_webhook_at", r->last_webhook_ms);
        jsonw_text_at(&w, "breaker", breaker_state_name(r->breaker));
        jsonw_object_end(&w);
    }
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return OK;
}

static void write_endpoint(struct ctx *ctx, struct jsonw *w, const struct endpoint *e) {
    const struct dialect_webhook *address = endpoint_addresses(provider_parse(str_of(e->provider)));
    jsonw_object(w);
    jsonw_text_at(w, "id", e->id);
    jsonw_text_at(w, "provider", e->provider);
    jsonw_key(w, "urls");
    jsonw_object(w);
    for (; address->name; address++)
        jsonw_text_at(w, address->name, endpoint_url(ctx, e, address->kind));
    jsonw_object_end(w);
    jsonw_time_at(w, "last_received_at", e->last_received_ms);
    if (e->previous_valid_until_ms)
        jsonw_time_at(w, "previous_valid_until", e->previous_valid_until_ms);
    jsonw_time_at(w, "created_at", e->created_ms);
    jsonw_time_at(w, "updated_at", e->created_ms);
    jsonw_object_end(w);
}

enum err get_endpoints(struct ctx *ctx, struct call *call) {
    /* Twilio's first and Vapi's next, as callers have always had it. */
    static const enum provider FIRST[] = { PROVIDER_TWILIO, PROVIDER_VAPI };
    enum provider order[PROVIDER_COUNT + ARRAY_LEN(FIRST)];
    struct endpoint endpoints[ARRAY_LEN(order)];
    size_t known = 0, count = 0;
    for (; known < ARRAY_LEN(FIRST); known++)
        order[known] = FIRST[known];
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        if (endpoint_addresses(p) && p != FIRST[0] && p != FIRST[1])
            order[known++] = p;
    for (size_t i = 0; i < known; i++) {
        bool found;
        TRY(endpoint_find(ctx, order[i], &endpoints[count], &found));
        count += found;
    }
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "endpoints");
    jsonw_list(&w);
    for (size_t i = 0; i < count; i++)
        write_endpoint(ctx, &w, &endpoints[i]);
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return OK;
}

static enum err say_rotated(struct ctx *ctx, struct call *call, void *out) {
    struct jsonw w = reply_json(call, 200);
    write_endpoint(ctx, &w, out);
    return OK;
}

enum err post_endpoint_rotate(struct ctx *ctx, struct call *call) {
    struct endpoint e;
    enum provider p = provider_parse(call->match->params[0]);
    if (!endpoint_addresses(p))
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such provider here.");
    reply_will(ctx, call, say_rotated, &e);
    TRY(endpoint_rotate(ctx, p, &e));
    return reply_now(ctx, call);
}

enum err delete_endpoint_former(struct ctx *ctx, struct call *call) {
    enum provider p = provider_parse(call->match->params[0]);
    if (!endpoint_addresses(p))
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such provider here.");
    TRY(endpoint_end_former(ctx, p));
    return reply_none(call);
}

enum err post_endpoint_setup(struct ctx *ctx, struct call *call) {
    struct webhook_setup setup;
    struct input in = input_of(ctx, call);
    bool given, overwrite = input_bool(&in, "overwrite", &given);
    TRY(input_done(&in));
    enum provider p = provider_parse(call->match->params[0]);
    TRY(webhook_setup(ctx, p, given && overwrite, &setup));
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_text_at(&w, "url", setup.url);
    jsonw_text_at(&w, "was_url", setup.was_url);
    jsonw_text_at(&w, "assistant_id", setup.assistant_id);
    jsonw_key(&w, "warnings");
    jsonw_list(&w);
    for (size_t i = 0; i < setup.warning_count; i++) {
        jsonw_object(&w);
        jsonw_text_at(&w, "code", setup.warnings[i].code);
        jsonw_text_at(&w, "who", setup.warnings[i].who);
        jsonw_text_at(&w, "detail", setup.warnings[i].detail);
        jsonw_object_end(&w);
    }
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return OK;
}
