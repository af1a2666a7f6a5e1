#include "service/calls/timeline.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/sift.h"
#include "service/calls/call_status.h"
#include "store/assistants.h"
#include "store/deliveries.h"
#include "store/events.h"
#include "store/people.h"
#include "store/rules.h"
#include "store/steps.h"
#include "store/tools.h"
#include "vault/vault.h"

enum {
    DESTINATIONS_SHOWN = 10,
    USES_SHOWN = 50,
    ENTRIES_MAX = TIMELINE_EVENTS_MAX * 2 * (1 + DESTINATIONS_SHOWN) + TIMELINE_STEPS_MAX * 2 +
                  TIMELINE_TOOLS_MAX + USES_SHOWN + 8,
};

/* Appends an entry; without a time, or beyond ENTRIES_MAX, nothing. */
static void add(struct timeline *t, int64_t at_ms, const char *kind, const char *text,
                const char *detail) {
    if (at_ms && t->count < ENTRIES_MAX)
        t->entries[t->count++] =
            (struct timeline_entry){ .at_ms = at_ms, .kind = kind, .text = text, .detail = detail };
}

/* --- what Ava did ---------------------------------------------------------------------------- */

static const char *seconds_text(struct arena *a, int64_t ms) {
    return ms < 1000 ? arena_printf(a, "%lld ms", (long long)ms)
                     : arena_printf(a, "%lld.%lld s", (long long)(ms / 1000),
                                    (long long)(ms % 1000 / 100));
}

static const char *sending_text(struct arena *a, const json_t *d, const char *service) {
    const char *key = json_text(d, "key_last4"), *breaker = json_text(d, "breaker");
    bool is_shut = breaker && strcmp(breaker, "closed") != 0;
    return arena_printf(a, "Sent to %s, attempt %lld%s%s%s.", service,
                        (long long)json_i64_or(d, "attempt", 1),
                        key ? ", with the key that ends in " : "", key ? key : "",
                        is_shut ? ", as a try whether it answers again" : "");
}

static const char *succeeded_text(struct arena *a, const json_t *d, const char *service,
                                  const struct call_row *call) {
    int64_t ms = json_i64_or(d, "ms", -1);
    const char *id = call->provider_id ? call->provider_id : "no id";
    if (ms < 0)
        return arena_printf(a, "%s has it as %s.", service, id);
    return arena_printf(a, "%s confirmed it in %s, as %s.", service, seconds_text(a, ms), id);
}

static const char *retry_text(struct arena *a, const json_t *d, const char *service) {
    return arena_printf(a, "%s did not take attempt %lld (%s); the next one follows in %s.",
                        service, (long long)json_i64_or(d, "attempt", 1),
                        seconds_text(a, json_i64_or(d, "ms", 0)),
                        seconds_text(a, json_i64_or(d, "wait_ms", 0)));
}

/* A sentence for people for one step of Ava. */
static const char *step_text(struct arena *a, const struct step_row *s, const json_t *d,
                             const struct call_row *call) {
    enum provider p = provider_parse(str_of(call->provider));
    const char *service = provider_title(p), *text = json_text(d, "text");
    if (strcmp(s->what, "sending") == 0)
        return sending_text(a, d, service);
    if (strcmp(s->what, "succeeded") == 0)
        return succeeded_text(a, d, service, call);
    if (strcmp(s->what, "retry") == 0)
        return retry_text(a, d, service);
    if (strcmp(s->what, "line") == 0)
        return "A line came free.";
    if (strcmp(s->what, "queued") == 0 && text)
        return arena_join(a, "It waits again: ", text, "");
    if (strcmp(s->what, "queued") == 0)
        return "All lines were taken; it waits for one.";
    if (strcmp(s->what, "unknown") == 0)
        return arena_printf(a, "%s did not confirm it; Ava asks until it knows.", service);
    if (strcmp(s->what, "unconfirmed") == 0)
        return arena_printf(a, "%s did not confirm it within 15 minutes.", service);
    return text ? text : s->what;
}

/* The steps that Ava wrote down for this call or operation. */
static enum err add_steps(struct ctx *ctx, struct db_conn *c, const char *subject,
                          struct timeline *t) {
    struct step_row *steps = arena_alloc(ctx->arena, TIMELINE_STEPS_MAX * sizeof *steps);
    size_t count;
    TRY(step_rows_list(ctx, c, ctx->who.workspace_id, subject, TIMELINE_STEPS_MAX, steps, &count));
    for (size_t i = 0; i < count; i++) {
        const json_t *d = sift_own(ctx->arena, str_of(steps[i].detail));
        add(t, steps[i].at_ms, steps[i].what, step_text(ctx->arena, &steps[i], d, &t->call.row),
            steps[i].detail);
    }
    return OK;
}

static const char *version_text(struct arena *a, int64_t version) {
    return version ? arena_printf(a, ", by version %lld of its assistant", (long long)version) : "";
}

/* Who asked for the call and through which request, then the steps of its operation. */
static enum err add_request(struct ctx *ctx, struct db_conn *c, struct timeline *t) {
    struct operation_row op;
    struct user user;
    const struct call_row *call = &t->call.row;
    if (!call->operation_id)
        return OK;
    TRY(operation_row_find(ctx, c, call->workspace_id, call->operation_id, &op));
    if (!op.id)
        return OK;
    TRY(user_find(ctx, c, op.actor, &user));
    t->correlation_id = op.correlation_id;
    TRY(assistant_version_row_at(ctx, c, call->workspace_id,
                                 call->assistant_id ? call->assistant_id : "", op.created_ms,
                                 &t->assistant_version));
    t->asked_by = !user.id ? NULL : user.name && user.name[0] ? user.name : user.email;
    add(t, op.created_ms, "requested",
        arena_printf(ctx->arena, "%s asked for a call to %s%s.",
                     t->asked_by ? t->asked_by : "Somebody who is no longer here", call->to,
                     version_text(ctx->arena, t->assistant_version)),
        NULL);
    return add_steps(ctx, c, op.id, t);
}

/* --- what the provider told -------------------------------------------------------------------- */

/* A sentence for people for one webhook. What it says is known once it was read; no body is opened for
 * a list. */
static const char *event_text(struct ctx *ctx, const struct event_row *e) {
    const char *service = provider_title(provider_parse(str_of(e->provider)));
    const char *trouble = strcmp(e->status, "dead") == 0       ? "; Ava could not work on it"
                          : strcmp(e->status, "retrying") == 0 ? "; Ava will try it again"
                                                               : "";
    return arena_printf(ctx->arena, "%s told: %s%s%s.", service, e->type, e->told ? e->told : "",
                        trouble);
}

/* The status of the call that a webhook told, as JSON, for programs; NULL: none. What was told begins
 * with it, after ", ", and other words may follow (event_told). */
static const char *event_detail(struct ctx *ctx, const struct event_row *e) {
    const char *from = e->told && strncmp(e->told, ", ", 2) == 0 ? e->told + 2 : "";
    const char *status = arena_printf(ctx->arena, "%.*s", (int)strcspn(from, ","), from);
    if (!call_status_rank(provider_parse(str_of(e->provider)), status))
        return NULL;
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "status", status);
    jsonw_object_end(&w);
    return str_dup(ctx->arena, buf_view(b));
}

/* What became of it at the workspace's own endpoints. */
static enum err add_deliveries(struct ctx *ctx, struct db_conn *c, const struct event_row *event,
                               struct timeline *t) {
    struct delivery_row rows[DESTINATIONS_SHOWN];
    size_t count;
    TRY(delivery_rows_of_event(ctx, c, ctx->who.workspace_id, event->id, DESTINATIONS_SHOWN, rows,
                               &count));
    for (size_t i = 0; i < count; i++) {
        const struct delivery_row *d = &rows[i];
        const char *how = strcmp(d->status, "delivered") == 0 ? "was told to your endpoint"
                          : strcmp(d->status, "failed") == 0  ? "could not be told to your endpoint"
                          : strcmp(d->status, "held") == 0
                              ? "is held for your endpoint, which is off"
                              : "waits to be told to your endpoint";
        add(t, d->settled_ms ? d->settled_ms : d->created_ms, "forwarded",
            arena_printf(ctx->arena, "%s %s (%s).", d->type, how, d->destination_id), NULL);
        t->entries[t->count - 1].event_id = event->id;
    }
    return OK;
}

/* The webhooks of that id at the provider, each with its deliveries. */
static enum err add_events(struct ctx *ctx, struct db_conn *c, const char *provider_id,
                           struct timeline *t) {
    struct event_filter f = { .resource = provider_id };
    struct event_row *rows = arena_alloc(ctx->arena, (TIMELINE_EVENTS_MAX + 1) * sizeof *rows);
    size_t count;
    struct page_end end;
    if (!provider_id)
        return OK;
    TRY(event_rows_list(ctx, c, ctx->who.workspace_id, &f, TIMELINE_EVENTS_MAX + 1, rows, &count,
                        &end));
    t->is_cut |= count > TIMELINE_EVENTS_MAX;
    if (count > TIMELINE_EVENTS_MAX)
        count = TIMELINE_EVENTS_MAX;
    for (size_t i = count; i-- > 0;) { /* listed newest first */
        add(t, rows[i].received_ms, "webhook", event_text(ctx, &rows[i]),
            event_detail(ctx, &rows[i]));
        t->entries[t->count - 1].event_id = rows[i].id;
        TRY(add_deliveries(ctx, c, &rows[i], t));
    }
    return OK;
}

/* --- what its assistant did -------------------------------------------------------------------- */

/* What was noted is for whoever reads of the call. */
static enum err note_of(struct ctx *ctx, struct db_conn *c, const struct tool_use_row *use,
                        const char **text) {
    struct sealed_place place = tool_use_row_place(use);
    struct str content;
    TRY(vault_unseal(ctx, c, &place, use->sealed, &content));
    const json_t *tree = sift_own(ctx->arena, content);
    const char *note = json_text(json_object_get(tree, "arguments"), "text");
    if (note)
        *text = arena_join(ctx->arena, "The assistant noted: ", note);
    return OK;
}

static enum err add_tools(struct ctx *ctx, struct db_conn *c, struct timeline *t) {
    struct tool_use_row *uses = arena_alloc(ctx->arena, TIMELINE_TOOLS_MAX * sizeof *uses);
    size_t count;
    if (!t->call.row.provider_id)
        return OK;
    TRY(tool_use_rows_list(ctx, c, ctx->who.workspace_id, NULL, t->call.row.provider_id,
                           TIMELINE_TOOLS_MAX, uses, &count));
    for (size_t i = count; i-- > 0;) { /* listed newest first */
        const struct tool_use_row *use = &uses[i];
        const char *how = strcmp(use->status, "done") == 0      ? "done"
                          : strcmp(use->status, "pending") == 0 ? "asked for, not confirmed then"
                          : strcmp(use->status, "refused") == 0 ? "not done, as asked for"
                                                                : "could not be done";
        const char *text = arena_printf(ctx->arena, "The assistant used %s: %s.", use->tool, how);
        if (strcmp(use->tool, "contact.note") == 0 && strcmp(use->status, "done") == 0)
            TRY(note_of(ctx, c, use, &text));
        add(t, use->created_ms, "tool", text, NULL);
    }
    return OK;
}

/* --- what rules did ---------------------------------------------------------------------------- */

static const char *use_text(struct ctx *ctx, const struct rule_use_row *u) {
    const char *name =
        u->rule_name ? arena_join(ctx->arena, " \u201c", u->rule_name, "\u201d") : "";
    const char *to = strcmp(u->recipient, "caller") == 0     ? "the caller"
                     : strncmp(u->recipient, "usr_", 4) == 0 ? "a member"
                                                             : u->recipient;
    if (strcmp(u->status, "sent") == 0)
        return arena_printf(ctx->arena, "The rule%s wrote to %s%s%s.", name, to,
                            u->sent_status ? ": " : "", u->sent_status ? u->sent_status : "");
    return arena_printf(ctx->arena, "The rule%s %s: %s", name,
                        strcmp(u->status, "waiting") == 0  ? "waits"
                        : strcmp(u->status, "failed") == 0 ? "could not write"
                                                           : "did nothing",
                        u->detail ? u->detail : "it is about to write.");
}

/* As JSON, for programs. */
static const char *use_detail(struct ctx *ctx, const struct rule_use_row *u) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "rule_id", u->rule_id);
    jsonw_text_at(&w, "use_id", u->id);
    jsonw_text_at(&w, "status", u->status);
    jsonw_text_at(&w, "reason", u->reason);
    jsonw_text_at(&w, "message_id", u->sent_message_id);
    jsonw_object_end(&w);
    return str_dup(ctx->arena, buf_view(b));
}

static enum err add_uses(struct ctx *ctx, struct db_conn *c, struct timeline *t) {
    struct rule_use_row *uses = arena_alloc(ctx->arena, USES_SHOWN * sizeof *uses);
    size_t count;
    TRY(rule_use_rows_of_call(ctx, c, ctx->who.workspace_id, t->call.row.id, USES_SHOWN, uses,
                              &count));
    for (size_t i = 0; i < count; i++)
        add(t, uses[i].settled_ms ? uses[i].settled_ms : uses[i].happened_ms, "notice",
            use_text(ctx, &uses[i]), use_detail(ctx, &uses[i]));
    return OK;
}

/* --- together -------------------------------------------------------------------------------- */

static const char *end_text(struct ctx *ctx, const struct timeline *t) {
    const struct ended *e = &t->ended;
    const struct call_row *call = &t->call.row;
    const char *lasted = "";
    if (call->started_ms && call->ended_ms > call->started_ms)
        lasted = arena_printf(ctx->arena, " It lasted %lld s.",
                              (long long)((call->ended_ms - call->started_ms + 999) / 1000));
    return arena_join(ctx->arena, e->text, lasted, "");
}

/* When somebody picked up, and how it ended. */
static void add_talk(struct ctx *ctx, struct timeline *t) {
    const struct call_row *call = &t->call.row;
    const char *reason = call->ended_reason ? call->ended_reason : call->status;
    add(t, call->started_ms, "talking", "Somebody picked up.", NULL);
    if (!call_is_over(call))
        return;
    t->ended = ended_explain(ctx->arena, reason);
    add(t, call->ended_ms ? call->ended_ms : call->updated_ms, "ended", end_text(ctx, t), NULL);
}

/* Few, and nearly in order. Of one moment, what was added first stays first. */
static void sort(struct timeline *t) {
    for (size_t i = 1; i < t->count; i++) {
        struct timeline_entry e = t->entries[i];
        size_t k = i;
        for (; k > 0 && t->entries[k - 1].at_ms > e.at_ms; k--)
            t->entries[k] = t->entries[k - 1];
        t->entries[k] = e;
    }
}

enum err timeline_read(struct ctx *ctx, const char *id, struct timeline *out) {
    struct db_conn *c = db_reader(ctx);
    *out = (struct timeline){ .count = 0 };
    TRY(call_stored(ctx, id, &out->call));
    out->entries = arena_alloc(ctx->arena, ENTRIES_MAX * sizeof *out->entries);
    TRY(add_request(ctx, c, out));
    TRY(add_steps(ctx, c, id, out));
    TRY(add_events(ctx, c, out->call.row.provider_id, out));
    TRY(add_events(ctx, c, out->call.row.carrier_id, out));
    TRY(add_tools(ctx, c, out));
    add_talk(ctx, out);
    TRY(add_uses(ctx, c, out));
    sort(out);
    return OK;
}

static void write_entry(struct jsonw *w, const struct timeline_entry *e) {
    jsonw_object(w);
    jsonw_time_at(w, "at", e->at_ms);
    jsonw_text_at(w, "kind", e->kind);
    jsonw_text_at(w, "text", e->text);
    if (e->event_id)
        jsonw_text_at(w, "event_id", e->event_id);
    if (e->detail && strcmp(e->detail, "{}") != 0) {
        jsonw_key(w, "detail");
        jsonw_raw(w, str_of(e->detail));
    }
    jsonw_object_end(w);
}

void timeline_write(struct jsonw *w, const struct timeline *t) {
    jsonw_object(w);
    jsonw_key(w, "call");
    call_write(w, &t->call);
    jsonw_text_at(w, "asked_by", t->asked_by);
    jsonw_text_at(w, "correlation_id", t->correlation_id);
    jsonw_key(w, "assistant_version");
    if (t->assistant_version)
        jsonw_i64(w, t->assistant_version);
    else
        jsonw_null(w);
    jsonw_key(w, "ended");
    ended_write(w, &t->ended);
    jsonw_key(w, "entries");
    jsonw_list(w);
    for (size_t i = 0; i < t->count; i++)
        write_entry(w, &t->entries[i]);
    jsonw_list_end(w);
    jsonw_bool_at(w, "is_cut", t->is_cut);
    jsonw_object_end(w);
}

enum err timeline_find(struct ctx *ctx, const char *id, size_t room, struct timeline_place *out,
                       size_t *count) {
    struct call_row *rows = arena_alloc(ctx->arena, room * sizeof *rows);
    TRY(call_rows_find_anywhere(ctx, db_reader(ctx), id, room, rows, count));
    for (size_t i = 0; i < *count; i++)
        out[i] = (struct timeline_place){ rows[i].workspace_id, rows[i].id };
    return OK;
}
