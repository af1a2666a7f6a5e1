#include "service/connections/credentials.h"

#include <string.h>

#include "base/json.h"
#include "base/tree.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "service/assistants/assistants.h"

static enum err provider_of(struct ctx *ctx, struct call *call, enum provider *p) {
    *p = provider_parse(call->match->params[0]);
    if (*p == PROVIDER_COUNT || !credentials_supports(*p))
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such provider here.");
    return OK;
}

/* ?verify=true or false; fallback when it is not said. */
static enum err verify_of(struct ctx *ctx, struct call *call, bool fallback, bool *verify) {
    static const char *const KNOWN[] = { "verify", NULL };
    TRY(input_known_query(ctx, call, KNOWN));
    const char *text = input_query(ctx, call, "verify");
    *verify = text ? strcmp(text, "true") == 0 : fallback;
    if (text && !*verify && strcmp(text, "false") != 0)
        ctx_field(ctx, "verify", "wrong_format", "verify must be true or false.");
    return ctx_fields_ok(ctx);
}

static enum err answer(struct call *call, const struct connection *c,
                       const struct connection_check *check) {
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_text_at(&w, "provider", provider_name(c->provider));
    jsonw_bool_at(&w, "connected", c->is_connected);
    jsonw_text_at(&w, "account_last4", c->account_last4);
    if (c->assistant_id)
        jsonw_text_at(&w, "assistant_id", c->assistant_id);
    if (c->default_number_id)
        jsonw_text_at(&w, "default_number_id", c->default_number_id);
    if (c->account_sid)
        jsonw_text_at(&w, "account_sid", c->account_sid);
    if (c->from)
        jsonw_text_at(&w, "from", c->from);
    if (c->is_fallback)
        jsonw_bool_at(&w, "fallback", true);
    jsonw_key(&w, "fields");
    jsonw_list(&w);
    for (size_t i = 0; i < c->field_count; i++) {
        jsonw_object(&w);
        jsonw_text_at(&w, "name", c->fields[i].name);
        jsonw_bool_at(&w, "set", c->fields[i].is_set);
        jsonw_text_at(&w, "last4", c->fields[i].last4);
        jsonw_object_end(&w);
    }
    jsonw_list_end(&w);
    jsonw_time_at(&w, "checked_at", c->checked_ms);
    jsonw_time_at(&w, "updated_at", c->updated_ms);
    if (check && check->was_made) {
        jsonw_key(&w, "check");
        jsonw_object(&w);
        jsonw_bool_at(&w, "ok", true);
        jsonw_text_at(&w, "message", check->message);
        if (check->numbers >= 0)
            jsonw_i64_at(&w, "numbers", check->numbers);
        jsonw_object_end(&w);
    }
    jsonw_object_end(&w);
    return OK;
}

/* The same body, with an assistant of Ava's by the name its provider knows. */
static enum err resolve_assistant(struct ctx *ctx, const json_t **body) {
    const char *named = json_text(*body, "assistant_id"), *assistant;
    TRY(assistant_resolve(ctx, named, &assistant));
    if (assistant == named)
        return OK;
    json_t *copy = tree_in(ctx->arena, json_copy((json_t *)*body));
    json_object_set_new(copy, "assistant_id", json_string(assistant));
    *body = copy;
    return OK;
}

enum err get_credential(struct ctx *ctx, struct call *call) {
    enum provider p;
    struct connection c;
    struct connection_check check = { 0 };
    bool verify;
    TRY(provider_of(ctx, call, &p));
    TRY(verify_of(ctx, call, false, &verify));
    TRY(verify ? credentials_verify(ctx, p, &c, &check) : credentials_describe(ctx, p, &c));
    return answer(call, &c, &check);
}

enum err put_credential(struct ctx *ctx, struct call *call) {
    enum provider p;
    struct connection c;
    struct connection_check check;
    const json_t *body = call->body;
    bool verify;
    TRY(provider_of(ctx, call, &p));
    TRY(verify_of(ctx, call, true, &verify));
    TRY(resolve_assistant(ctx, &body));
    TRY(credentials_save(ctx, p, body, verify, &c, &check));
    return answer(call, &c, &check);
}

enum err delete_credential(struct ctx *ctx, struct call *call) {
    enum provider p;
    TRY(provider_of(ctx, call, &p));
    TRY(credentials_remove(ctx, p));
    return reply_none(call);
}
