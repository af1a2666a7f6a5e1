/* Calendars: connecting them, what stands in them, appointments and free slots. */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mailbox.h"
#include "obs/provider.h"
#include "routes/asker.h"
#include "routes/operations.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "routes/stubs.h"
#include "service/calendars/bookings.h"
#include "service/calendars/calendar_events.h"
#include "service/calendars/free.h"
#include "service/connections/consent.h"
#include "service/connections/grants.h"

enum { ID_MAX_CHARS = 1024, DAY_MS = 24 * 3600 * 1000, MINUTE_MS = 60 * 1000, HOUR_MIN = 60 };

/* The provider named in the address; ERR_NOT_FOUND when it has no calendars. */
static enum err provider_in(struct ctx *ctx, const struct call *call, enum provider *p) {
    *p = provider_parse(call->match->params[0]);
    if (*p < PROVIDER_COUNT && calendars_has(*p))
        return OK;
    return ctx_fail(ctx, ERR_NOT_FOUND, "There are calendars of google and microsoft.");
}

/* --- pretend answers -------------------------------------------------------------------------- */

/* "To read, Google is asked for https://..., https://...." */
static const char *scopes_asked(struct ctx *ctx, enum provider p, enum oauth_access access,
                                const char *to) {
    struct buf *b = buf_in(ctx->arena);
    buf_printf(b, "%s, %s is asked for", to, provider_title(p));
    for (const char *const *scope = consent_scopes(p, access); *scope; scope++)
        buf_printf(b, "%s %s", scope == consent_scopes(p, access) ? "" : ",", *scope);
    buf_char(b, '.');
    return b->ptr;
}

static enum err stub(struct ctx *ctx, struct call *call, enum provider p, const char *said) {
    const char *const steps[] = {
        arena_join(ctx->arena, "Connect a calendar: open GET /api/v1/integrations/calendar/",
                   provider_name(p), "/connect signed in, or use the card under Connections."),
        scopes_asked(ctx, p, OAUTH_READ, "To read"),
        scopes_asked(ctx, p, OAUTH_WRITE, "To make appointments (access=write)"), NULL
    };
    struct stub s = { arena_join(ctx->arena, "a ", provider_title(p), " calendar"), said, steps };
    return reply_stub(ctx, call, &s);
}

static const char NOTHING_READ[] = "Stub mode: no calendar is connected, and nothing was read.";
static const char NOTHING_MADE[] = "Stub mode: this was checked, and nothing was changed.";

/* --- connecting ------------------------------------------------------------------------------- */

enum err get_calendar(struct ctx *ctx, struct call *call) {
    struct oauth_grant_row row;
    enum provider p;
    TRY(provider_in(ctx, call, &p));
    TRY(grant_find(ctx, p, &row));
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_text_at(&w, "provider", provider_name(p));
    jsonw_text_at(&w, "status",
                  !row.id        ? "not_connected"
                  : row.ended_ms ? "needs_attention"
                                 : "connected");
    jsonw_bool_at(&w, "can_connect", consent_is_possible(ctx, p));
    jsonw_text_at(&w, "account", row.account);
    jsonw_text_at(&w, "access", row.access);
    jsonw_key(&w, "scopes");
    jsonw_list(&w);
    for (struct str rest = str_of(row.scopes), one; rest.ptr && rest.len;) {
        one = str_cut(rest, ' ', &rest);
        if (one.len)
            jsonw_str(&w, one);
    }
    jsonw_list_end(&w);
    jsonw_time_at(&w, "connected_at", row.created_ms);
    jsonw_time_at(&w, "refreshed_at", row.updated_ms);
    jsonw_time_at(&w, "ended_at", row.ended_ms);
    jsonw_object_end(&w);
    return OK;
}

/* What a browser fetches before anybody asks for it (RFC 9110, 15: safe it is not). */
static bool is_prefetch(const struct http_req *req) {
    static const char *const NAMES[] = { "sec-purpose", "purpose", "x-moz", "x-purpose" };
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        struct str value = http_field(req, NAMES[i]);
        if (value.ptr && (str_starts(value, STR("prefetch")) || str_starts(value, STR("preview"))))
            return true;
    }
    return false;
}

static void go_to(struct call *call, int status, const char *url) {
    call->reply->status = status;
    http_reply_header_text(call->reply, "Location", url);
    http_reply_header_text(call->reply, "Cache-Control", "no-store");
    http_reply_header_text(call->reply, "Referrer-Policy", "no-referrer");
}

enum err get_calendar_connect(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "access", NULL };
    enum provider p;
    const char *url;
    TRY(provider_in(ctx, call, &p));
    TRY(input_known_query(ctx, call, KNOWN));
    const char *access = input_choice(ctx, call, "access", "read", "write");
    TRY(ctx_fields_ok(ctx));
    if (call->req->method == METHOD_HEAD || is_prefetch(call->req))
        return reply_none(call);
    if (str_is(http_field(call->req, "sec-fetch-site"), "cross-site"))
        return ctx_fail(ctx, ERR_FORBIDDEN,
                        "Another site led here; connect the calendar under Connections.");
    TRY(consent_begin(ctx, p, oauth_access_parse(access), &url));
    go_to(call, 302, url);
    return OK;
}

/* The browser comes back from the provider; what became of it is told by the page it is sent on to. */
enum err get_oauth_callback(struct ctx *ctx, struct call *call) {
    struct consent_return back = { form_find(&call->query, "state"),
                                   form_find(&call->query, "code"),
                                   form_find(&call->query, "error"),
                                   form_find(&call->query, "iss") };
    const char *result;
    bool found;
    enum provider p;
    TRY(provider_in(ctx, call, &p));
    if (call->req->method == METHOD_HEAD || is_prefetch(call->req))
        return reply_none(call);
    /* It may have taken longer than a session id serves; who can refresh it is still signed in. */
    if (!ctx->who.session[0])
        TRY(asker_lasts(ctx, call->req, &found));
    TRY(consent_finish(ctx, p, &back, &result));
    go_to(call, 303,
          arena_join(ctx->arena, "/connections?calendar=", provider_name(p), "&result=", result));
    return OK;
}

enum err delete_calendar(struct ctx *ctx, struct call *call) {
    enum provider p;
    bool told;
    TRY(provider_in(ctx, call, &p));
    TRY(grant_end(ctx, p, &told));
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_text_at(&w, "status", "not_connected");
    jsonw_bool_at(&w, "revoked", told);
    jsonw_object_end(&w);
    return OK;
}

/* --- reading ---------------------------------------------------------------------------------- */

enum err get_calendars(struct ctx *ctx, struct call *call) {
    struct calendar_entry *all = arena_alloc(ctx->arena, CALENDARS_MAX * sizeof *all);
    size_t count;
    enum provider p;
    TRY(provider_in(ctx, call, &p));
    enum err e = calendars_list(ctx, p, all, CALENDARS_MAX, &count);
    if (e == ERR_NOT_CONNECTED)
        return stub(ctx, call, p, NOTHING_READ);
    TRY(e);
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "calendars");
    jsonw_list(&w);
    for (size_t i = 0; i < count; i++) {
        jsonw_object(&w);
        jsonw_text_at(&w, "id", all[i].id);
        jsonw_text_at(&w, "name", all[i].name);
        jsonw_text_at(&w, "time_zone", all[i].time_zone);
        jsonw_bool_at(&w, "primary", all[i].is_primary);
        jsonw_bool_at(&w, "can_write", all[i].can_write);
        jsonw_object_end(&w);
    }
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return OK;
}

/* An id of a calendar's in the query; NULL: the account's own. */
static const char *calendar_in(struct ctx *ctx, const struct call *call, const char *name) {
    const char *id = input_query(ctx, call, name);
    if (id && (!id[0] || strlen(id) > ID_MAX_CHARS))
        ctx_field(ctx, name, "wrong_format",
                  "This is no id of a calendar; leave it out for the account's own.");
    return id && strcmp(id, "primary") == 0 ? NULL : id;
}

enum err get_calendar_events(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "calendar", "from", "to", "limit", "cursor", NULL };
    struct events_query q = { .calendar_id = NULL };
    struct events_page page;
    enum provider p;
    TRY(provider_in(ctx, call, &p));
    TRY(input_known_query(ctx, call, KNOWN));
    TRY(input_page(ctx, call, &q.limit, &q.cursor));
    q.calendar_id = calendar_in(ctx, call, "calendar");
    q.from_ms = input_time(ctx, call, "from");
    q.to_ms = input_time(ctx, call, "to");
    TRY(ctx_fields_ok(ctx));
    enum err e = calendar_events_list(ctx, p, &q, &page);
    if (e == ERR_NOT_CONNECTED)
        return stub(ctx, call, p, NOTHING_READ);
    TRY(e);
    reply_upstream(call, page.json, &page.answer);
    return OK;
}

/* --- appointments ----------------------------------------------------------------------------- */

static void read_guests(struct ctx *ctx, struct input *in, struct calendar_draft *d) {
    const json_t *list = input_value(in, "attendees"), *one;
    size_t i;
    if (!list || json_is_null(list))
        return;
    if (!json_is_array(list) || json_array_size(list) > BOOKING_GUESTS_MAX) {
        ctx_field(ctx, "attendees", "wrong_type",
                  "This must be a list of at most 50 e-mail addresses.");
        return;
    }
    const char **all = arena_alloc(ctx->arena, (json_array_size(list) + 1) * sizeof *all);
    json_array_foreach(list, i, one) {
        const char *text = json_string_value(one);
        all[i] = text;
        if (!text || mailbox_wrong(str_of(text)))
            ctx_field(ctx, arena_printf(ctx->arena, "attendees[%zu]", i), "wrong_format",
                      text ? mailbox_wrong(str_of(text)) : "This must be an e-mail address.");
    }
    all[json_array_size(list)] = NULL;
    d->attendees = all;
}

static void read_span(struct ctx *ctx, struct input *in, bool required, struct calendar_draft *d) {
    d->start_ms = input_time_field(in, "start", required);
    d->end_ms = input_time_field(in, "end", required || d->start_ms);
    if (d->end_ms && !d->start_ms && !required)
        ctx_field(ctx, "start", "required", "Send 'start' and 'end' together.");
    if (d->start_ms && d->end_ms && d->end_ms <= d->start_ms)
        ctx_field(ctx, "end", "out_of_range", "'end' must be later than 'start'.");
    if (d->start_ms && d->end_ms - d->start_ms > (int64_t)BOOKING_DAYS_MAX * DAY_MS)
        ctx_field(ctx, "end", "out_of_range", "An appointment lasts 14 days at most.");
}

static void read_zone(struct ctx *ctx, const char *zone) {
    if (zone && !zone_open(ctx->arena, str_of(zone)))
        ctx_field(ctx, "time_zone", "unknown",
                  "There is no such time zone; use a name like Europe/Berlin.");
}

static enum err read_draft(struct ctx *ctx, struct input *in, bool required,
                           struct calendar_draft *d) {
    d->title = input_name(in, "title", required, BOOKING_TITLE_MAX);
    d->description = input_text(in, "description", false, 0, BOOKING_TEXT_MAX);
    d->location = input_name(in, "location", false, BOOKING_PLACE_MAX);
    d->time_zone = input_text(in, "time_zone", false, 1, 64);
    read_zone(ctx, d->time_zone);
    read_span(ctx, in, required, d);
    read_guests(ctx, in, d);
    return input_done(in);
}

enum err post_calendar_event(struct ctx *ctx, struct call *call) {
    struct booking_order order = { .calendar_id = NULL };
    struct operation_end end;
    struct input in = input_of(ctx, call);
    enum provider p;
    TRY(provider_in(ctx, call, &p));
    order.calendar_id = input_text(&in, "calendar", false, 1, ID_MAX_CHARS);
    if (order.calendar_id && strcmp(order.calendar_id, "primary") == 0)
        order.calendar_id = NULL;
    TRY(read_draft(ctx, &in, true, &order.draft));
    enum err e = booking_place(ctx, p, &order, input_patience(call), call->claim, &end);
    if (e == ERR_NOT_CONNECTED)
        return stub(ctx, call, p, NOTHING_MADE);
    return reply_operation(ctx, call, e, &end);
}

static enum err write_event(struct call *call, const struct calendar_event *event) {
    struct jsonw w = reply_json(call, 200);
    calendar_event_write(&w, event);
    return OK;
}

enum err patch_calendar_event(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "calendar", NULL };
    struct calendar_draft draft = { .title = NULL };
    struct calendar_event event;
    struct input in = input_of(ctx, call);
    enum provider p;
    TRY(provider_in(ctx, call, &p));
    TRY(input_known_query(ctx, call, KNOWN));
    const char *calendar_id = calendar_in(ctx, call, "calendar");
    TRY(read_draft(ctx, &in, false, &draft));
    enum err e = booking_change(ctx, p, calendar_id, input_param(ctx, call, 1), &draft, &event);
    if (e == ERR_NOT_CONNECTED)
        return stub(ctx, call, p, NOTHING_MADE);
    TRY(e);
    return write_event(call, &event);
}

enum err delete_calendar_event(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "calendar", NULL };
    enum provider p;
    TRY(provider_in(ctx, call, &p));
    TRY(input_known_query(ctx, call, KNOWN));
    const char *calendar_id = calendar_in(ctx, call, "calendar");
    TRY(ctx_fields_ok(ctx));
    enum err e = booking_cancel(ctx, p, calendar_id, input_param(ctx, call, 1));
    if (e == ERR_NOT_CONNECTED)
        return stub(ctx, call, p, NOTHING_MADE);
    TRY(e);
    return reply_none(call);
}

/* --- free slots ------------------------------------------------------------------------------- */

static int minutes_in(struct ctx *ctx, const struct call *call, const char *name, int min, int max,
                      int fallback) {
    const char *text = input_query(ctx, call, name);
    int64_t value = fallback;
    if (text && !str_to_i64(str_of(text), min, max, &value))
        ctx_field_range(ctx, name, "out_of_range", min, max,
                        arena_printf(ctx->arena, "This must be %d to %d.", min, max));
    return (int)value;
}

static void hours_in(struct ctx *ctx, const struct call *call, struct free_query *q) {
    const char *text = input_query(ctx, call, "hours");
    if (text && !free_hours_read(text, &q->opens_minute, &q->ends_minute))
        ctx_field(ctx, "hours", "wrong_format",
                  "Write the hours of a day as 09:00-17:00, at most 00:00-24:00.");
}

static void days_in(struct ctx *ctx, const struct call *call, struct free_query *q) {
    const char *text = input_query(ctx, call, "days");
    if (text && !free_days_read(text, &q->days))
        ctx_field(ctx, "days", "wrong_format", "Write the days as mon,tue,wed,thu,fri,sat,sun.");
}

/* ?calendar=a&calendar=b */
static void calendars_in(struct ctx *ctx, const struct call *call, struct free_query *q) {
    for (size_t i = 0; i < call->query.count; i++) {
        const struct form_pair *pair = &call->query.pairs[i];
        if (!str_is(pair->name, "calendar"))
            continue;
        bool is_good = pair->value.len && pair->value.len <= ID_MAX_CHARS &&
                       str_is_utf8(pair->value) && !str_has_nul(pair->value);
        if (!is_good || q->calendar_count == FREE_CALENDARS_MAX) {
            ctx_field(ctx, "calendar", is_good ? "out_of_range" : "wrong_format",
                      is_good ? "At most 20 calendars can be looked at together."
                              : "This is no id of a calendar.");
            return;
        }
        q->calendars[q->calendar_count++] =
            str_is(pair->value, "primary") ? NULL : str_dup(ctx->arena, pair->value);
    }
    if (!q->calendar_count)
        q->calendars[q->calendar_count++] = NULL;
}

static enum err free_query_in(struct ctx *ctx, const struct call *call, struct free_query *q) {
    *q = (struct free_query){ .opens_minute = 9 * HOUR_MIN,
                              .ends_minute = 17 * HOUR_MIN,
                              .days = 0x1f,
                              .time_zone = input_query(ctx, call, "time_zone") };
    q->from_ms = input_time(ctx, call, "from");
    q->to_ms = input_time(ctx, call, "to");
    if (!q->from_ms)
        q->from_ms = (ava_wall_ms() + MINUTE_MS - 1) / MINUTE_MS * MINUTE_MS;
    if (!q->to_ms)
        q->to_ms = q->from_ms + (int64_t)14 * DAY_MS;
    if (q->to_ms <= q->from_ms)
        ctx_field(ctx, "to", "out_of_range", "'to' must be later than 'from'.");
    else if (q->to_ms - q->from_ms > (int64_t)FREE_DAYS_MAX * DAY_MS)
        ctx_field(ctx, "to", "out_of_range", "'to' must be at most 62 days after 'from'.");
    q->minutes = minutes_in(ctx, call, "minutes", FREE_MINUTES_MIN, FREE_MINUTES_MAX, 30);
    q->step_minutes = minutes_in(ctx, call, "step", FREE_MINUTES_MIN, FREE_MINUTES_MAX,
                                 q->minutes < 30 ? q->minutes : 30);
    q->gap_minutes = minutes_in(ctx, call, "gap", 0, FREE_MINUTES_MAX, 0);
    q->limit = minutes_in(ctx, call, "limit", 1, FREE_SLOTS_MAX, 50);
    hours_in(ctx, call, q);
    days_in(ctx, call, q);
    calendars_in(ctx, call, q);
    if (!q->time_zone)
        q->time_zone = "UTC";
    read_zone(ctx, q->time_zone);
    return ctx_fields_ok(ctx);
}

static void write_unreadable(struct jsonw *w, const struct free_answer *a) {
    jsonw_key(w, "unreadable");
    jsonw_list(w);
    for (size_t i = 0; i < a->calendar_count; i++) {
        if (!a->calendars[i].failure)
            continue;
        jsonw_object(w);
        jsonw_text_at(w, "calendar",
                      a->calendars[i].calendar_id ? a->calendars[i].calendar_id : "primary");
        jsonw_text_at(w, "reason", a->calendars[i].failure);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
}

enum err get_calendar_free(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "calendar", "from", "to",        "minutes", "step", "gap",
                                         "hours",    "days", "time_zone", "limit",   NULL };
    struct free_query q;
    struct free_answer answer;
    enum provider p;
    TRY(provider_in(ctx, call, &p));
    TRY(input_known_query(ctx, call, KNOWN));
    TRY(free_query_in(ctx, call, &q));
    enum err e = free_find(ctx, p, &q, &answer);
    if (e == ERR_NOT_CONNECTED)
        return stub(ctx, call, p, NOTHING_READ);
    TRY(e);
    struct zone *zone = zone_open(ctx->arena, str_of(q.time_zone));
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_text_at(&w, "time_zone", q.time_zone);
    jsonw_key(&w, "slots");
    jsonw_list(&w);
    for (size_t i = 0; answer.is_known && i < answer.count; i++) {
        char text[32];
        jsonw_object(&w);
        zone_rfc3339(zone, answer.slots[i].start_ms, text);
        jsonw_text_at(&w, "start", text);
        zone_rfc3339(zone, answer.slots[i].end_ms, text);
        jsonw_text_at(&w, "end", text);
        jsonw_object_end(&w);
    }
    jsonw_list_end(&w);
    jsonw_bool_at(&w, "more", answer.is_more);
    write_unreadable(&w, &answer);
    jsonw_object_end(&w);
    return OK;
}
