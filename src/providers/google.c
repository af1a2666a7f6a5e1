#include "providers/google.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/sift.h"
#include "providers/calendar_time.h"
#include "providers/oauth.h"

static void authorize(struct ctx *ctx, const struct upstream_request *req,
                      const struct secret *fields, struct upstream_headers *out) {
    struct str token = secret_field(fields, "access_token");
    out->lines[out->count++] =
        arena_printf(ctx->arena, "Authorization: Bearer %.*s", STR_FMT(token));
}

static struct upstream_request request(const struct upstream_credential *c, const char *method,
                                       const char *operation, const char *path) {
    return (struct upstream_request){ .provider = PROVIDER_GOOGLE,
                                      .operation = operation,
                                      .method = method,
                                      .path = path,
                                      .credential = c,
                                      .authorize = authorize };
}

static struct buf *path_of(struct ctx *ctx, const char *calendar_id, const char *event_id) {
    struct buf *b = buf_in(ctx->arena);
    buf_text(b, "/calendars/");
    percent_encode(b, str_of(calendar_id ? calendar_id : "primary"));
    buf_text(b, "/events");
    if (event_id) {
        buf_char(b, '/');
        percent_encode(b, str_of(event_id));
    }
    return b;
}

static const char *resource_of(struct ctx *ctx, const char *calendar_id) {
    return arena_join(ctx->arena, "events/", calendar_id ? calendar_id : "primary");
}

static void forget(struct ctx *ctx, const struct upstream_credential *c, const char *calendar_id) {
    struct upstream_request list = request(c, "GET", "events.list", "");
    list.resource = resource_of(ctx, calendar_id);
    upstream_forget(ctx, &list);
}

/* --- reading events --------------------------------------------------------------------------- */

static const char *status_of(const json_t *e) {
    const char *said = json_text(e, "status");
    if (said && strcmp(said, "cancelled") == 0)
        return "canceled";
    return said && strcmp(said, "tentative") == 0 ? "tentative" : "confirmed";
}

static const char *kind_of(const json_t *e) {
    static const char *const KINDS[][2] = { { "outOfOffice", "out_of_office" },
                                            { "focusTime", "focus_time" },
                                            { "workingLocation", "working_location" },
                                            { "birthday", "birthday" } };
    const char *said = json_text(e, "eventType");
    for (size_t i = 0; said && i < ARRAY_LEN(KINDS); i++)
        if (strcmp(said, KINDS[i][0]) == 0)
            return KINDS[i][1];
    return "default";
}

static bool takes_time(const json_t *e, const char *kind, const char *status) {
    const char *transparency = json_text(e, "transparency");
    return strcmp(status, "canceled") != 0 && strcmp(kind, "working_location") != 0 &&
           strcmp(kind, "birthday") != 0 &&
           !(transparency && strcmp(transparency, "transparent") == 0);
}

/* False: it has no times, as one that was deleted. */
static bool read_event(struct ctx *ctx, const json_t *said, struct calendar_event *out) {
    const json_t *start = json_object_get(said, "start"), *end = json_object_get(said, "end");
    *out = (struct calendar_event){ .id = json_text(said, "id"),
                                    .title = json_text(said, "summary"),
                                    .time_zone = json_text(start, "timeZone"),
                                    .status = status_of(said),
                                    .kind = kind_of(said),
                                    .series_id = json_text(said, "recurringEventId"),
                                    .location = json_text(said, "location"),
                                    .link = json_text(said, "htmlLink") };
    out->is_busy = takes_time(said, out->kind, out->status);
    if (!out->id)
        return false;
    out->is_all_day = json_text(start, "date") != NULL;
    if (out->is_all_day) {
        out->start = calendar_date(ctx->arena, json_text(start, "date"), &out->start_ms);
        out->end = calendar_date(ctx->arena, json_text(end, "date"), &out->end_ms);
        out->is_placed = true;
        return out->start && out->end;
    }
    bool has_start = calendar_time(ctx->arena, json_text(start, "dateTime"), out->time_zone,
                                   &out->start, &out->start_ms);
    bool has_end = calendar_time(ctx->arena, json_text(end, "dateTime"), json_text(end, "timeZone"),
                                 &out->end, &out->end_ms);
    out->is_placed = has_start && has_end;
    return out->start && out->end && out->start_ms && out->end_ms;
}

#define EVENT_PATHS(at)                                                                            \
    at "id", at "summary", at "status", at "start.date", at "start.dateTime", at "start.timeZone", \
        at "end.date", at "end.dateTime", at "end.timeZone", at "eventType", at "transparency",    \
        at "recurringEventId", at "location", at "htmlLink"

static const char *const PAGE_PATHS[] = { EVENT_PATHS("items[]."), "nextPageToken", NULL };
static const char *const ONE_PATHS[] = { EVENT_PATHS(""), NULL };

static bool read_page(struct ctx *ctx, const json_t *said, struct str *kept) {
    const json_t *items = json_object_get(said, "items"), *one;
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    size_t i;
    if (!json_is_object(said) || (items && !json_is_array(items)))
        return false;
    jsonw_object(&w);
    jsonw_key(&w, "events");
    jsonw_list(&w);
    json_array_foreach(items, i, one) {
        struct calendar_event e;
        if (read_event(ctx, one, &e))
            calendar_event_write(&w, &e);
    }
    jsonw_list_end(&w);
    jsonw_text_at(&w, "next", json_text(said, "nextPageToken"));
    jsonw_object_end(&w);
    *kept = buf_view(out);
    return true;
}

static void add_time(struct buf *b, const char *name, int64_t ms) {
    char text[32];
    clock_rfc3339(ms, text);
    buf_printf(b, "%s=%.19sZ", name, text);
}

/* An answer that may have been about the token of a page. */
static bool may_be_stale(struct ctx *ctx, enum err e, const struct calendar_span *span) {
    if (!span->token || (e != ERR_PROVIDER_REJECTED && e != ERR_PROVIDER_RESOURCE_NOT_FOUND))
        return false;
    ctx_clear(ctx);
    return true;
}

static enum err events(struct ctx *ctx, const struct upstream_credential *c,
                       const struct calendar_span *span, struct calendar_page *out,
                       bool *is_stale) {
    struct buf *path = path_of(ctx, span->calendar_id, NULL);
    buf_printf(path, "?maxResults=%d&orderBy=startTime", span->limit);
    if (span->token) {
        buf_text(path, "&pageToken=");
        percent_encode(path, str_of(span->token));
    }
    buf_text(path, "&singleEvents=true");
    add_time(path, "&timeMax", span->to_ms);
    add_time(path, "&timeMin", span->from_ms);
    struct upstream_request req =
        request(c, "GET", "events.list", str_dup(ctx->arena, buf_view(path)));
    req.paths = PAGE_PATHS;
    req.digest = read_page;
    req.resource = resource_of(ctx, span->calendar_id);
    enum err e = upstream_call(ctx, &req, &out->answer);
    *is_stale = e != OK && may_be_stale(ctx, e, span);
    if (!*is_stale)
        return e;
    forget(ctx, c, span->calendar_id); /* pages that were kept name such tokens too */
    return OK;
}

/* --- writing events --------------------------------------------------------------------------- */

static void write_time(struct jsonw *w, const char *name, int64_t ms, const char *zone) {
    char text[32];
    clock_rfc3339(ms, text);
    jsonw_key(w, name);
    jsonw_object(w);
    jsonw_text_at(w, "dateTime", text);
    if (zone)
        jsonw_text_at(w, "timeZone", zone);
    jsonw_object_end(w);
}

static struct str body_of(struct ctx *ctx, const char *key, const struct calendar_draft *d) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    if (key)
        jsonw_text_at(&w, "id", key);
    if (d->title)
        jsonw_text_at(&w, "summary", d->title);
    if (d->description)
        jsonw_text_at(&w, "description", d->description);
    if (d->location)
        jsonw_text_at(&w, "location", d->location);
    if (d->start_ms) {
        write_time(&w, "start", d->start_ms, d->time_zone);
        write_time(&w, "end", d->end_ms, d->time_zone);
    }
    if (d->attendees) {
        jsonw_key(&w, "attendees");
        jsonw_list(&w);
        for (const char *const *a = d->attendees; *a; a++) {
            jsonw_object(&w);
            jsonw_text_at(&w, "email", *a);
            jsonw_object_end(&w);
        }
        jsonw_list_end(&w);
    }
    jsonw_object_end(&w);
    return buf_view(b);
}

static bool read_one(struct ctx *ctx, const json_t *said, void *into) {
    return read_event(ctx, said, into);
}

static enum err write_event(struct ctx *ctx, const struct upstream_credential *c,
                            const char *method, const char *operation, struct buf *path,
                            const char *calendar_id, struct str body,
                            const struct upstream_watch *watch, struct calendar_event *out) {
    struct upstream_answer answer;
    buf_text(path, "?sendUpdates=all");
    struct upstream_request req =
        request(c, method, operation, str_dup(ctx->arena, buf_view(path)));
    req.is_repeatable = true; /* a new one by its id; else by absolute values */
    req.watch = watch;
    if (body.ptr) {
        req.body = body;
        req.content_type = "application/json";
    }
    if (out) {
        req.paths = ONE_PATHS;
        req.read = read_one;
        req.into = out;
    }
    enum err e = upstream_call(ctx, &req, &answer);
    forget(ctx, c, calendar_id);
    return e;
}

static enum err read_again(struct ctx *ctx, const struct upstream_credential *c,
                           const char *calendar_id, const char *key, struct calendar_event *out) {
    struct upstream_answer answer;
    struct upstream_request req = request(
        c, "GET", "events.get", str_dup(ctx->arena, buf_view(path_of(ctx, calendar_id, key))));
    req.paths = ONE_PATHS;
    req.read = read_one;
    req.into = out;
    return upstream_call(ctx, &req, &answer);
}

static enum err insert(struct ctx *ctx, const struct upstream_credential *c,
                       const char *calendar_id, const char *key, const struct calendar_draft *draft,
                       const struct upstream_watch *watch, struct calendar_event *out) {
    enum err e = write_event(ctx, c, "POST", "events.insert", path_of(ctx, calendar_id, NULL),
                             calendar_id, body_of(ctx, key, draft), watch, out);
    if (e != ERR_PROVIDER_REJECTED || ctx->problem.upstream_status != 409)
        return e;
    ctx_clear(ctx); /* it was made before, by this key, and the answer was lost */
    return read_again(ctx, c, calendar_id, key, out);
}

static enum err change(struct ctx *ctx, const struct upstream_credential *c,
                       const char *calendar_id, const char *event_id,
                       const struct calendar_draft *draft, struct calendar_event *out) {
    return write_event(ctx, c, "PATCH", "events.patch", path_of(ctx, calendar_id, event_id),
                       calendar_id, body_of(ctx, NULL, draft), NULL, out);
}

static enum err remove_event(struct ctx *ctx, const struct upstream_credential *c,
                             const char *calendar_id, const char *event_id) {
    enum err e = write_event(ctx, c, "DELETE", "events.delete", path_of(ctx, calendar_id, event_id),
                             calendar_id, (struct str){ NULL, 0 }, NULL, NULL);
    if (e != ERR_PROVIDER_RESOURCE_NOT_FOUND)
        return e;
    ctx_clear(ctx);
    return OK;
}

/* --- calendars -------------------------------------------------------------------------------- */

struct listing {
    struct calendar_entry *out;
    size_t room, before, count; /* before: those of the pages before this one */
    const char *next;
};

static bool read_list(struct ctx *ctx, const json_t *said, void *into) {
    struct listing *l = into;
    const json_t *items = json_object_get(said, "items"), *one;
    size_t i;
    if (!json_is_object(said) || (items && !json_is_array(items)))
        return false;
    l->next = json_text(said, "nextPageToken");
    l->count = l->before;
    json_array_foreach(items, i, one) {
        const char *role = json_text(one, "accessRole"), *name = json_text(one, "summaryOverride");
        if (l->count == l->room || !json_text(one, "id") ||
            json_is_true(json_object_get(one, "deleted")))
            continue;
        l->out[l->count++] = (struct calendar_entry){
            .id = json_text(one, "id"),
            .name = name ? name : json_text(one, "summary"),
            .time_zone = json_text(one, "timeZone"),
            .is_primary = json_is_true(json_object_get(one, "primary")),
            .can_write = role && (strcmp(role, "owner") == 0 || strcmp(role, "writer") == 0),
        };
    }
    return true;
}

static enum err list(struct ctx *ctx, const struct upstream_credential *c,
                     struct calendar_entry *out, size_t room, size_t *count) {
    static const char *const PATHS[] = { "items[].id",
                                         "items[].summary",
                                         "items[].timeZone",
                                         "items[].summaryOverride",
                                         "items[].accessRole",
                                         "items[].primary",
                                         "items[].deleted",
                                         "nextPageToken",
                                         NULL };
    struct listing l = { .out = out, .room = room };
    for (int pages = 0; pages < 10 && (pages == 0 || l.next) && l.count < room; pages++) {
        struct upstream_answer answer;
        struct buf *path = buf_in(ctx->arena);
        buf_text(path, "/users/me/calendarList?maxResults=250");
        if (l.next) {
            buf_text(path, "&pageToken=");
            percent_encode(path, str_of(l.next));
        }
        struct upstream_request req =
            request(c, "GET", "calendars.list", str_dup(ctx->arena, buf_view(path)));
        req.paths = PATHS;
        req.read = read_list;
        req.into = &l;
        l.before = l.count;
        TRY(upstream_call(ctx, &req, &answer));
    }
    *count = l.count;
    return OK;
}

static enum err account(struct ctx *ctx, const struct upstream_credential *c, const char **out) {
    struct calendar_entry *all = arena_alloc(ctx->arena, CALENDARS_MAX * sizeof *all);
    size_t count;
    *out = "";
    TRY(list(ctx, c, all, CALENDARS_MAX, &count));
    for (size_t i = 0; i < count; i++)
        if (all[i].is_primary)
            *out = all[i].id; /* the address of the account */
    return OK;
}

/* --- what takes the time ---------------------------------------------------------------------- */

struct asking {
    struct calendar_times *calendars;
    size_t count;
};

static const char *failure_of(const json_t *errors) {
    const char *reason = json_text(json_array_get(errors, 0), "reason");
    if (reason && strcmp(reason, "notFound") == 0)
        return "there is no such calendar, or it is not shared with this account";
    return "Google could not read it";
}

static bool read_busy_of(struct ctx *ctx, const json_t *said, struct calendar_times *out) {
    const json_t *errors = json_object_get(said, "errors"), *busy = json_object_get(said, "busy"),
                 *one;
    size_t i;
    out->count = 0;
    out->failure = json_array_size(errors) ? failure_of(errors)
                   : json_is_array(busy)   ? NULL
                                           : "Google said nothing of it";
    if (out->failure)
        return true;
    out->busy = arena_alloc(ctx->arena, (json_array_size(busy) + 1) * sizeof *out->busy);
    json_array_foreach(busy, i, one) {
        const char *text;
        struct calendar_busy *b = &out->busy[out->count++];
        if (!calendar_time(ctx->arena, json_text(one, "start"), NULL, &text, &b->start_ms) ||
            !calendar_time(ctx->arena, json_text(one, "end"), NULL, &text, &b->end_ms))
            return false;
    }
    return true;
}

static bool read_busy(struct ctx *ctx, const json_t *said, void *into) {
    const struct asking *a = into;
    const json_t *all = json_object_get(said, "calendars");
    if (!json_is_object(all))
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const char *id = a->calendars[i].calendar_id;
        if (!read_busy_of(ctx, json_object_get(all, id ? id : "primary"), &a->calendars[i]))
            return false;
    }
    return true;
}

static enum err busy(struct ctx *ctx, const struct upstream_credential *c, int64_t from_ms,
                     int64_t to_ms, const char *zone, struct calendar_times *calendars,
                     size_t count) {
    static const char *const PATHS[] = { "calendars", NULL };
    struct asking a = { calendars, count };
    struct upstream_answer answer;
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    char text[32];
    jsonw_object(&w);
    clock_rfc3339(from_ms, text);
    jsonw_text_at(&w, "timeMin", text);
    clock_rfc3339(to_ms, text);
    jsonw_text_at(&w, "timeMax", text);
    if (zone)
        jsonw_text_at(&w, "timeZone", zone); /* by which whole days begin */
    jsonw_key(&w, "items");
    jsonw_list(&w);
    for (size_t i = 0; i < count; i++) {
        jsonw_object(&w);
        jsonw_text_at(&w, "id", calendars[i].calendar_id ? calendars[i].calendar_id : "primary");
        jsonw_object_end(&w);
    }
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    struct upstream_request req = request(c, "POST", "freebusy.query", "/freeBusy");
    req.body = buf_view(b);
    req.content_type = "application/json";
    req.is_repeatable = req.changes_nothing = true;
    req.paths = PATHS;
    req.read = read_busy;
    req.into = &a;
    return upstream_call(ctx, &req, &answer);
}

const struct dialect_calendar GOOGLE_CALENDAR = {
    .list = list,
    .events = events,
    .page_paths = PAGE_PATHS,
    .read_page = read_page,
    .insert = insert,
    .change = change,
    .remove = remove_event,
    .busy = busy,
    .account = account,
};

/* --- what its refusals mean ------------------------------------------------------------------- */

void google_judge(struct ctx *ctx, int status, const json_t *said, struct refusal *out) {
    static const struct {
        const char *reason;
        enum refusal_about about;
        const char *words;
    } REASONS[] = {
        { "rateLimitExceeded", REFUSAL_THROTTLE, NULL },
        { "userRateLimitExceeded", REFUSAL_THROTTLE, NULL },
        { "quotaExceeded", REFUSAL_THROTTLE, NULL },
        { "RATE_LIMIT_EXCEEDED", REFUSAL_THROTTLE, NULL },
        { "dailyLimitExceeded", REFUSAL_DAY, "the requests of this day are used up." },
        { "authError", REFUSAL_KEY, NULL },
        { "accessNotConfigured", REFUSAL_CLIENT, "the Calendar API is not switched on for it" },
        { "SERVICE_DISABLED", REFUSAL_CLIENT, "the Calendar API is not switched on for it" },
        { "insufficientPermissions", REFUSAL_PERMISSION, NULL },
        { "ACCESS_TOKEN_SCOPE_INSUFFICIENT", REFUSAL_PERMISSION, NULL },
        { "forbiddenForNonOrganizer", REFUSAL_REQUEST,
          "only who called people together may change this." },
        { "requiredAccessLevel", REFUSAL_REQUEST, "this calendar can only be read." },
        { "forbidden", REFUSAL_REQUEST, "this calendar can only be read." },
        { "timeRangeEmpty", REFUSAL_REQUEST, "the end lies before the start." },
        { "duplicate", REFUSAL_REQUEST, "it is there already." },
        { "calendarUsageLimitsExceeded", REFUSAL_REQUEST,
          "the account has made too many events in a short time." },
        { "notACalendarUser", REFUSAL_ACCOUNT, "it has no calendar." },
        { "notFound", REFUSAL_ABSENT, NULL },
        { "deleted", REFUSAL_ABSENT, NULL },
        { "fullSyncRequired", REFUSAL_ABSENT, NULL },
    };
    if (oauth_judge(said, out))
        return;
    const json_t *error = json_object_get(said, "error");
    const json_t *first = json_array_get(json_object_get(error, "errors"), 0);
    const char *reason = json_text(first, "reason");
    if (!reason)
        reason = json_text(json_array_get(json_object_get(error, "details"), 0), "reason");
    for (size_t i = 0; reason && i < ARRAY_LEN(REASONS); i++)
        if (strcmp(REASONS[i].reason, reason) == 0 &&
            !(status == 404 && REASONS[i].about != REFUSAL_ABSENT))
            *out = (struct refusal){ REASONS[i].about, REASONS[i].words };
}
