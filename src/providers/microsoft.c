#include "providers/microsoft.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/sift.h"
#include "config/config.h"
#include "providers/calendar_time.h"
#include "providers/oauth.h"

enum { BUSY_PAGE = 100, BUSY_PAGES_MAX = 20 };

static void authorize(struct ctx *ctx, const struct upstream_request *req,
                      const struct secret *fields, struct upstream_headers *out) {
    struct str token = secret_field(fields, "access_token");
    out->lines[out->count++] =
        arena_printf(ctx->arena, "Authorization: Bearer %.*s", STR_FMT(token));
    out->lines[out->count++] = arena_strdup(
        ctx->arena, "Prefer: outlook.timezone=\"UTC\", outlook.body-content-type=\"text\"");
}

static struct upstream_request request(const struct upstream_credential *c, const char *method,
                                       const char *operation, const char *path) {
    return (struct upstream_request){ .provider = PROVIDER_MICROSOFT,
                                      .operation = operation,
                                      .method = method,
                                      .path = path,
                                      .credential = c,
                                      .authorize = authorize };
}

static struct buf *path_of(struct ctx *ctx, const char *calendar_id, const char *tail) {
    struct buf *b = buf_in(ctx->arena);
    buf_text(b, "/me/");
    if (calendar_id) {
        buf_text(b, "calendars/");
        percent_encode(b, str_of(calendar_id));
        buf_char(b, '/');
    }
    buf_text(b, tail);
    return b;
}

static struct buf *event_path(struct ctx *ctx, const char *event_id) {
    struct buf *b = buf_in(ctx->arena);
    buf_text(b, "/me/events/");
    percent_encode(b, str_of(event_id));
    return b;
}

static const char *resource_of(struct ctx *ctx, const char *calendar_id) {
    return arena_join(ctx->arena, "events/", calendar_id ? calendar_id : "primary");
}

/* --- reading events --------------------------------------------------------------------------- */

static bool is(const char *said, const char *word) {
    return said && strcmp(said, word) == 0;
}

static const char *status_of(const json_t *e) {
    const char *response = json_text(json_object_get(e, "responseStatus"), "response");
    if (json_is_true(json_object_get(e, "isCancelled")))
        return "canceled";
    return is(json_text(e, "showAs"), "tentative") || is(response, "tentativelyAccepted")
               ? "tentative"
               : "confirmed";
}

static const char *kind_of(const char *shown_as) {
    return is(shown_as, "oof")                ? "out_of_office"
           : is(shown_as, "workingElsewhere") ? "working_location"
                                              : "default";
}

/* False: it has no times. */
static bool read_event(struct ctx *ctx, const json_t *said, struct calendar_event *out) {
    const json_t *start = json_object_get(said, "start"), *end = json_object_get(said, "end");
    const char *shown_as = json_text(said, "showAs"), *zone = json_text(start, "timeZone");
    const char *starts = json_text(start, "dateTime"), *ends = json_text(end, "dateTime");
    *out = (struct calendar_event){ .id = json_text(said, "id"),
                                    .title = json_text(said, "subject"),
                                    .time_zone = json_text(said, "originalStartTimeZone"),
                                    .status = status_of(said),
                                    .kind = kind_of(shown_as),
                                    .series_id = json_text(said, "seriesMasterId"),
                                    .location =
                                        json_text(json_object_get(said, "location"), "displayName"),
                                    .link = json_text(said, "webLink") };
    if (out->title && !out->title[0])
        out->title = NULL;
    if (out->location && !out->location[0])
        out->location = NULL;
    out->is_busy = strcmp(out->status, "canceled") != 0 && !is(shown_as, "free") &&
                   !is(shown_as, "workingElsewhere");
    out->is_all_day = json_is_true(json_object_get(said, "isAllDay"));
    if (!out->id)
        return false;
    if (out->is_all_day) {
        out->start = calendar_date(ctx->arena, starts, &out->start_ms);
        out->end = calendar_date(ctx->arena, ends, &out->end_ms);
        out->is_placed = true;
        return out->start && out->end;
    }
    bool has_start = calendar_time(ctx->arena, starts, zone, &out->start, &out->start_ms);
    bool has_end =
        calendar_time(ctx->arena, ends, json_text(end, "timeZone"), &out->end, &out->end_ms);
    out->is_placed = has_start && has_end;
    if (!out->is_placed && zone)
        out->time_zone = zone;
    return out->start && out->end && out->start_ms && out->end_ms;
}

#define EVENT_PATHS(at)                                                                        \
    at "id", at "subject", at "isAllDay", at "isCancelled", at "showAs", at "start.dateTime",  \
        at "start.timeZone", at "end.dateTime", at "end.timeZone", at "originalStartTimeZone", \
        at "seriesMasterId", at "location.displayName", at "webLink", at "responseStatus.response"
#define SELECTED                                                              \
    "id,subject,isAllDay,isCancelled,showAs,start,end,originalStartTimeZone," \
    "seriesMasterId,location,webLink,responseStatus"

static const char *const PAGE_PATHS[] = { EVENT_PATHS("value[]."), "@odata.nextLink", NULL };
static const char *const ONE_PATHS[] = { EVENT_PATHS(""), NULL };

/* What stands behind our base URL in the address of the next page; NULL: it has none. False: it leads elsewhere,
 * where our token must not go. */
static bool next_of(struct ctx *ctx, const json_t *said, const char **next) {
    const char *link = json_text(said, "@odata.nextLink");
    struct str base = str_of(ctx->parts->config->microsoft_api_base_url);
    *next = NULL;
    if (!link)
        return true;
    if (!str_starts(str_of(link), base))
        return false;
    struct str rest = str_of(link + base.len);
    if (!str_starts(rest, STR("/me/")) || !str_is_visible(rest) || str_find(rest, STR("/..")) >= 0)
        return false;
    *next = link + base.len;
    return true;
}

static bool read_page(struct ctx *ctx, const json_t *said, struct str *kept) {
    const json_t *items = json_object_get(said, "value"), *one;
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    const char *next;
    size_t i;
    if (!json_is_array(items) || !next_of(ctx, said, &next))
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
    jsonw_text_at(&w, "next", next);
    jsonw_object_end(&w);
    *kept = buf_view(out);
    return true;
}

static const char *view_path(struct ctx *ctx, const struct calendar_span *span) {
    char from[32], to[32];
    struct buf *path = path_of(ctx, span->calendar_id, "calendarView");
    if (span->token)
        return span->token;
    clock_rfc3339(span->from_ms, from);
    clock_rfc3339(span->to_ms, to);
    buf_printf(path,
               "?$orderby=start/dateTime&$select=" SELECTED
               "&$top=%d&endDateTime=%.19sZ&startDateTime=%.19sZ",
               span->limit, to, from);
    return str_dup(ctx->arena, buf_view(path));
}

static void forget(struct ctx *ctx, const struct upstream_credential *c, const char *calendar_id) {
    struct upstream_request page = request(c, "GET", "events.list", "");
    page.resource = resource_of(ctx, calendar_id);
    upstream_forget(ctx, &page);
}

static enum err events(struct ctx *ctx, const struct upstream_credential *c,
                       const struct calendar_span *span, struct calendar_page *out,
                       bool *is_stale) {
    struct upstream_request req = request(c, "GET", "events.list", view_path(ctx, span));
    req.paths = PAGE_PATHS;
    req.digest = read_page;
    req.resource = resource_of(ctx, span->calendar_id);
    enum err e = upstream_call(ctx, &req, &out->answer);
    *is_stale = span->token && (e == ERR_PROVIDER_REJECTED || e == ERR_PROVIDER_RESOURCE_NOT_FOUND);
    if (!*is_stale)
        return e;
    ctx_clear(ctx);
    forget(ctx, c, span->calendar_id); /* pages that were kept name such tokens too */
    return OK;
}

/* --- writing events --------------------------------------------------------------------------- */

static void write_time(struct jsonw *w, const char *name, int64_t ms) {
    char text[32];
    clock_rfc3339(ms, text);
    text[19] = 0;
    jsonw_key(w, name);
    jsonw_object(w);
    jsonw_text_at(w, "dateTime", text);
    jsonw_text_at(w, "timeZone", "UTC");
    jsonw_object_end(w);
}

static void write_attendees(struct jsonw *w, const char *const *attendees) {
    jsonw_key(w, "attendees");
    jsonw_list(w);
    for (const char *const *a = attendees; *a; a++) {
        jsonw_object(w);
        jsonw_text_at(w, "type", "required");
        jsonw_key(w, "emailAddress");
        jsonw_object(w);
        jsonw_text_at(w, "address", *a);
        jsonw_object_end(w);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
}

static struct str body_of(struct ctx *ctx, const char *key, const struct calendar_draft *d) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    if (key)
        jsonw_text_at(&w, "transactionId", key);
    if (d->title)
        jsonw_text_at(&w, "subject", d->title);
    if (d->description) {
        jsonw_key(&w, "body");
        jsonw_object(&w);
        jsonw_text_at(&w, "contentType", "text");
        jsonw_text_at(&w, "content", d->description);
        jsonw_object_end(&w);
    }
    if (d->location) {
        jsonw_key(&w, "location");
        jsonw_object(&w);
        jsonw_text_at(&w, "displayName", d->location);
        jsonw_object_end(&w);
    }
    if (d->start_ms) {
        write_time(&w, "start", d->start_ms);
        write_time(&w, "end", d->end_ms);
    }
    if (d->attendees)
        write_attendees(&w, d->attendees);
    jsonw_object_end(&w);
    return buf_view(b);
}

static bool read_one(struct ctx *ctx, const json_t *said, void *into) {
    return read_event(ctx, said, into);
}

static enum err write_event(struct ctx *ctx, struct upstream_request *req, const char *calendar_id,
                            struct calendar_event *out) {
    struct upstream_answer answer;
    req->is_repeatable = true; /* a new one by its transactionId; else by absolute values */
    if (req->body.ptr)
        req->content_type = "application/json";
    if (out) {
        req->paths = ONE_PATHS;
        req->read = read_one;
        req->into = out;
    }
    enum err e = upstream_call(ctx, req, &answer);
    forget(ctx, req->credential, calendar_id);
    return e;
}

static enum err insert(struct ctx *ctx, const struct upstream_credential *c,
                       const char *calendar_id, const char *key, const struct calendar_draft *draft,
                       const struct upstream_watch *watch, struct calendar_event *out) {
    struct upstream_request req =
        request(c, "POST", "events.insert",
                str_dup(ctx->arena, buf_view(path_of(ctx, calendar_id, "events"))));
    req.body = body_of(ctx, key, draft);
    req.watch = watch;
    enum err e = write_event(ctx, &req, calendar_id, out);
    if (e == ERR_PROVIDER_REJECTED && ctx->problem.upstream_status == 409)
        return ctx_fail(ctx, ERR_OUTCOME_UNKNOWN,
                        "Microsoft is still writing this. Ava sends the same again until it is "
                        "confirmed, which makes one appointment.");
    return e;
}

static enum err change(struct ctx *ctx, const struct upstream_credential *c,
                       const char *calendar_id, const char *event_id,
                       const struct calendar_draft *draft, struct calendar_event *out) {
    struct upstream_request req = request(c, "PATCH", "events.patch",
                                          str_dup(ctx->arena, buf_view(event_path(ctx, event_id))));
    req.body = body_of(ctx, NULL, draft);
    return write_event(ctx, &req, calendar_id, out);
}

static enum err remove_event(struct ctx *ctx, const struct upstream_credential *c,
                             const char *calendar_id, const char *event_id) {
    struct upstream_request req = request(c, "DELETE", "events.delete",
                                          str_dup(ctx->arena, buf_view(event_path(ctx, event_id))));
    enum err e = write_event(ctx, &req, calendar_id, NULL);
    if (e != ERR_PROVIDER_RESOURCE_NOT_FOUND)
        return e;
    ctx_clear(ctx);
    return OK;
}

/* --- calendars -------------------------------------------------------------------------------- */

struct listing {
    struct calendar_entry *out;
    size_t room, before, count; /* before: those of the pages before this one */
    const char *owner, *next;
};

static bool read_list(struct ctx *ctx, const json_t *said, void *into) {
    struct listing *l = into;
    const json_t *items = json_object_get(said, "value"), *one;
    size_t i;
    if (!json_is_array(items) || !next_of(ctx, said, &l->next))
        return false;
    l->count = l->before;
    json_array_foreach(items, i, one) {
        bool is_primary = json_is_true(json_object_get(one, "isDefaultCalendar"));
        if (l->count == l->room || !json_text(one, "id"))
            continue;
        if (is_primary || !l->owner)
            l->owner = json_text(json_object_get(one, "owner"), "address");
        l->out[l->count++] = (struct calendar_entry){
            .id = json_text(one, "id"),
            .name = json_text(one, "name"),
            .is_primary = is_primary,
            .can_write = json_is_true(json_object_get(one, "canEdit")),
        };
    }
    return true;
}

static enum err list_all(struct ctx *ctx, const struct upstream_credential *c, struct listing *l) {
    static const char *const PATHS[] = { "value[].id",
                                         "value[].name",
                                         "value[].canEdit",
                                         "value[].isDefaultCalendar",
                                         "value[].owner.address",
                                         "@odata.nextLink",
                                         NULL };
    const char *path = "/me/calendars?$top=100";
    for (int pages = 0; pages < 10 && path && l->count < l->room; pages++) {
        struct upstream_answer answer;
        struct upstream_request req = request(c, "GET", "calendars.list", path);
        req.paths = PATHS;
        req.read = read_list;
        req.into = l;
        l->before = l->count;
        TRY(upstream_call(ctx, &req, &answer));
        path = l->next;
    }
    return OK;
}

static enum err list(struct ctx *ctx, const struct upstream_credential *c,
                     struct calendar_entry *out, size_t room, size_t *count) {
    struct listing l = { .out = out, .room = room };
    TRY(list_all(ctx, c, &l));
    *count = l.count;
    return OK;
}

static enum err account(struct ctx *ctx, const struct upstream_credential *c, const char **out) {
    struct listing l = { .out = arena_alloc(ctx->arena, CALENDARS_MAX * sizeof *l.out),
                         .room = CALENDARS_MAX };
    TRY(list_all(ctx, c, &l));
    *out = l.owner ? l.owner : "";
    return OK;
}

/* --- what takes the time ---------------------------------------------------------------------- */

struct taking {
    struct zone *zone;
    struct calendar_times *out;
    size_t room, before; /* before: those of the pages before this one */
    const char *next;
};

/* One more, in an array that doubles. */
static struct calendar_busy *room_for_one(struct ctx *ctx, struct taking *t) {
    if (t->out->count == t->room) {
        size_t room = t->room ? 2 * t->room : BUSY_PAGE;
        struct calendar_busy *more = arena_alloc(ctx->arena, room * sizeof *more);
        if (t->out->count)
            memcpy(more, t->out->busy, t->out->count * sizeof *more);
        t->out->busy = more;
        t->room = room;
    }
    return &t->out->busy[t->out->count++];
}

static bool read_busy(struct ctx *ctx, const json_t *said, void *into) {
    struct taking *t = into;
    const json_t *items = json_object_get(said, "value"), *one;
    size_t i;
    if (!json_is_array(items) || !next_of(ctx, said, &t->next))
        return false;
    t->out->count = t->before;
    json_array_foreach(items, i, one) {
        struct calendar_event e;
        if (!read_event(ctx, one, &e))
            return false; /* what takes the time nobody knows when */
        if (e.is_busy)
            calendar_takes(&e, t->zone, room_for_one(ctx, t));
    }
    return true;
}

static enum err busy_of(struct ctx *ctx, const struct upstream_credential *c,
                        const struct calendar_span *span, struct taking *t) {
    const char *path = view_path(ctx, span);
    for (int pages = 0; path; pages++) {
        struct upstream_answer answer;
        struct upstream_request req = request(c, "GET", "events.busy", path);
        if (pages == BUSY_PAGES_MAX) {
            t->out->failure = "it has more events in this time than can be read at once";
            return OK;
        }
        req.paths = PAGE_PATHS;
        req.read = read_busy;
        req.into = t;
        t->before = t->out->count;
        enum err e = upstream_call(ctx, &req, &answer);
        if (e == ERR_PROVIDER_RESOURCE_NOT_FOUND) {
            ctx_clear(ctx);
            t->out->failure = "there is no such calendar, or it is not shared with this account";
            return OK;
        }
        TRY(e);
        path = t->next;
    }
    return OK;
}

static enum err busy(struct ctx *ctx, const struct upstream_credential *c, int64_t from_ms,
                     int64_t to_ms, const char *zone, struct calendar_times *calendars,
                     size_t count) {
    struct zone *z = zone_open(ctx->arena, str_of(zone));
    if (!z)
        return ctx_fail(ctx, ERR_INTERNAL, "The time zone is not known.");
    for (size_t i = 0; i < count; i++) {
        struct calendar_span span = { calendars[i].calendar_id, from_ms, to_ms, BUSY_PAGE, NULL };
        struct taking t = { .zone = z, .out = &calendars[i] };
        t.out->count = 0;
        t.out->failure = NULL;
        TRY(busy_of(ctx, c, &span, &t));
    }
    return OK;
}

const struct dialect_calendar MICROSOFT_CALENDAR = {
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

void microsoft_judge(struct ctx *ctx, int status, const json_t *said, struct refusal *out) {
    static const struct {
        const char *code;
        enum refusal_about about;
        const char *words;
    } CODES[] = {
        { "TooManyRequests", REFUSAL_THROTTLE, NULL },
        { "ApplicationThrottled", REFUSAL_THROTTLE, NULL },
        { "ErrorTooManyObjectsOpened", REFUSAL_THROTTLE, NULL },
        { "ErrorExceededConnectionCount", REFUSAL_THROTTLE, NULL },
        { "MailboxConcurrency", REFUSAL_THROTTLE, NULL },
        { "InvalidAuthenticationToken", REFUSAL_KEY, NULL },
        { "ErrorAccessDenied", REFUSAL_PERMISSION, NULL },
        { "Authorization_RequestDenied", REFUSAL_PERMISSION, NULL },
        { "ErrorItemNotFound", REFUSAL_ABSENT, NULL },
        { "ErrorFolderNotFound", REFUSAL_ABSENT, NULL },
        { "ErrorInvalidIdMalformed", REFUSAL_ABSENT, NULL },
        { "SyncStateNotFound", REFUSAL_ABSENT, NULL },
        { "resyncRequired", REFUSAL_ABSENT, NULL },
        { "MailboxNotEnabledForRESTAPI", REFUSAL_ACCOUNT, "it has no mailbox, so no calendar." },
        { "ResourceNotFound", REFUSAL_ABSENT, NULL },
        { "ErrorQuotaExceeded", REFUSAL_ACCOUNT, "its mailbox is full." },
        { "ErrorPropertyValidationFailure", REFUSAL_REQUEST,
          "a field has a value that it does not take." },
        { "ErrorInvalidRequest", REFUSAL_REQUEST, "a field has a value that it does not take." },
        { "TimeZoneNotSupportedException", REFUSAL_REQUEST, "it does not know the time zone." },
    };
    if (oauth_judge(said, out))
        return;
    const char *code = json_text(json_object_get(said, "error"), "code");
    for (size_t i = 0; code && i < ARRAY_LEN(CODES); i++)
        if (strcmp(CODES[i].code, code) == 0)
            *out = (struct refusal){ CODES[i].about, CODES[i].words };
}
