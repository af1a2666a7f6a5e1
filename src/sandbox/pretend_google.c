/* A pretend Google: OAuth at /token and /revoke, and of the Calendar API (v3) below /calendar/v3: GET
 * /users/me/calendarList; GET and POST /calendars/{id}/events; GET, PATCH and DELETE of one; POST /freeBusy. */
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/form.h"
#include "base/json.h"
#include "base/zone.h"
#include "sandbox/pretend_calendar.h"
#include "sandbox/pretend_oauth.h"

enum { ID_MIN = 5, ID_MAX = 1024, PAGE_DEFAULT = 250 };

static const struct pretend_oauth OAUTH = {
    .provider = "google",
    .title = "Google",
    .accounts = { "ava.demo@gmail.example", "other.demo@gmail.example" },
    .code = "4/0Demo",
    .access = "ya29.demo-",
    .refresh = "1//demo-",
    .write_scope = "/auth/calendar.events",
    .asks_prompt = true,
};

/* --- its words ------------------------------------------------------------------------------- */

static void fail(struct http_reply *reply, int status, const char *domain, const char *reason,
                 const char *message) {
    pretend_reply_new(reply, status,
                      json_pack("{s:{s:i, s:s, s:[{s:s, s:s, s:s}]}}", "error", "code", status,
                                "message", message, "errors", "domain", domain, "reason", reason,
                                "message", message));
}

static void refuse(int status, struct http_reply *reply) {
    if (status == 429 || status == 403)
        fail(reply, status, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded");
    else if (status == 401)
        fail(reply, status, "global", "authError", "Invalid Credentials");
    else if (status == 404)
        fail(reply, status, "global", "notFound", "Not Found");
    else if (status == 410)
        fail(reply, status, "calendar", "fullSyncRequired",
             "Sync token is no longer valid, a full sync is required.");
    else if (status >= 500)
        fail(reply, status, "global", "backendError", "Backend Error");
    else
        fail(reply, status, "global", "badRequest", "Bad Request");
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

static const char *query_text(const struct visit *v, const char *name) {
    struct str value = form_find(&v->query, name);
    return value.ptr ? str_dup(v->req->arena, value) : NULL;
}

/* --- events ---------------------------------------------------------------------------------- */

static json_t *time_of(const json_t *event, const char *name) {
    int64_t ms = json_i64_or(event, name, 0);
    char text[32];
    clock_rfc3339(ms, text);
    if (json_is_true(json_object_get(event, "days")))
        return json_pack("{s:s#}", "date", text, 10);
    struct arena *a = arena_new(1 << 16);
    const char *zone = json_text(event, "zone");
    struct zone *z = zone_open(a, str_of(zone ? zone : "UTC"));
    if (z)
        zone_rfc3339(z, ms, text);
    json_t *out = json_pack("{s:s, s:s}", "dateTime", text, "timeZone", zone ? zone : "UTC");
    arena_free(a);
    return out;
}

static const char *type_of(const char *kind) {
    static const char *const TYPES[][2] = { { "birthday", "birthday" },
                                            { "working_location", "workingLocation" },
                                            { "out_of_office", "outOfOffice" },
                                            { "focus_time", "focusTime" } };
    for (size_t i = 0; kind && i < ARRAY_LEN(TYPES); i++)
        if (strcmp(kind, TYPES[i][0]) == 0)
            return TYPES[i][1];
    return "default";
}

static void copy_text(json_t *to, const char *name, const json_t *event, const char *from) {
    const char *text = json_text(event, from);
    if (text && text[0])
        json_object_set_new(to, name, json_string(text));
}

static bool is_canceled(const json_t *event) {
    const char *status = json_text(event, "status");
    return status && strcmp(status, "canceled") == 0;
}

static json_t *shown(const json_t *event) {
    const json_t *raw = json_object_get(event, "raw");
    const char *status = json_text(event, "status"), *kind = json_text(event, "kind");
    if (raw)
        return json_deep_copy(raw);
    json_t *out = json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:s}", "kind", "calendar#event", "id", json_text(event, "id"),
        "status", is_canceled(event) ? "cancelled" : status, "start", time_of(event, "start_ms"),
        "end", time_of(event, "end_ms"), "eventType", type_of(kind));
    copy_text(out, "summary", event, "title");
    copy_text(out, "description", event, "description");
    copy_text(out, "location", event, "location");
    copy_text(out, "recurringEventId", event, "series");
    json_object_set_new(
        out, "htmlLink",
        json_sprintf("https://calendar.google.example/event?eid=%s", json_text(event, "id")));
    if (json_is_true(json_object_get(event, "free")))
        json_object_set_new(out, "transparency", json_string("transparent"));
    if (json_object_get(event, "attendees"))
        json_object_set(out, "attendees", json_object_get(event, "attendees"));
    return out;
}

static bool time_in(const json_t *body, const char *name, json_t *event, const char *as) {
    const json_t *said = json_object_get(body, name);
    const char *text = json_text(said, "dateTime"), *date = json_text(said, "date");
    int64_t ms;
    if (date && zone_parse_date(str_of(date), &ms))
        json_object_set_new(event, "days", json_true());
    else if (!text || !clock_parse_rfc3339(text, strlen(text), &ms))
        return false;
    json_object_set_new(event, as, json_integer((json_int_t)ms));
    if (json_text(said, "timeZone"))
        json_object_set_new(event, "zone", json_string(json_text(said, "timeZone")));
    return true;
}

/* What of the body an event takes; false when a time is none. */
static bool take(const json_t *body, json_t *event) {
    static const char *const TEXTS[][2] = { { "summary", "title" },
                                            { "description", "description" },
                                            { "location", "location" } };
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
        if (json_text(body, TEXTS[i][0]))
            json_object_set(event, TEXTS[i][1], json_object_get(body, TEXTS[i][0]));
    if (json_is_array(json_object_get(body, "attendees")))
        json_object_set(event, "attendees", json_object_get(body, "attendees"));
    bool is_timed = json_object_get(body, "start") || json_object_get(body, "end");
    return !is_timed ||
           (time_in(body, "start", event, "start_ms") && time_in(body, "end", event, "end_ms") &&
            json_i64_or(event, "start_ms", 0) < json_i64_or(event, "end_ms", 0));
}

/* base32hex in lower case. */
static bool is_id(const char *id) {
    size_t len = strlen(id);
    return len >= ID_MIN && len <= ID_MAX && strspn(id, "0123456789abcdefghijklmnopqrstuv") == len;
}

static void insert(const struct visit *v, const json_t *calendar) {
    json_t *events = json_object_get(v->account, "events");
    const char *id = json_text(v->body, "id");
    unsigned char raw[13];
    char made[27];
    ava_rand(raw, sizeof raw);
    hex_encode(made, raw, sizeof raw);
    if (!id)
        id = made;
    json_t *event =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", id, "calendar", json_text(calendar, "id"),
                  "kind", "default", "status", "confirmed", "zone", json_text(calendar, "zone"));
    if (json_object_get(events, id))
        fail(v->reply, 409, "global", "duplicate", "The requested identifier already exists.");
    else if (!is_id(id))
        fail(v->reply, 400, "global", "invalid", "Invalid resource id value.");
    else if (!json_object_get(v->body, "start") || !take(v->body, event))
        fail(v->reply, 400, "calendar", "timeRangeEmpty", "The specified time range is empty.");
    else {
        json_object_set(events, id, event);
        pretend_reply_new(v->reply, 200, shown(event));
    }
    json_decref(event);
}

static void list_events(const struct visit *v, const json_t *calendar) {
    const char *token = query_text(v, "pageToken"), *min = query_text(v, "timeMin"),
               *max = query_text(v, "timeMax");
    int64_t from_ms = 0, to_ms = INT64_MAX, size = PAGE_DEFAULT;
    struct pretend_page page;
    struct str asked = form_find(&v->query, "maxResults");
    if ((min && !clock_parse_rfc3339(min, strlen(min), &from_ms)) ||
        (max && !clock_parse_rfc3339(max, strlen(max), &to_ms)) ||
        (asked.ptr && !str_to_i64(asked, 1, PRETEND_PAGE_MAX, &size))) {
        refuse(400, v->reply);
        return;
    }
    json_t *list = pretend_calendar_span(v->account, calendar, from_ms, to_ms), *items;
    if (!pretend_calendar_page(v->world, v->req->arena, list, token, size, &page)) {
        fail(v->reply, 400, "global", "invalid", "Invalid Value");
        json_decref(list);
        return;
    }
    items = json_array();
    for (size_t i = page.from; i < page.to; i++)
        if (!is_canceled(json_array_get(list, i)) ||
            json_object_get(json_array_get(list, i), "raw"))
            json_array_append_new(items, shown(json_array_get(list, i)));
    json_t *said = json_pack("{s:s, s:s, s:s, s:o}", "kind", "calendar#events", "summary",
                             json_text(calendar, "name"), "timeZone", json_text(calendar, "zone"),
                             "items", items);
    if (page.next)
        json_object_set_new(said, "nextPageToken", json_string(page.next));
    else
        json_object_set_new(said, "nextSyncToken", json_string("demo-sync"));
    pretend_reply_new(v->reply, 200, said);
    json_decref(list);
}

static void one_event(const struct visit *v, const json_t *calendar, const char *id) {
    json_t *event = json_object_get(json_object_get(v->account, "events"), id);
    bool writes = v->req->method == METHOD_PATCH || v->req->method == METHOD_DELETE;
    if (!event || strcmp(json_text(event, "calendar"), json_text(calendar, "id")) != 0)
        refuse(404, v->reply);
    else if (writes && is_canceled(event))
        fail(v->reply, 410, "global", "deleted", "Resource has been deleted");
    else if (v->req->method == METHOD_DELETE) {
        json_object_set_new(event, "status", json_string("canceled"));
        v->reply->status = 204;
    } else if (v->req->method == METHOD_PATCH && !take(v->body, event))
        fail(v->reply, 400, "calendar", "timeRangeEmpty", "The specified time range is empty.");
    else
        pretend_reply_new(v->reply, 200, shown(event));
}

/* --- what takes the time --------------------------------------------------------------------- */

static bool takes_time(const json_t *event) {
    const char *kind = json_text(event, "kind");
    return !is_canceled(event) && !json_is_true(json_object_get(event, "free")) &&
           strcmp(kind, "birthday") != 0 && strcmp(kind, "working_location") != 0;
}

static json_t *busy_of(const struct visit *v, const json_t *calendar, int64_t from_ms,
                       int64_t to_ms) {
    json_t *list = pretend_calendar_span(v->account, calendar, from_ms, to_ms), *one,
           *busy = json_array();
    struct zone *z = zone_open(v->req->arena, str_of(json_text(calendar, "zone")));
    size_t i;
    json_array_foreach(list, i, one) {
        char start[32], end[32];
        int64_t starts = json_i64_or(one, "start_ms", 0), ends = json_i64_or(one, "end_ms", 0);
        if (!takes_time(one))
            continue;
        if (json_is_true(json_object_get(one, "days"))) {
            starts = zone_from_local_ms(z, starts);
            ends = zone_from_local_ms(z, ends);
        }
        clock_rfc3339(starts < from_ms ? from_ms : starts, start);
        clock_rfc3339(ends > to_ms ? to_ms : ends, end);
        json_array_append_new(busy, json_pack("{s:s, s:s}", "start", start, "end", end));
    }
    json_decref(list);
    return busy;
}

static json_t *free_busy_of(const struct visit *v, const char *id, int64_t from_ms, int64_t to_ms) {
    const json_t *calendar = pretend_calendar_find(v->account, id);
    if (!calendar || pretend_calendar_unreadable(v->world, json_text(calendar, "id")))
        return json_pack("{s:[{s:s, s:s}]}", "errors", "domain", "global", "reason", "notFound");
    return json_pack("{s:o}", "busy", busy_of(v, calendar, from_ms, to_ms));
}

static void free_busy(const struct visit *v) {
    const char *min = json_text(v->body, "timeMin"), *max = json_text(v->body, "timeMax");
    const json_t *items = json_object_get(v->body, "items"), *one;
    int64_t from_ms, to_ms;
    size_t i;
    if (!min || !max || !clock_parse_rfc3339(min, strlen(min), &from_ms) ||
        !clock_parse_rfc3339(max, strlen(max), &to_ms) || to_ms <= from_ms) {
        fail(v->reply, 400, "calendar", "timeRangeEmpty", "The specified time range is empty.");
        return;
    }
    json_t *calendars = json_object();
    json_array_foreach(items, i, one) {
        const char *id = json_text(one, "id");
        if (id)
            json_object_set_new(calendars, id, free_busy_of(v, id, from_ms, to_ms));
    }
    pretend_reply_new(v->reply, 200,
                      json_pack("{s:s, s:s, s:s, s:o}", "kind", "calendar#freeBusy", "timeMin", min,
                                "timeMax", max, "calendars", calendars));
}

static void list_calendars(const struct visit *v) {
    const json_t *all = json_object_get(v->account, "calendars"), *one;
    json_t *items = json_array();
    size_t i;
    json_array_foreach(all, i, one) {
        json_t *entry =
            json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", "calendar#calendarListEntry", "id",
                      json_text(one, "id"), "summary", json_text(one, "name"), "timeZone",
                      json_text(one, "zone"), "accessRole",
                      json_is_true(json_object_get(one, "can_write")) ? "owner" : "reader");
        if (json_is_true(json_object_get(one, "primary")))
            json_object_set_new(entry, "primary", json_true());
        json_array_append_new(items, entry);
    }
    pretend_reply_new(v->reply, 200,
                      json_pack("{s:s, s:o}", "kind", "calendar#calendarList", "items", items));
}

/* --- routes ---------------------------------------------------------------------------------- */

static void of_calendar(struct visit *v, struct str rest) {
    struct str id = str_cut(rest, '/', &rest), events = str_cut(rest, '/', &rest);
    struct str calendar_id = { NULL, 0 }, event_id = { NULL, 0 };
    bool is_read = v->req->method == METHOD_GET;
    if (!percent_decode(v->req->arena, id, false, &calendar_id) || !str_is(events, "events") ||
        (rest.ptr && !percent_decode(v->req->arena, rest, false, &event_id))) {
        refuse(404, v->reply);
        return;
    }
    const json_t *calendar = pretend_calendar_find(v->account, str_dup(v->req->arena, calendar_id));
    if (!calendar || pretend_calendar_unreadable(v->world, json_text(calendar, "id")))
        refuse(404, v->reply);
    else if (!is_read && !v->who.can_write)
        fail(v->reply, 403, "global", "insufficientPermissions",
             "Request had insufficient authentication scopes.");
    else if (!is_read && !json_is_true(json_object_get(calendar, "can_write")))
        fail(v->reply, 403, "calendar", "requiredAccessLevel",
             "You need to have writer access to this calendar.");
    else if (event_id.ptr)
        one_event(v, calendar, str_dup(v->req->arena, event_id));
    else if (is_read)
        list_events(v, calendar);
    else
        insert(v, calendar);
}

static void of_api(struct visit *v, struct str path) {
    const struct str one = STR("/calendars/");
    if (!pretend_oauth_let_in(&OAUTH, v->world, v->req, &v->who)) {
        refuse(401, v->reply);
        return;
    }
    v->account = pretend_calendar_account(v->world, v->req->arena, v->who.account);
    v->body = v->req->body.len ? json_loadb(v->req->body.ptr, v->req->body.len, 0, NULL) : NULL;
    if (!v->account)
        refuse(503, v->reply);
    else if (str_is(path, "/users/me/calendarList"))
        list_calendars(v);
    else if (str_is(path, "/freeBusy") && v->req->method == METHOD_POST)
        free_busy(v);
    else if (str_starts(path, one))
        of_calendar(v, (struct str){ path.ptr + one.len, path.len - one.len });
    else
        refuse(404, v->reply);
    json_decref(v->body);
}

static void answer(struct pretend_world *world, const struct http_req *req,
                   struct http_reply *reply) {
    const struct str api = STR("/calendar/v3");
    struct visit v = { .world = world, .req = req, .reply = reply };
    form_parse(req->arena, req->query, &v.query);
    if (str_is(req->path, "/token"))
        pretend_oauth_token(&OAUTH, world, req, reply);
    else if (str_is(req->path, "/revoke"))
        pretend_oauth_revoke(&OAUTH, world, req, reply);
    else if (str_starts(req->path, api))
        of_api(&v, (struct str){ req->path.ptr + api.len, req->path.len - api.len });
    else
        refuse(404, reply);
}

static void consent(struct pretend_world *world, const struct http_req *req,
                    struct http_reply *reply) {
    pretend_oauth_page(&OAUTH, world, req, reply);
}

const struct pretend PRETEND_GOOGLE = { .name = "google",
                                        .credential = pretend_oauth_bearer,
                                        .answer = answer,
                                        .refuse = refuse,
                                        .stage = pretend_calendar_stage,
                                        .consent = consent };
