#include "service/notices/notice_words.h"

#include <string.h>

#include "base/buf.h"
#include "base/jsonw.h"
#include "base/phone.h"
#include "base/sift.h"
#include "config/config.h"
#include "service/messages/messages.h"
#include "store/calls.h"
#include "store/people.h"
#include "tasks/event_facts.h"

static const char *title_of(const char *event) {
    static const struct {
        const char *event, *title;
    } TITLES[] = {
        { "call.ended", "A call ended" },
        { "call.missed", "You missed a call" },
        { "call.summary", "What a call was about" },
        { "message.received", "A message came in" },
        { "budget.80", "The budget for calls is nearly used up" },
        { "budget.exhausted", "The budget for calls is used up" },
        { "destination.disabled", "A destination of events is off" },
        { "connection.needs_attention", "A connection needs attention" },
        { "event.dead", "Something that came in could not be worked on" },
    };
    for (size_t i = 0; i < ARRAY_LEN(TITLES); i++)
        if (strcmp(TITLES[i].event, event) == 0)
            return TITLES[i].title;
    return event;
}

/* "28 November, 10:42", as the zone's clocks showed it. */
static const char *time_text(struct ctx *ctx, struct zone *zone, int64_t at_ms) {
    static const char *const MONTHS[] = { "January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December" };
    char text[32];
    int64_t month = 1, day = 1;
    zone_rfc3339(zone, at_ms, text);
    str_to_i64((struct str){ text + 5, 2 }, 1, 12, &month);
    str_to_i64((struct str){ text + 8, 2 }, 1, 31, &day);
    return arena_printf(ctx->arena, "%lld %s, %.5s%s", (long long)day, MONTHS[month - 1], text + 11,
                        strcmp(zone_name(zone), "UTC") == 0 ? " UTC" : "");
}

static void write_known(struct jsonw *w, const char *name, const char *text) {
    if (text && text[0])
        jsonw_text_at(w, name, text);
}

/* How long somebody talked, why it ended, and where to see it. */
static enum err write_call(struct ctx *ctx, struct jsonw *w, const struct rule_use_row *use) {
    struct call_row call;
    TRY(call_row_find(ctx, db_reader(ctx), use->workspace_id, use->call_id, &call));
    if (!call.id)
        return OK;
    write_known(w, "reason", call.ended_reason ? call.ended_reason : call.status);
    if (call.started_ms && call.ended_ms > call.started_ms) {
        int64_t s = (call.ended_ms - call.started_ms + 999) / 1000;
        write_known(w, "duration",
                    s < 60 ? arena_printf(ctx->arena, "%lld s", (long long)s)
                           : arena_printf(ctx->arena, "%lld min %lld s", (long long)(s / 60),
                                          (long long)(s % 60)));
    }
    if (ctx->parts->config->public_url[0])
        write_known(w, "link",
                    arena_join(ctx->arena, ctx->parts->config->public_url, "/calls/", call.id));
    return OK;
}

/* What the report of a call says it was about. */
static enum err write_summary(struct ctx *ctx, struct jsonw *w, const struct rule_use_row *use) {
    struct db_conn *c = db_reader(ctx);
    struct event_row event;
    struct dialect_facts facts;
    const char *unreadable;
    TRY(event_row_find(ctx, c, use->workspace_id, use->event_id, &event));
    if (!event.id)
        return OK;
    TRY(event_row_body(ctx, c, &event));
    TRY(event_facts_read(ctx, c, &event, &facts, &unreadable));
    if (!unreadable)
        write_known(w, "summary", facts.call.summary);
    return OK;
}

/* What somebody wrote. */
static enum err write_message(struct ctx *ctx, struct jsonw *w, const struct rule_use_row *use) {
    struct message_view v;
    TRY(message_read(ctx, use->message_id, &v));
    jsonw_text_at(w, "message",
                  v.content ? json_string_value(json_object_get(v.content, "body")) : "");
    return OK;
}

static const char *text_of(struct ctx *ctx, const struct rule_use_row *use, const char *caller) {
    if (use->said)
        return use->said;
    return arena_printf(ctx->arena, "%s: %s%s%s.", title_of(use->event), caller,
                        use->line ? ", " : "", use->line ? use->line : "");
}

enum err notice_variables(struct ctx *ctx, const struct rule_use_row *use, struct zone *zone,
                          const json_t **out) {
    struct db_conn *c = db_reader(ctx);
    const char *caller =
        use->who && !phone_is_withheld(str_of(use->who)) ? use->who : "a withheld number";
    struct workspace ws;
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    TRY(workspace_find(ctx, c, use->workspace_id, NULL, &ws));
    jsonw_object(&w);
    jsonw_text_at(&w, "caller", caller);
    write_known(&w, "called", use->line);
    jsonw_text_at(&w, "time", time_text(ctx, zone, use->happened_ms));
    jsonw_text_at(&w, "title", title_of(use->event));
    jsonw_text_at(&w, "text", text_of(ctx, use, caller));
    write_known(&w, "workspace", ws.name);
    if (use->call_id)
        TRY(write_call(ctx, &w, use));
    if (use->event_id && strcmp(use->event, "call.summary") == 0)
        TRY(write_summary(ctx, &w, use));
    if (use->message_id)
        TRY(write_message(ctx, &w, use));
    jsonw_object_end(&w);
    *out = sift_own(ctx->arena, buf_view(b));
    return OK;
}
