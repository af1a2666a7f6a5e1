#include "providers/twilio_messages.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/jsonw.h"

/* --- reading --------------------------------------------------------------------------------- */

/* False when it is not a text. body is kept for the match only. */
static bool facts_write(struct ctx *ctx, struct jsonw *w, const json_t *text, bool with_body) {
    const char *sid = json_text(text, "sid"), *status = json_text(text, "status");
    int64_t code = json_i64_or(text, "error_code", 0);
    if (!sid || !sid[0] || !status)
        return false;
    jsonw_object(w);
    jsonw_text_at(w, "provider_id", sid);
    jsonw_text_at(w, "status", status);
    jsonw_text_at(w, "error", code ? twilio_error_words(ctx, code) : NULL);
    if (with_body) {
        jsonw_text_at(w, "to", json_text(text, "to"));
        jsonw_text_at(w, "from", json_text(text, "from"));
        jsonw_text_at(w, "body", json_text(text, "body"));
        jsonw_i64_at(w, "made_at", twilio_time(json_text(text, "date_created")));
    }
    jsonw_object_end(w);
    return true;
}

static bool to_facts(struct ctx *ctx, struct str body, struct str *kept) {
    const char *why;
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    if (!facts_write(ctx, &w, json_parse(ctx->arena, body, &why), false))
        return false;
    *kept = buf_view(out);
    return true;
}

static bool to_list(struct ctx *ctx, struct str body, struct str *kept) {
    const char *why;
    json_t *page = json_parse(ctx->arena, body, &why), *text;
    const json_t *list = json_object_get(page, "messages");
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    size_t i;
    if (!json_is_array(list))
        return false;
    jsonw_object(&w);
    jsonw_bool_at(&w, "is_whole", !json_text(page, "next_page_uri"));
    jsonw_key(&w, "found");
    jsonw_list(&w);
    json_array_foreach(list, i, text) {
        if (!facts_write(ctx, &w, text, true))
            return false;
    }
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    *kept = buf_view(out);
    return true;
}

/* --- asking ---------------------------------------------------------------------------------- */

enum err twilio_text_create(struct ctx *ctx, const struct upstream_credential *c,
                            const char *account_sid, const struct twilio_text *text,
                            const struct upstream_watch *watch, struct str *facts) {
    struct upstream_request req = twilio_request(c, "POST", "message.create",
                                                 twilio_path(ctx, account_sid, "/Messages.json"));
    struct upstream_answer answer;
    struct buf *form = buf_in(ctx->arena);
    json_t *url;
    size_t i;
    twilio_pair(form, "To", text->to);
    twilio_pair(form, "From", text->from);
    twilio_pair(form, "Body", text->body);
    json_array_foreach(text->media_urls, i, url)
        twilio_pair(form, "MediaUrl", json_string_value(url));
    twilio_pair(form, "StatusCallback", text->callback);
    req.body = buf_view(form);
    req.digest = to_facts;
    req.watch = watch;
    TRY(upstream_call(ctx, &req, &answer));
    *facts = answer.body;
    return OK;
}

enum err twilio_text_read(struct ctx *ctx, const struct upstream_credential *c,
                          const char *account_sid, const char *provider_id, struct str *facts) {
    struct upstream_answer answer;
    struct upstream_request req = twilio_request(
        c, "GET", "message.get", twilio_thing_path(ctx, account_sid, "/Messages/", provider_id));
    req.digest = to_facts;
    TRY(upstream_call(ctx, &req, &answer));
    *facts = answer.body;
    return OK;
}

enum err twilio_texts_like(struct ctx *ctx, const struct upstream_credential *c,
                           const char *account_sid, const struct twilio_search *search,
                           struct twilio_matches *out) {
    struct upstream_answer answer;
    struct upstream_request req =
        twilio_request(c, "GET", "message.list",
                       twilio_search_path(ctx, account_sid, "/Messages.json", "DateSent>", search));
    req.digest = to_list;
    TRY(upstream_call(ctx, &req, &answer));
    twilio_pick(ctx, answer.body, search, out);
    return OK;
}
