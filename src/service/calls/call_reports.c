#include "service/calls/call_reports.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "providers/vapi_calls.h"
#include "service/calls/call_status.h"
#include "service/calls/calls.h"
#include "service/calls/lines.h"
#include "service/connections/lending.h"
#include "vault/vault.h"

enum { WORD_MAX = 128 };

/* A text of theirs that is fit to be kept: short and in one line; else NULL. */
static const char *word(const json_t *object, const char *name) {
    const char *text = json_text(object, name);
    if (!text || !text[0] || strlen(text) > WORD_MAX)
        return NULL;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20)
            return NULL;
    return text;
}

static int64_t time_of(const json_t *object, const char *name) {
    const char *text = json_text(object, name);
    int64_t ms = 0;
    if (text && !clock_parse_rfc3339(text, strlen(text), &ms))
        ms = 0;
    return ms;
}

/* --- Twilio ---------------------------------------------------------------------------------- */

static void read_twilio(const struct event_row *event, const json_t *content,
                        struct call_report *out) {
    const json_t *body = json_object_get(content, "body");
    const char *status = word(body, "CallStatus"), *direction = word(body, "Direction");
    const char *seconds = word(body, "CallDuration");
    int64_t duration_s = 0;
    bool is_call = strcmp(event->type, "voice") == 0 || strcmp(event->type, "status") == 0;
    if (!is_call || !word(body, "CallSid") || !status)
        return;
    *out = (struct call_report){
        .concerns_call = true,
        .provider_id = word(body, "CallSid"),
        .operation_id = word(json_object_get(content, "query"), "op"),
        .direction = direction && strcmp(direction, "inbound") != 0 ? "outbound" : "inbound",
        .to = word(body, "To"),
        .from = word(body, "From"),
        .status = status,
        .at_ms = event->received_ms,
    };
    if (!call_status_is_last(PROVIDER_TWILIO, status)) {
        if (strcmp(status, "in-progress") == 0)
            out->started_ms = event->received_ms;
        return;
    }
    out->ended_reason = status;
    out->ended_ms = event->received_ms;
    if (seconds && str_to_i64(str_of(seconds), 1, 7 * 24 * 3600, &duration_s))
        out->started_ms = event->received_ms - duration_s * 1000;
}

/* --- Vapi ------------------------------------------------------------------------------------ */

static const char *kind_of(const json_t *call) {
    const char *type = word(call, "type");
    return type && strcmp(type, "outboundPhoneCall") == 0 ? "outbound" : "inbound";
}

static const json_t *metadata_of(const json_t *call) {
    return json_object_get(json_object_get(call, "assistantOverrides"), "metadata");
}

static void read_cost(const json_t *message, struct call_report *out) {
    out->cost_micros = vapi_cost_micros(json_object_get(message, "cost"));
    out->has_cost = out->cost_micros >= 0;
}

static void read_end(const json_t *message, struct call_report *out) {
    out->started_ms = time_of(message, "startedAt");
    out->ended_ms = time_of(message, "endedAt");
    if (!out->ended_ms)
        out->ended_ms = out->at_ms;
    out->ended_reason = word(message, "endedReason");
    read_cost(message, out);
}

static void read_vapi(const struct event_row *event, const json_t *content,
                      struct call_report *out) {
    const json_t *message = json_object_get(json_object_get(content, "body"), "message");
    const json_t *call = json_object_get(message, "call");
    const json_t *customer = json_object_get(call, "customer");
    bool is_end = strcmp(event->type, "end-of-call-report") == 0;
    bool is_update = strcmp(event->type, "status-update") == 0;
    bool is_request = strcmp(event->type, "assistant-request") == 0;
    const char *status = is_end ? "ended" : is_update ? word(message, "status") : "ringing";
    if (!(is_end || is_update || is_request) || !word(call, "id") || !status)
        return;
    const char *direction = kind_of(call);
    bool goes_out = strcmp(direction, "outbound") == 0;
    const char *line = word(json_object_get(message, "phoneNumber"), "number");
    *out = (struct call_report){
        .concerns_call = true,
        .provider_id = word(call, "id"),
        .operation_id = word(metadata_of(call), "ava_op"),
        .carrier_id = word(call, "phoneCallProviderId"),
        .direction = direction,
        .to = goes_out ? word(customer, "number") : line,
        .from = goes_out ? line : word(customer, "number"),
        .assistant_id = word(call, "assistantId"),
        .number_id = word(call, "phoneNumberId"),
        .status = status,
        .at_ms = json_i64_or(message, "timestamp", event->received_ms),
    };
    if (is_end || call_status_is_last(PROVIDER_VAPI, status))
        read_end(message, out);
    else if (strcmp(status, "in-progress") == 0)
        out->started_ms = out->at_ms;
}

/* Whose line at Vapi an assistant talks on; NULL: there is no telling. */
static const char *account_of(struct ctx *ctx, const struct call_report *r) {
    struct lent lent;
    struct problem before = ctx->problem;
    bool is_its_call = r->concerns_call && r->assistant_id;
    bool found = is_its_call && lending_find(ctx, PROVIDER_VAPI, &lent) == OK;
    ctx->problem = before;
    return found ? lines_account(ctx, PROVIDER_VAPI, &lent.ref) : NULL;
}

const char *call_report_read(struct ctx *ctx, const struct event_row *event, const json_t *content,
                             struct call_report *out) {
    *out = (struct call_report){ .concerns_call = false };
    if (!json_is_object(json_object_get(content, "body")))
        return "It holds no fields.";
    if (strcmp(event->provider, "vapi") == 0) {
        read_vapi(event, content, out);
        out->account = account_of(ctx, out);
    } else {
        read_twilio(event, content, out);
    }
    out->provider = event->provider;
    return NULL;
}

struct str call_report_facts(struct ctx *ctx, const struct call_report *r) {
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    jsonw_text_at(&w, "provider_id", r->provider_id);
    jsonw_text_at(&w, "status", r->status);
    jsonw_text_at(&w, "ended_reason", r->ended_reason);
    jsonw_i64_at(&w, "started_at", r->started_ms);
    jsonw_i64_at(&w, "ended_at", r->ended_ms);
    jsonw_object_end(&w);
    return buf_view(out);
}

/* --- into our row ---------------------------------------------------------------------------- */

/* By its id, by the operation that asked for it, or, of a call that Vapi handles, by the id it has
 * on Twilio's line. */
static enum err find(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                     const struct call_report *r, struct call_row *row) {
    TRY(call_row_find_by_provider(ctx, tx, workspace_id, r->provider, r->provider_id, row));
    if (!row->id && r->operation_id)
        TRY(call_row_find_placed(ctx, tx, workspace_id, r->operation_id, row));
    if (row->id && strcmp(row->provider, r->provider) != 0)
        row->id = NULL;
    if (!row->id)
        TRY(call_row_find_carried(ctx, tx, workspace_id, r->provider_id, row));
    return OK;
}

static enum err insert(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                       const struct call_report *r, struct call_row *row) {
    struct id id = id_make("call");
    *row = (struct call_row){ .id = arena_strdup(ctx->arena, id.text),
                              .workspace_id = workspace_id,
                              .provider = r->provider,
                              .provider_id = r->provider_id,
                              .direction = r->direction,
                              .to = r->to ? r->to : "",
                              .from_number_id = r->number_id,
                              .assistant_id = r->assistant_id,
                              .status = "requested",
                              .created_ms = r->at_ms,
                              .updated_ms = r->at_ms };
    struct vault_place place = { "calls", "sealed", workspace_id, row->id };
    TRY(vault_seal(ctx, tx, &place, STR("null"), &row->sealed));
    return call_row_insert(ctx, tx, row);
}

/* True when it changes the row. What was said once stays, unless something later says otherwise. */
static bool merge(struct call_row *row, const struct call_report *r) {
    struct call_row was = *row;
    enum provider p = provider_parse(str_of(r->provider));
    int rank = call_status_rank(p, r->status), had = call_status_rank(p, row->status);
    if (call_status_follows(p, row->status, r->status))
        row->status = r->status;
    if (!row->provider_id)
        row->provider_id = r->provider_id;
    if (!row->carrier_id)
        row->carrier_id = r->carrier_id;
    if (!row->from)
        row->from = r->from;
    if (!row->started_ms || (r->started_ms && rank >= had && r->ended_ms))
        row->started_ms = r->started_ms;
    if (!row->ended_ms || (r->ended_ms && r->ended_reason && !row->ended_reason))
        row->ended_ms = r->ended_ms;
    if (!row->ended_reason)
        row->ended_reason = r->ended_reason;
    if (r->has_cost && !row->has_cost) {
        row->has_cost = true;
        row->cost_micros = r->cost_micros;
    }
    return row->status != was.status || row->provider_id != was.provider_id ||
           row->carrier_id != was.carrier_id || row->from != was.from ||
           row->started_ms != was.started_ms || row->ended_ms != was.ended_ms ||
           row->ended_reason != was.ended_reason || row->has_cost != was.has_cost;
}

/* Twilio told of it first, as of a call of its own; it is the one that Vapi handles. */
static enum err join_carried(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                             const struct call_report *r) {
    struct call_row twin = { .id = NULL };
    if (r->carrier_id)
        TRY(call_row_find_by_provider(ctx, tx, workspace_id, "twilio", r->carrier_id, &twin));
    return twin.id && !twin.operation_id ? call_remove(ctx, tx, &twin) : OK;
}

/* It talks to an assistant: that is a line taken, whoever gave it. */
static enum err note_inbound(struct ctx *ctx, struct db_conn *tx, const struct call_report *r,
                             const struct call_row *row) {
    struct line_row line = { .call_id = row->id,
                             .workspace_id = row->workspace_id,
                             .line = row->to,
                             .account = r->account ? r->account : "" },
                    had;
    bool talks = strcmp(row->direction, "inbound") == 0 && r->account &&
                 strcmp(row->status, "in-progress") == 0;
    if (!talks || call_is_over(row))
        return OK;
    TRY(line_row_find(ctx, tx, row->id, &had, NULL));
    return had.call_id ? OK : lines_note_inbound(ctx, tx, &line);
}

enum err call_report_apply(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                           const struct call_report *r, struct str *shown) {
    struct call_row row;
    *shown = (struct str){ NULL, 0 };
    if (!r->concerns_call)
        return OK;
    TRY(find(ctx, tx, workspace_id, r, &row));
    if (row.id && strcmp(row.provider, r->provider) != 0)
        return OK; /* the carrier's view of a call that Vapi tells us about itself */
    bool is_new = !row.id;
    if (is_new)
        TRY(insert(ctx, tx, workspace_id, r, &row));
    if (!merge(&row, r) && !is_new)
        return OK;
    row.updated_ms = ava_wall_ms();
    TRY(call_save(ctx, tx, &row));
    TRY(note_inbound(ctx, tx, r, &row));
    TRY(join_carried(ctx, tx, workspace_id, r));
    return call_show(ctx, tx, &row, shown);
}
