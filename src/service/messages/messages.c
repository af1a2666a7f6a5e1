#include "service/messages/messages.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/sift.h"
#include "obs/fields.h"
#include "providers/dialect.h"
#include "providers/twilio_messages.h"
#include "service/connections/endpoints.h"
#include "service/connections/lending.h"
#include "service/messages/message_status.h"
#include "store/opt_outs.h"
#include "tasks/feed.h"
#include "tasks/matching.h"
#include "vault/vault.h"

enum { BODY_CHARS_MAX = 1600, MEDIA_MAX = 10 };

/* --- what is asked --------------------------------------------------------------------------- */

/* At most MEDIA_MAX addresses; only the first wrong one is noted. */
static void check_media(struct ctx *ctx, const json_t *urls) {
    json_t *url;
    size_t i;
    if (!urls || json_is_null(urls))
        return;
    if (!json_is_array(urls)) {
        ctx_field(ctx, "media_urls", "wrong_type", "media_urls must be a list of addresses.");
    } else if (json_array_size(urls) > MEDIA_MAX) {
        ctx_field_range(ctx, "media_urls", "too_long", 0, MEDIA_MAX,
                        "A text carries at most 10 media.");
    } else {
        size_t before = ctx->problem.field_count;
        json_array_foreach(urls, i, url) {
            if (ctx->problem.field_count == before)
                field_https(ctx, "media_urls", url);
        }
    }
}

static enum err check_body(struct ctx *ctx, const json_t *body) {
    static const char *const KNOWN[] = { "to", "from", "body", "media_urls" };
    field_phone(ctx, body, "to", "the number to write to");
    field_phone(ctx, body, "from", "the number to write from, one of your Twilio account");
    field_text(ctx, body, "body", true, 1, BODY_CHARS_MAX);
    check_media(ctx, json_object_get(body, "media_urls"));
    return fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
}

/* --- placing one ----------------------------------------------------------------------------- */

struct placing {
    struct message_row row;
    const json_t *body;
};

/* Writes a list of the content where it has one. */
static void write_list(struct jsonw *w, const json_t *content, const char *name) {
    const json_t *list = json_object_get(content, name);
    if (!json_array_size(list))
        return;
    jsonw_key(w, name);
    jsonw_tree(w, list);
}

static void write_content(struct jsonw *w, const json_t *body) {
    jsonw_text_at(w, "body", json_text(body, "body"));
    write_list(w, body, "media_urls");
}

/* The warning beside a text to somebody who asked for none; it is sent all the same, since only the provider
 * knows for certain. */
static void write_opted_out(struct ctx *ctx, struct jsonw *w, const char *to, int64_t since_ms) {
    char day[32];
    clock_rfc3339(since_ms, day);
    jsonw_key(w, "warnings");
    jsonw_list(w);
    jsonw_object(w);
    jsonw_text_at(w, "code", "opted_out");
    jsonw_text_at(
        w, "detail",
        arena_printf(ctx->arena,
                     "%s asked for no more texts on %.10s (STOP). Twilio refuses texts to "
                     "this number until it sends START.",
                     to, day));
    jsonw_object_end(w);
    jsonw_list_end(w);
}

/* What the operation keeps of the text. */
static struct str request_of(struct ctx *ctx, const json_t *body) {
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    jsonw_text_at(&w, "to", json_text(body, "to"));
    jsonw_text_at(&w, "from", json_text(body, "from"));
    write_content(&w, body);
    jsonw_object_end(&w);
    return buf_view(out);
}

/* For operation_order.insert: the row with its content sealed, and a warning in it where there is one. */
static enum err insert(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct placing *p = arg;
    struct sealed_place place = message_row_place(&p->row);
    struct buf *content = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(content);
    int64_t since_ms;
    TRY(opt_out_row_since(ctx, tx, p->row.workspace_id, p->row.to, &since_ms));
    jsonw_object(&w);
    write_content(&w, p->body);
    if (since_ms)
        write_opted_out(ctx, &w, p->row.to, since_ms);
    jsonw_object_end(&w);
    TRY(vault_seal(ctx, tx, &place, buf_view(content), &p->row.sealed));
    return message_row_insert(ctx, tx, &p->row);
}

enum err message_place(struct ctx *ctx, const json_t *body, enum operation_patience patience,
                       const struct id *claim, struct operation_end *out) {
    return message_place_also(ctx, body, patience, claim, NULL, out);
}

enum err message_place_also(struct ctx *ctx, const json_t *body, enum operation_patience patience,
                            const struct id *claim, const struct operation_also *also,
                            struct operation_end *out) {
    struct lent lent;
    struct id id = id_make("msg"), op = id_make("op");
    int64_t now_ms = ava_wall_ms();
    struct placing p = { .row = { .id = arena_strdup(ctx->arena, id.text),
                                  .workspace_id = ctx->who.workspace_id,
                                  .operation_id = arena_strdup(ctx->arena, op.text),
                                  .channel = "sms",
                                  .direction = "outbound",
                                  .provider = provider_name(PROVIDER_TWILIO),
                                  .status = "requested",
                                  .created_ms = now_ms,
                                  .updated_ms = now_ms } };
    *out = (struct operation_end){ .was_abandoned = true };
    TRY(check_body(ctx, body));
    TRY(lending_find(ctx, PROVIDER_TWILIO, &lent));
    TRY(lent_owns_numbers(ctx, &lent));
    p.row.to = json_text(body, "to");
    p.row.from = json_text(body, "from");
    p.body = body;
    struct operation_order order = { .kind = &MESSAGE_CREATE,
                                     .id = p.row.operation_id,
                                     .object = p.row.id,
                                     .request = request_of(ctx, body),
                                     .insert = insert,
                                     .arg = &p,
                                     .claim = claim,
                                     .also = also,
                                     .patience = patience };
    return operation_place(ctx, &order, out);
}

/* --- as an operation ------------------------------------------------------------------------- */

/* The text from the stored request of the operation. */
static enum err text_of(struct ctx *ctx, const struct operation *op, struct twilio_text *text) {
    json_t *request = sift_own(ctx->arena, op->request);
    *text = (struct twilio_text){ .to = json_text(request, "to"),
                                  .from = json_text(request, "from"),
                                  .body = json_text(request, "body"),
                                  .media_urls = json_object_get(request, "media_urls") };
    if (!text->to || !text->from || !text->body)
        return ctx_fail(ctx, ERR_INTERNAL, "The stored request cannot be read.");
    return OK;
}

/* Sends the text through Twilio; the callback address carries the operation's id. */
static enum err perform(struct ctx *ctx, const struct operation *op,
                        const struct upstream_watch *watch, const void **result) {
    struct lent lent;
    struct twilio_text text;
    struct message_facts *facts = arena_alloc(ctx->arena, sizeof *facts);
    TRY(text_of(ctx, op, &text));
    TRY(lending_find(ctx, PROVIDER_TWILIO, &lent));
    TRY(endpoint_callback(ctx, PROVIDER_TWILIO, "message-status", op->id, &text.callback));
    TRY(twilio_message_create(ctx, &lent.ref, lent.account.account_sid, &text, watch, facts));
    *result = facts;
    return OK;
}

/* Asks Twilio once for all texts since the first of the operations was sent. *listed: struct
 * twilio_listed. */
static enum err list(struct ctx *ctx, const struct operation *const *ops, size_t count,
                     const void **listed) {
    struct lent lent;
    struct twilio_listed *all = arena_alloc(ctx->arena, sizeof *all);
    TRY(lending_find(ctx, PROVIDER_TWILIO, &lent));
    TRY(twilio_messages_since(ctx, &lent.ref, lent.account.account_sid,
                              operations_oldest(ops, count), all));
    *listed = all;
    return OK;
}

/* Looks for the same text between the same numbers at that time, in the list where it is whole, else at
 * Twilio; only a certain match counts. */
static enum err look_up(struct ctx *ctx, const struct operation *op, const void *listed,
                        const void **result, bool *is_absent) {
    struct lent lent;
    struct twilio_text text;
    struct twilio_matches matches;
    const struct twilio_listed *all = listed;
    int64_t others;
    TRY(text_of(ctx, op, &text));
    TRY(lending_find(ctx, PROVIDER_TWILIO, &lent));
    struct matching_span run = matching_run(op->sent_ms), rivals = matching_rivals(op->sent_ms);
    struct twilio_search search = { .to = text.to,
                                    .from = text.from,
                                    .body = text.body,
                                    .since_ms = run.since_ms,
                                    .until_ms = run.until_ms,
                                    .is_unbounded = operation_proves_absence(op) };
    struct rival_like like = { .id = op->object,
                               .workspace_id = ctx->who.workspace_id,
                               .to = text.to,
                               .from = text.from,
                               .since_ms = rivals.since_ms,
                               .until_ms = rivals.until_ms };
    TRY(message_rows_unsettled(ctx, db_reader(ctx), &like, &others));
    *is_absent = false;
    if (all && others)
        return OK; /* nothing is certain beside a rival */
    if (all && all->is_whole)
        twilio_choose(ctx, all, &search, &matches);
    else
        TRY(twilio_messages_like(ctx, &lent.ref, lent.account.account_sid, &search, &matches));
    return matching_find(ctx, &matches, op->object, message_row_is_taken, others, result,
                         is_absent);
}

bool message_facts_apply(struct message_row *row, const struct message_facts *f) {
    enum provider p = provider_parse(str_of(row->provider));
    struct message_row was = *row;
    if (!row->provider_id)
        row->provider_id = f->provider_id;
    bool follows = message_status_follows(p, row->status, f->status);
    if (follows)
        row->status = f->status;
    if (f->error && (follows || !row->error))
        row->error = f->error; /* once told it stays, whatever comes */
    return row->provider_id != was.provider_id || strcmp(row->status, was.status) != 0 ||
           row->error != was.error;
}

static enum err open_content(struct ctx *ctx, struct db_conn *c, struct message_view *v) {
    struct sealed_place place = message_row_place(&v->row);
    struct str plain;
    TRY(vault_unseal(ctx, c, &place, v->row.sealed, &plain));
    v->content = sift_own(ctx->arena, plain);
    return OK;
}

enum err message_show(struct ctx *ctx, struct db_conn *tx, const struct message_row *row,
                      struct str *shown) {
    struct message_view v = { .row = *row };
    TRY(open_content(ctx, tx, &v));
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    message_write(&w, &v);
    *shown = buf_view(out);
    return OK;
}

enum err message_settle(struct ctx *ctx, struct db_conn *tx, const char *id,
                        enum operation_state state, const void *result, struct str *shown) {
    struct message_view v = { .content = NULL };
    TRY(message_row_find(ctx, tx, ctx->who.workspace_id, id, &v.row));
    if (!v.row.id)
        return OK;
    enum provider p = provider_parse(str_of(v.row.provider));
    const struct message_facts *facts = result;
    v.row.next_ms = 0;
    if (state == OPERATION_SUCCEEDED) {
        if (message_status_rank(p, v.row.status) == 0)
            v.row.error = NULL; /* why it waited */
        message_facts_apply(&v.row, facts);
    } else if (state == OPERATION_PREPARED) {
        v.row.status = "waiting";
        v.row.error = facts->error;
        v.row.next_ms = facts->next_ms;
    } else if (message_status_rank(p, v.row.status) == 0) { /* else a webhook was quicker */
        v.row.status = operation_state_name(state);
        v.row.error = state == OPERATION_FAILED ? ctx->problem.detail : NULL;
    }
    v.row.updated_ms = ava_wall_ms();
    TRY(message_row_update(ctx, tx, &v.row));
    return message_show(ctx, tx, &v.row, shown);
}

/* For operation_kind.settle; result: struct message_facts. */
static enum err settle(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                       enum operation_state state, const void *result, struct str *shown) {
    return message_settle(ctx, tx, op->object, state, result, shown);
}

static enum err forget(struct ctx *ctx, struct db_conn *tx, const struct operation *op) {
    return message_row_delete(ctx, tx, op->object);
}

const struct operation_kind MESSAGE_CREATE = { "message.create", "message",   PROVIDER_TWILIO,
                                               perform,          look_up,     settle,
                                               forget,           .list = list };

/* --- reading --------------------------------------------------------------------------------- */

/* Rows tell e-mail from the rest; addresses of other channels carry the channel's name:
 * "whatsapp:+15005550291". */
static const char *channel_of(const struct message_row *m) {
    static const char *const CHANNELS[] = { "whatsapp", "messenger", "rcs", "sip", "viber" };
    const char *them = strcmp(m->direction, "inbound") == 0 ? m->from : m->to;
    for (size_t i = 0; them && i < ARRAY_LEN(CHANNELS); i++) {
        size_t len = strlen(CHANNELS[i]);
        if (strncmp(them, CHANNELS[i], len) == 0 && them[len] == ':')
            return CHANNELS[i];
    }
    return m->channel;
}

void message_write_members(struct jsonw *w, const struct message_view *v) {
    const struct message_row *m = &v->row;
    jsonw_text_at(w, "id", m->id);
    jsonw_text_at(w, "provider", m->provider);
    jsonw_text_at(w, "provider_id", m->provider_id);
    jsonw_text_at(w, "operation_id", m->operation_id);
    jsonw_text_at(w, "channel", channel_of(m));
    jsonw_text_at(w, "direction", m->direction);
    jsonw_text_at(w, "to", m->to);
    jsonw_text_at(w, "from", m->from);
    if (json_text(v->content, "subject"))
        jsonw_text_at(w, "subject", json_text(v->content, "subject"));
    write_content(w, v->content);
    write_list(w, v->content, "attachments");
    write_list(w, v->content, "warnings");
    jsonw_text_at(w, "status", m->status);
    if (m->error)
        jsonw_text_at(w, "error", m->error);
    if (m->next_ms)
        jsonw_time_at(w, "next_attempt_at", m->next_ms);
    jsonw_time_at(w, "created_at", m->created_ms);
    jsonw_time_at(w, "updated_at", m->updated_ms);
    if (v->is_stale)
        jsonw_bool_at(w, "stale", true);
}

void message_write(struct jsonw *w, const struct message_view *v) {
    jsonw_object(w);
    message_write_members(w, v);
    jsonw_object_end(w);
}

struct refreshing {
    struct message_facts facts;
    struct message_row row;
    bool changed;
};

/* The row as it is now: a webhook may have been quicker. */
static enum err refresh_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct refreshing *r = arg;
    TRY(message_row_find(ctx, tx, r->row.workspace_id, r->row.id, &r->row));
    r->changed = r->row.id && message_facts_apply(&r->row, &r->facts);
    r->row.updated_ms = ava_wall_ms();
    return r->changed ? message_row_update(ctx, tx, &r->row) : OK;
}

/* The text into the feed; after the commit. */
static void publish(struct ctx *ctx, const struct message_view *v) {
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    message_write(&w, v);
    feed_publish(ctx->parts->feed, v->row.workspace_id, MESSAGE_CREATE.event, buf_view(&b));
    buf_fini(&b);
}

/* Asks the provider how the text stands; the view is stale when it does not answer. */
static void refresh(struct ctx *ctx, enum provider p, struct message_view *v) {
    struct lent lent;
    struct refreshing r = { .row = v->row };
    if (lending_find(ctx, p, &lent) != OK ||
        dialect_of(p)->messages->read(ctx, &lent.ref, &lent.account, v->row.provider_id,
                                      &r.facts) != OK) {
        ctx_clear(ctx);
        v->is_stale = true;
        return;
    }
    if (!message_facts_apply(&v->row, &r.facts))
        return;
    v->row.updated_ms = ava_wall_ms();
    if (db_write(ctx, refresh_write, &r) != OK) {
        ctx_clear(ctx); /* shown all the same; it is asked for again next time */
    } else if (r.changed) {
        v->row = r.row;
        publish(ctx, v);
    }
}

enum err message_read(struct ctx *ctx, const char *id, struct message_view *out) {
    struct db_conn *c = db_reader(ctx);
    *out = (struct message_view){ .content = NULL };
    TRY(message_row_find(ctx, c, ctx->who.workspace_id, id, &out->row));
    if (!out->row.id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such message.");
    TRY(open_content(ctx, c, out));
    enum provider p = provider_parse(str_of(out->row.provider));
    if (dialect_of(p)->messages && out->row.provider_id &&
        !message_status_is_last(p, out->row.status))
        refresh(ctx, p, out);
    return OK;
}

enum err message_list(struct ctx *ctx, const struct message_filter *filter, int limit,
                      struct message_view *out, size_t *count, bool *more, struct page_end *end) {
    struct db_conn *c = db_reader(ctx);
    struct message_row *rows = arena_alloc(ctx->arena, (size_t)limit * sizeof *rows);
    TRY(message_rows_list(ctx, c, ctx->who.workspace_id, filter, limit, rows, count, more, end));
    for (size_t i = 0; i < *count; i++) {
        out[i] = (struct message_view){ .row = rows[i] };
        TRY(open_content(ctx, c, &out[i]));
    }
    return OK;
}

enum err message_list_of_id(struct ctx *ctx, const char *id, struct message_view *out,
                            size_t *count) {
    struct db_conn *c = db_reader(ctx);
    const char *workspace_id = ctx->who.workspace_id;
    *count = 0;
    *out = (struct message_view){ 0 };
    TRY(message_row_find(ctx, c, workspace_id, id, &out->row));
    for (enum provider p = 0; p < PROVIDER_COUNT && !out->row.id; p++)
        TRY(message_row_find_by_provider(ctx, c, workspace_id, provider_name(p), id, &out->row));
    if (!out->row.id)
        return OK;
    *count = 1;
    return open_content(ctx, c, out);
}
