#include "service/messages/message_reports.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "providers/twilio.h"
#include "service/messages/messages.h"
#include "vault/vault.h"

enum { MEDIA_MAX = 10, ADDRESS_MAX = 64 };

static const char *address(const json_t *body, const char *name) {
    const char *text = json_text(body, name);
    return text && text[0] && strlen(text) <= ADDRESS_MAX ? text : NULL;
}

static struct str facts_of(struct ctx *ctx, const char *sid, const char *status, const char *code) {
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    int64_t number = 0;
    jsonw_object(&w);
    jsonw_text_at(&w, "provider_id", sid);
    jsonw_text_at(&w, "status", status);
    if (code && str_to_i64(str_of(code), 1, INT32_MAX, &number))
        jsonw_text_at(&w, "error", twilio_error_words(ctx, number));
    jsonw_object_end(&w);
    return buf_view(out);
}

static struct str content_of(struct ctx *ctx, const json_t *body) {
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    const char *text = json_text(body, "Body");
    jsonw_object(&w);
    jsonw_text_at(&w, "body", text ? text : "");
    if (json_text(body, "MediaUrl0")) {
        jsonw_key(&w, "media_urls");
        jsonw_list(&w);
        for (int i = 0; i < MEDIA_MAX; i++) {
            const char *url = json_text(body, arena_printf(ctx->arena, "MediaUrl%d", i));
            if (url)
                jsonw_text(&w, url);
        }
        jsonw_list_end(&w);
    }
    jsonw_object_end(&w);
    return buf_view(out);
}

void message_report_read(struct ctx *ctx, const struct event_row *event, const json_t *content,
                         struct message_report *out) {
    const json_t *body = json_object_get(content, "body");
    bool comes_in = strcmp(event->type, "message") == 0;
    const char *sid = address(body, "MessageSid");
    const char *status = comes_in ? "received" : address(body, "MessageStatus");
    *out = (struct message_report){ .concerns_message = false };
    if (strcmp(event->provider, "twilio") != 0 || !sid || !status ||
        (!comes_in && strcmp(event->type, "message-status") != 0))
        return;
    *out = (struct message_report){
        .concerns_message = true,
        .is_received = comes_in,
        .provider = event->provider,
        .provider_id = sid,
        .operation_id = comes_in ? NULL : json_text(json_object_get(content, "query"), "op"),
        .to = address(body, "To"),
        .from = address(body, "From"),
        .facts = facts_of(ctx, sid, status, json_text(body, "ErrorCode")),
        .at_ms = event->received_ms,
    };
    if (comes_in)
        out->content = content_of(ctx, body);
}

static enum err insert(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                       const struct message_report *r, struct message_row *row) {
    struct id id = id_make("msg");
    *row = (struct message_row){ .id = arena_strdup(ctx->arena, id.text),
                                 .workspace_id = workspace_id,
                                 .channel = "sms",
                                 .direction = "inbound",
                                 .provider = r->provider,
                                 .provider_id = r->provider_id,
                                 .to = r->to ? r->to : "",
                                 .from = r->from ? r->from : "",
                                 .status = "received",
                                 .created_ms = r->at_ms,
                                 .updated_ms = r->at_ms };
    struct vault_place place = { "messages", "sealed", workspace_id, row->id };
    TRY(vault_seal(ctx, tx, &place, r->content, &row->sealed));
    return message_row_insert(ctx, tx, row);
}

enum err message_report_apply(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                              const struct message_report *r, struct str *shown) {
    struct message_row row;
    *shown = (struct str){ NULL, 0 };
    if (!r->concerns_message)
        return OK;
    TRY(message_row_find_by_provider(ctx, tx, workspace_id, r->provider, r->provider_id, &row));
    if (!row.id && !r->is_received)
        return OK; /* sent by somebody else's hand */
    if (!row.id) {
        TRY(insert(ctx, tx, workspace_id, r, &row));
    } else if (message_learn(ctx, r->facts, &row)) {
        TRY(message_row_update(ctx, tx, &row));
    } else {
        return OK;
    }
    return message_show(ctx, tx, &row, shown);
}
