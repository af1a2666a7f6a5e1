#include "providers/twilio_messages.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "providers/twilio_codes.h"

/* A text that was delivered may still be read, and carriers tell late that it was not: a failure
 * stands over everything. */
const struct dialect_rank TWILIO_MESSAGE_RANKS[] = {
    { "accepted", 1 },
    { "scheduled", 2 },
    { "queued", 3 },
    { "sending", 4 },
    { "sent", 5 },
    { "receiving", 5 },
    { "partially_delivered", 6 },
    { "delivered", DIALECT_RANK_LAST },
    { "undelivered", DIALECT_RANK_LAST + 2 },
    { "failed", DIALECT_RANK_LAST + 2 },
    { "canceled", DIALECT_RANK_LAST },
    { "received", DIALECT_RANK_LAST },
    { "read", DIALECT_RANK_LAST + 1 },
    { NULL, 0 },
};

/* --- reading --------------------------------------------------------------------------------- */

/* False when it is not a text. */
static bool facts_of(struct ctx *ctx, const json_t *text, struct message_facts *out) {
    const char *sid = json_text(text, "sid"), *status = json_text(text, "status");
    int64_t code = json_i64_or(text, "error_code", 0);
    if (!sid || !sid[0] || !status)
        return false;
    *out = (struct message_facts){ .provider_id = sid,
                                   .to = json_text(text, "to"),
                                   .from = json_text(text, "from"),
                                   .status = status,
                                   .error = code ? twilio_error_words(ctx, code) : NULL };
    return true;
}

static bool read_text(struct ctx *ctx, const json_t *said, void *into) {
    return facts_of(ctx, said, into);
}

static bool read_match(struct ctx *ctx, const json_t *one, struct twilio_match *out) {
    struct message_facts *facts = arena_alloc(ctx->arena, sizeof *facts);
    if (!facts_of(ctx, one, facts))
        return false;
    *out = (struct twilio_match){ .provider_id = facts->provider_id,
                                  .to = facts->to,
                                  .from = facts->from,
                                  .direction = json_text(one, "direction"),
                                  .body = json_text(one, "body"),
                                  .made_ms = twilio_time(json_text(one, "date_created")),
                                  .facts = facts };
    return true;
}

static const char *const LIST_PATHS[] = { "messages[].sid",       "messages[].status",
                                          "messages[].to",        "messages[].from",
                                          "messages[].body",      "messages[].error_code",
                                          "messages[].direction", "messages[].date_created",
                                          "next_page_uri",        NULL };
static const struct twilio_list TEXTS = { "message.list", "/Messages.json", "DateSent>",
                                          "messages",     read_match,       LIST_PATHS };

/* --- asking ---------------------------------------------------------------------------------- */

enum err twilio_message_create(struct ctx *ctx, const struct upstream_credential *c,
                               const char *account_sid, const struct twilio_text *text,
                               const struct upstream_watch *watch, struct message_facts *out) {
    struct upstream_answer answer;
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
    req.read = read_text;
    req.into = out;
    req.watch = watch;
    return upstream_call(ctx, &req, &answer);
}

enum err twilio_message_read(struct ctx *ctx, const struct upstream_credential *c,
                             const char *account_sid, const char *provider_id,
                             struct message_facts *out) {
    struct upstream_answer answer;
    struct upstream_request req = twilio_request(
        c, "GET", "message.get", twilio_thing_path(ctx, account_sid, "/Messages/", provider_id));
    req.read = read_text;
    req.into = out;
    return upstream_call(ctx, &req, &answer);
}

enum err twilio_messages_like(struct ctx *ctx, const struct upstream_credential *c,
                              const char *account_sid, const struct twilio_search *search,
                              struct twilio_matches *out) {
    return twilio_find(ctx, c, account_sid, &TEXTS, search, out);
}

enum err twilio_messages_since(struct ctx *ctx, const struct upstream_credential *c,
                               const char *account_sid, int64_t since_ms,
                               struct twilio_listed *out) {
    return twilio_list_since(ctx, c, account_sid, &TEXTS, since_ms, out);
}
