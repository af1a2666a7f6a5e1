#include "providers/twilio_messages.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/jsonw.h"

/* --- reading --------------------------------------------------------------------------------- */

static bool is_text(const json_t *text) {
    const char *sid = json_text(text, "sid");
    return sid && sid[0] && json_text(text, "status");
}

static void state_write(struct ctx *ctx, struct jsonw *w, const json_t *text) {
    int64_t code = json_i64_or(text, "error_code", 0);
    jsonw_text_at(w, "provider_id", json_text(text, "sid"));
    jsonw_text_at(w, "status", json_text(text, "status"));
    jsonw_text_at(w, "error", code ? twilio_error_words(ctx, code) : NULL);
}

static bool facts_write(struct ctx *ctx, struct jsonw *w, const json_t *text) {
    if (!is_text(text))
        return false;
    jsonw_object(w);
    state_write(ctx, w, text);
    jsonw_object_end(w);
    return true;
}

/* With what it says, which is for the match only. */
static bool listed_write(struct ctx *ctx, struct jsonw *w, const json_t *text) {
    if (!is_text(text))
        return false;
    jsonw_object(w);
    state_write(ctx, w, text);
    jsonw_text_at(w, "to", json_text(text, "to"));
    jsonw_text_at(w, "from", json_text(text, "from"));
    jsonw_text_at(w, "body", json_text(text, "body"));
    jsonw_i64_at(w, "made_at", twilio_time(json_text(text, "date_created")));
    jsonw_object_end(w);
    return true;
}

static bool to_facts(struct ctx *ctx, struct str body, struct str *kept) {
    return twilio_facts(ctx, body, facts_write, kept);
}

static bool to_list(struct ctx *ctx, struct str body, struct str *kept) {
    return twilio_found(ctx, body, "messages", listed_write, kept);
}

/* --- asking ---------------------------------------------------------------------------------- */

enum err twilio_message_create(struct ctx *ctx, const struct upstream_credential *c,
                               const char *account_sid, const struct twilio_text *text,
                               const struct upstream_watch *watch, struct str *facts) {
    struct upstream_request req = twilio_request(c, "POST", "message.create",
                                                 twilio_path(ctx, account_sid, "/Messages.json"));
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
    return twilio_ask(ctx, &req, facts);
}

enum err twilio_message_read(struct ctx *ctx, const struct upstream_credential *c,
                             const char *account_sid, const char *provider_id, struct str *facts) {
    struct upstream_request req = twilio_request(
        c, "GET", "message.get", twilio_thing_path(ctx, account_sid, "/Messages/", provider_id));
    req.digest = to_facts;
    return twilio_ask(ctx, &req, facts);
}

enum err twilio_messages_like(struct ctx *ctx, const struct upstream_credential *c,
                              const char *account_sid, const struct twilio_search *search,
                              struct twilio_matches *out) {
    struct upstream_request req = twilio_request(c, "GET", "message.list", NULL);
    req.digest = to_list;
    return twilio_find(ctx, &req, account_sid, "/Messages.json", "DateSent>", search, out);
}
