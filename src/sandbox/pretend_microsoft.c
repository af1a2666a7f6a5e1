/* A pretend Microsoft: OAuth at /common/oauth2/v2.0/token, and of Graph below /v1.0: GET /me/calendars; GET
 * calendarView and POST events of /me and of /me/calendars/{id}; GET, PATCH and DELETE /me/events/{id}. */
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/form.h"
#include "base/json.h"
#include "base/zone.h"
#include "sandbox/pretend_calendar.h"
#include "sandbox/pretend_oauth.h"

enum { PAGE_DEFAULT = 10, PAGE_MAX = 1000 };

static const struct pretend_oauth OAUTH = {
    .provider = "microsoft",
    .title = "Microsoft",
    .accounts = { "ava.demo@outlook.example", "other.demo@outlook.example" },
    .code = "M.C5_Demo",
    .access = "EwDemo-",
    .refresh = "0.ADemo-",
    .write_scope = "/Calendars.ReadWrite",
    .rotates = true,
    .is_short = true,
};

/* --- its words ------------------------------------------------------------------------------- */

static void fail(struct http_reply *reply, int status, const char *code, const char *message) {
    char now[32];
    clock_rfc3339(ava_wall_ms(), now);
    pretend_reply_new(reply, status,
                      json_pack("{s:{s:s, s:s, s:{s:s#, s:s}}}", "error", "code", code, "message",
                                message, "innerError", "date", now, 19, "request-id",
                                "94fb3b52-452a-4535-a601-69e0a90e3aa2"));
}

static void refuse(int status, struct http_reply *reply) {
    static const struct {
        int status;
        const char *code, *message;
    } WORDS[] = {
        { 401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid." },
        { 403, "ErrorAccessDenied", "Access is denied. Check credentials and try again." },
        { 404, "ErrorItemNotFound", "The specified object was not found in the store." },
        { 409, "ErrorConcurrentItemSave", "The item is being saved by another request." },
        { 410, "resyncRequired", "Resync required." },
        { 429, "TooManyRequests", "Please retry again later." },
        { 503, "serviceNotAvailable",
          "The service is not available. Try the request again after a delay." },
    };
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        if (WORDS[i].status == status) {
            fail(reply, status, WORDS[i].code, WORDS[i].message);
            return;
        }
    fail(reply, status, status >= 500 ? "generalException" : "ErrorInvalidRequest",
         "The request is invalid.");
}

struct visit {
    struct pretend_world *world;
    const struct http_req *req;
    struct http_reply *reply;
    struct pretend_asker who;
    json_t *account;
    struct form query;
    json_t *body; /* NULL: none, or no JSON */
};

/* --- events ---------------------------------------------------------------------------------- */

/* 7 digits of a second and no offset, as Graph writes it. */
static json_t *time_of(const json_t *event, const char *name) {
    char text[32];
    clock_rfc3339(json_i64_or(event, name, 0), text);
    return json_pack("{s:o, s:s}", "dateTime", json_sprintf("%.19s.0000000", text), "timeZone",
                     "UTC");
}

static bool is_canceled(const json_t *event) {
    const char *status = json_text(event, "status");
    return status && strcmp(status, "canceled") == 0;
}

static const char *shown_as(const json_t *event) {
    const char *kind = json_text(event, "kind"), *status = json_text(event, "status");
    if (json_is_true(json_object_get(event, "free")) || strcmp(kind, "birthday") == 0)
        return "free";
    if (strcmp(kind, "working_location") == 0)
        return "workingElsewhere";
    if (strcmp(kind, "out_of_office") == 0)
        return "oof";
    return strcmp(status, "tentative") == 0 ? "tentative" : "busy";
}

static json_t *shown(const json_t *event) {
    const json_t *raw = json_object_get(event, "raw");
    const char *title = json_text(event, "title"), *place = json_text(event, "location");
    const char *series = json_text(event, "series"), *zone = json_text(event, "zone");
    const char *text = json_text(event, "description"), *key = json_text(event, "key");
    if (raw)
        return json_deep_copy(raw);
    json_t *out = json_pack(
        "{s:s, s:s, s:b, s:b, s:s, s:o, s:o, s:s, s:{s:s}, s:{s:s, s:s}}", "id",
        json_text(event, "id"), "subject", title ? title : "", "isAllDay",
        json_is_true(json_object_get(event, "days")), "isCancelled", is_canceled(event), "showAs",
        shown_as(event), "start", time_of(event, "start_ms"), "end", time_of(event, "end_ms"),
        "originalStartTimeZone", zone ? zone : "UTC", "location", "displayName", place ? place : "",
        "body", "contentType", "text", "content", text ? text : "");
    json_object_set_new(
        out, "webLink",
        json_sprintf("https://outlook.example/calendar/item/%s", json_text(event, "id")));
    if (series)
        json_object_set_new(out, "seriesMasterId", json_string(series));
    if (key)
        json_object_set_new(out, "transactionId", json_string(key));
    if (json_object_get(event, "attendees"))
        json_object_set(out, "attendees", json_object_get(event, "attendees"));
    return out;
}

static bool time_in(struct arena *a, const json_t *body, const char *name, json_t *event,
                    const char *as) {
    const json_t *said = json_object_get(body, name);
    const char *text = json_text(said, "dateTime"), *zone = json_text(said, "timeZone");
    struct zone *z = zone ? zone_open_windows(a, str_of(zone)) : NULL;
    int64_t ms;
    if (!text || !z)
        return false;
    if (!clock_parse_rfc3339(text, strlen(text), &ms)) {
        if (!zone_parse_local(str_of(text), &ms))
            return false;
        ms = zone_from_local_ms(z, ms);
    }
    json_object_set_new(event, as, json_integer((json_int_t)ms));
    return true;
}

static bool take(struct arena *a, const json_t *body, json_t *event) {
    const char *place = json_text(json_object_get(body, "location"), "displayName");
    const char *text = json_text(json_object_get(body, "body"), "content");
    if (json_text(body, "subject"))
        json_object_set(event, "title", json_object_get(body, "subject"));
    if (place)
        json_object_set_new(event, "location", json_string(place));
    if (text)
        json_object_set_new(event, "description", json_string(text));
    if (json_is_array(json_object_get(body, "attendees")))
        json_object_set(event, "attendees", json_object_get(body, "attendees"));
    bool is_timed = json_object_get(body, "start") || json_object_get(body, "end");
    return !is_timed || (time_in(a, body, "start", event, "start_ms") &&
                         time_in(a, body, "end", event, "end_ms") &&
                         json_i64_or(event, "start_ms", 0) < json_i64_or(event, "end_ms", 0));
}

/* What was made by that transaction before. */
static const json_t *made_by(const json_t *events, const char *key) {
    const char *id;
    const json_t *one;
    json_object_foreach((json_t *)events, id, one) {
        const char *by = json_text(one, "key");
        if (by && strcmp(by, key) == 0)
            return one;
    }
    return NULL;
}

static void insert(const struct visit *v, const json_t *calendar) {
    json_t *events = json_object_get(v->account, "events");
    const char *key = json_text(v->body, "transactionId");
    const json_t *before = key ? made_by(events, key) : NULL;
    unsigned char raw[24];
    ava_rand(raw, sizeof raw);
    const char *id = arena_join(v->req->arena, "AAMkDemo",
                                base64url_encode(v->req->arena, raw, sizeof raw), "=");
    if (before) {
        pretend_reply_new(v->reply, 201, shown(before));
        return;
    }
    json_t *event =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", id, "calendar", json_text(calendar, "id"),
                  "kind", "default", "status", "confirmed", "zone", "W. Europe Standard Time");
    if (key)
        json_object_set_new(event, "key", json_string(key));
    if (!json_object_get(v->body, "start") || !take(v->req->arena, v->body, event))
        fail(v->reply, 400, "ErrorPropertyValidationFailure", "At least one property failed.");
    else {
        json_object_set(events, id, event);
        pretend_reply_new(v->reply, 201, shown(event));
    }
    json_decref(event);
}

/* The same query with $skiptoken, as a whole address. */
static json_t *next_link(const struct visit *v, const char *token) {
    struct buf *b = buf_in(v->req->arena);
    buf_printf(b, "http://%.*s%.*s?", STR_FMT(v->req->authority), STR_FMT(v->req->path));
    for (size_t i = 0; i < v->query.count; i++) {
        const struct form_pair *pair = &v->query.pairs[i];
        if (str_is(pair->name, "$skiptoken"))
            continue;
        percent_encode(b, pair->name);
        buf_char(b, '=');
        percent_encode(b, pair->value);
        buf_char(b, '&');
    }
    buf_printf(b, "%%24skiptoken=%s", token);
    return json_stringn(b->ptr, b->len);
}

static bool time_asked(const struct visit *v, const char *name, int64_t *ms) {
    struct str text = form_find(&v->query, name);
    return text.ptr && (clock_parse_rfc3339(text.ptr, text.len, ms) || zone_parse_local(text, ms));
}

static void view(const struct visit *v, const json_t *calendar) {
    struct str asked = form_find(&v->query, "$top"), skip = form_find(&v->query, "$skiptoken");
    int64_t from_ms, to_ms, size = PAGE_DEFAULT;
    struct pretend_page page;
    if (!time_asked(v, "startDateTime", &from_ms) || !time_asked(v, "endDateTime", &to_ms) ||
        (asked.ptr && !str_to_i64(asked, 1, PAGE_MAX, &size))) {
        refuse(400, v->reply);
        return;
    }
    json_t *list = pretend_calendar_span(v->account, calendar, from_ms, to_ms);
    if (!pretend_calendar_page(v->world, v->req->arena, list,
                               skip.ptr ? str_dup(v->req->arena, skip) : NULL, size, &page)) {
        fail(v->reply, 410, "SyncStateNotFound", "The page token is not valid any more.");
        json_decref(list);
        return;
    }
    json_t *items = json_array();
    for (size_t i = page.from; i < page.to; i++)
        json_array_append_new(items, shown(json_array_get(list, i)));
    json_t *said = json_pack("{s:o}", "value", items);
    if (page.next)
        json_object_set_new(said, "@odata.nextLink", next_link(v, page.next));
    pretend_reply_new(v->reply, 200, said);
    json_decref(list);
}

static void one_event(const struct visit *v, const char *id) {
    json_t *events = json_object_get(v->account, "events"), *event = json_object_get(events, id);
    if (!event)
        refuse(404, v->reply);
    else if (v->req->method != METHOD_GET && !v->who.can_write)
        refuse(403, v->reply);
    else if (v->req->method == METHOD_DELETE) {
        json_object_del(events, id);
        v->reply->status = 204;
    } else if (v->req->method == METHOD_PATCH && !take(v->req->arena, v->body, event))
        fail(v->reply, 400, "ErrorPropertyValidationFailure", "At least one property failed.");
    else
        pretend_reply_new(v->reply, 200, shown(event));
}

static void list_calendars(const struct visit *v) {
    const json_t *all = json_object_get(v->account, "calendars"), *one;
    json_t *items = json_array();
    size_t i;
    json_array_foreach(all, i, one) {
        json_array_append_new(
            items, json_pack("{s:s, s:s, s:b, s:b, s:{s:s, s:s}}", "id", json_text(one, "id"),
                             "name", json_text(one, "name"), "canEdit",
                             json_is_true(json_object_get(one, "can_write")), "isDefaultCalendar",
                             json_is_true(json_object_get(one, "primary")), "owner", "name", "Ava",
                             "address", v->who.account));
    }
    pretend_reply_new(v->reply, 200, json_pack("{s:o}", "value", items));
}

/* --- routes ---------------------------------------------------------------------------------- */

/* "calendarView" and "events" of a calendar. */
static void of_calendar(struct visit *v, const json_t *calendar, struct str what) {
    bool is_read = v->req->method == METHOD_GET;
    if (!calendar || pretend_calendar_unreadable(v->world, json_text(calendar, "id")))
        refuse(404, v->reply);
    else if (is_read && str_is(what, "calendarView"))
        view(v, calendar);
    else if (is_read || !str_is(what, "events"))
        refuse(404, v->reply);
    else if (!v->who.can_write || !json_is_true(json_object_get(calendar, "can_write")))
        refuse(403, v->reply);
    else
        insert(v, calendar);
}

static void of_me(struct visit *v, struct str path) {
    const struct str calendars = STR("calendars/"), event = STR("events/");
    struct str id = { NULL, 0 }, rest;
    if (str_is(path, "calendars")) {
        list_calendars(v);
    } else if (str_starts(path, event)) {
        percent_decode(v->req->arena, (struct str){ path.ptr + event.len, path.len - event.len },
                       false, &id);
        one_event(v, str_dup(v->req->arena, id));
    } else if (str_starts(path, calendars)) {
        struct str named =
            str_cut((struct str){ path.ptr + calendars.len, path.len - calendars.len }, '/', &rest);
        percent_decode(v->req->arena, named, false, &id);
        of_calendar(v, pretend_calendar_find(v->account, str_dup(v->req->arena, id)), rest);
    } else {
        of_calendar(v, pretend_calendar_find(v->account, NULL), path);
    }
}

static void of_api(struct visit *v, struct str path) {
    if (!pretend_oauth_let_in(&OAUTH, v->world, v->req, &v->who)) {
        refuse(401, v->reply);
        return;
    }
    v->account = pretend_calendar_account(v->world, v->req->arena, v->who.account);
    v->body = v->req->body.len ? json_loadb(v->req->body.ptr, v->req->body.len, 0, NULL) : NULL;
    if (!v->account)
        refuse(503, v->reply);
    else
        of_me(v, path);
    json_decref(v->body);
}

static void answer(struct pretend_world *world, const struct http_req *req,
                   struct http_reply *reply) {
    const struct str me = STR("/v1.0/me/");
    struct visit v = { .world = world, .req = req, .reply = reply };
    form_parse(req->arena, req->query, &v.query);
    if (str_is(req->path, "/common/oauth2/v2.0/token"))
        pretend_oauth_token(&OAUTH, world, req, reply);
    else if (str_starts(req->path, me))
        of_api(&v, (struct str){ req->path.ptr + me.len, req->path.len - me.len });
    else
        refuse(404, reply);
}

static void consent(struct pretend_world *world, const struct http_req *req,
                    struct http_reply *reply) {
    pretend_oauth_page(&OAUTH, world, req, reply);
}

const struct pretend PRETEND_MICROSOFT = { .name = "microsoft",
                                           .credential = pretend_oauth_bearer,
                                           .answer = answer,
                                           .refuse = refuse,
                                           .stage = pretend_calendar_stage,
                                           .consent = consent };
