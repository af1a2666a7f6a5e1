#include "sandbox/pretend_calendar.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/form.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/zone.h"
#include "sandbox/control.h"
#include "sandbox/pretend_oauth.h"

enum { DAY_MS = 24 * 3600 * 1000, MINUTE_MS = 60 * 1000, DEMO_DAYS = 60, EVENTS_MAX = 20000 };

/* --- an account with something in it ---------------------------------------------------------- */

struct demo {
    struct zone *zone;
    int64_t today_ms; /* its midnight, as if the zone were UTC */
    const char *calendar;
    json_t *events;
    int count;
};

static json_t *put(struct demo *d, const char *title, int64_t start_ms, int64_t end_ms) {
    json_t *e = json_pack("{s:s, s:s?, s:I, s:I, s:s, s:s, s:s}", "calendar", d->calendar, "title",
                          title, "start_ms", (json_int_t)start_ms, "end_ms", (json_int_t)end_ms,
                          "zone", zone_name(d->zone), "kind", "default", "status", "confirmed");
    char id[32] = "";
    struct buf name = { 0 };
    buf_printf(&name, "demo%010d", d->count++);
    str_copy(id, sizeof id, buf_view(&name));
    buf_fini(&name);
    json_object_set_new(e, "id", json_string(id));
    json_object_set_new(d->events, id, e);
    return e;
}

/* day: from today on, from and to: minutes of that day by the clocks of the zone. */
static json_t *at(struct demo *d, const char *title, int day, int from, int to) {
    int64_t local_ms = d->today_ms + (int64_t)day * DAY_MS;
    return put(d, title, zone_from_local_ms(d->zone, local_ms + (int64_t)from * MINUTE_MS),
               zone_from_local_ms(d->zone, local_ms + (int64_t)to * MINUTE_MS));
}

static json_t *days(struct demo *d, const char *title, int day, int count) {
    int64_t from_ms = d->today_ms + (int64_t)day * DAY_MS;
    json_t *e = put(d, title, from_ms, from_ms + (int64_t)count * DAY_MS);
    json_object_set_new(e, "days", json_true());
    return e;
}

static void set(json_t *event, const char *name, const char *value) {
    json_object_set_new(event, name, json_string(value));
}

/* 0: Monday, ... 6: Sunday */
static int weekday_of(const struct demo *d, int day) {
    return (int)((d->today_ms / DAY_MS + day + 3) % 7);
}

static void fill_demo(struct demo *d) {
    enum { H = 60 };
    for (int day = -7; day < DEMO_DAYS; day++) {
        int weekday = weekday_of(d, day);
        if (weekday > 4)
            continue;
        set(at(d, "Team call", day, 9 * H + 30, 10 * H), "series", "demoseries1");
        if (weekday == 1)
            set(at(d, "Customer visit", day, 13 * H, 14 * H + 30), "location", "Room 2");
        if (weekday == 3)
            set(at(d, "Lunch with Kim?", day, 12 * H, 13 * H), "status", "tentative");
        if (weekday == 4)
            at(d, NULL, day, 15 * H, 16 * H); /* a private one */
    }
    json_object_set_new(days(d, "Birthday of Sam", 2, 1), "kind", json_string("birthday"));
    json_object_set_new(days(d, "Home", 3, 1), "kind", json_string("working_location"));
    json_object_set_new(days(d, "Trade fair", 9, 2), "kind", json_string("out_of_office"));
    json_object_set_new(at(d, "Yoga", 1, 18 * H, 19 * H), "free", json_true());
    set(at(d, "Called off", 1, 11 * H, 12 * H), "status", "canceled");
}

static json_t *make(struct arena *a, const char *name) {
    struct demo d = { .zone = zone_open(a, STR("Europe/Berlin")), .calendar = name };
    json_t *account =
        json_pack("{s:[{s:s, s:s, s:b, s:b, s:s}, {s:s, s:s, s:b, s:b, s:s}], s:{}}", "calendars",
                  "id", name, "name", "Calendar", "primary", 1, "can_write", 1, "zone",
                  "Europe/Berlin", "id", "holidays@demo.example", "name", "Holidays", "primary", 0,
                  "can_write", 0, "zone", "Europe/Berlin", "events");
    int64_t now_ms = ava_wall_ms();
    d.today_ms = (now_ms + (int64_t)zone_offset_s(d.zone, now_ms) * 1000) / DAY_MS * DAY_MS;
    d.events = json_object_get(account, "events");
    fill_demo(&d);
    d.calendar = "holidays@demo.example";
    days(&d, "A holiday", 5, 1);
    return account;
}

json_t *pretend_calendar_account(struct pretend_world *world, struct arena *a,
                                 const char *account) {
    if (!world->accounts)
        world->accounts = json_object();
    json_t *all = json_object_get(world->accounts, "calendars");
    if (!all) {
        all = json_object();
        json_object_set_new(world->accounts, "calendars", all);
    }
    json_t *found = json_object_get(all, account);
    if (!found && json_object_size(all) < PRETEND_ACCOUNTS_MAX) {
        found = make(a, account);
        json_object_set_new(all, account, found);
    }
    return found;
}

const json_t *pretend_calendar_find(const json_t *account, const char *id) {
    const json_t *all = json_object_get(account, "calendars"), *one;
    size_t i;
    if (!id || strcmp(id, "primary") == 0)
        return json_array_get(all, 0);
    json_array_foreach(all, i, one) {
        if (strcmp(json_text(one, "id"), id) == 0)
            return one;
    }
    return NULL;
}

bool pretend_calendar_unreadable(struct pretend_world *world, const char *id) {
    const json_t *list = json_object_get(pretend_oauth_settings(world), "unreadable"), *one;
    size_t i;
    json_array_foreach(list, i, one) {
        if (json_is_string(one) && strcmp(json_string_value(one), id) == 0)
            return true;
    }
    return false;
}

/* --- lists and pages -------------------------------------------------------------------------- */

static int by_start(const void *a, const void *b) {
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int64_t at_x = json_i64_or(x, "start_ms", 0), at_y = json_i64_or(y, "start_ms", 0);
    return at_x != at_y ? (at_x > at_y) - (at_x < at_y)
                        : strcmp(json_text(x, "id"), json_text(y, "id"));
}

json_t *pretend_calendar_span(const json_t *account, const json_t *calendar, int64_t from_ms,
                              int64_t to_ms) {
    json_t *events = json_object_get(account, "events"), *one, *list = json_array();
    json_t **found = malloc((json_object_size(events) + 1) * sizeof(json_t *));
    size_t count = 0;
    const char *id;
    if (!found)
        abort();
    json_object_foreach(events, id, one) {
        if (strcmp(json_text(one, "calendar"), json_text(calendar, "id")) == 0 &&
            json_i64_or(one, "end_ms", 0) > from_ms && json_i64_or(one, "start_ms", 0) < to_ms)
            found[count++] = one;
    }
    qsort(found, count, sizeof(json_t *), by_start);
    for (size_t i = 0; i < count; i++)
        json_array_append(list, found[i]);
    free(found);
    return list;
}

/* Tokens of pages that were given before this one are none any more. */
static int64_t generation_of(struct pretend_world *world) {
    return json_i64_or(json_object_get(world->accounts, "pages"), "generation", 1);
}

bool pretend_calendar_page(struct pretend_world *world, struct arena *a, const json_t *list,
                           const char *token, int64_t asked, struct pretend_page *out) {
    int64_t bound = json_i64_or(pretend_oauth_settings(world), "page_size", PRETEND_PAGE_MAX);
    int64_t from = 0, generation = 0;
    if (token) {
        struct str rest, head = str_cut(str_of(token), '.', &rest);
        if (!str_to_i64(head, 0, INT32_MAX, &from) || !rest.ptr ||
            !str_to_i64(rest, 0, INT32_MAX, &generation) || generation != generation_of(world))
            return false;
    }
    size_t count = json_array_size(list), size = (size_t)(asked < bound ? asked : bound);
    out->from = (size_t)from < count ? (size_t)from : count;
    out->to = out->from + size < count ? out->from + size : count;
    out->next = out->to < count
                    ? arena_printf(a, "%zu.%lld", out->to, (long long)generation_of(world))
                    : NULL;
    return true;
}

/* --- what is done to them beside the API ------------------------------------------------------ */

static enum err stage_settings(struct pretend_world *world, struct ctx *ctx, json_t *body) {
    static const char *const KNOWN[] = { "life_s",  "rotates",   "grace_s",
                                         "refresh", "page_size", "unreadable" };
    static const char *const NUMBERS[] = { "life_s", "grace_s", "page_size" };
    control_refuse_unknown(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
    for (size_t i = 0; i < ARRAY_LEN(NUMBERS); i++) {
        const json_t *value = json_object_get(body, NUMBERS[i]);
        if (value && (!json_is_integer(value) || json_integer_value(value) < (i == 2 ? 1 : 0) ||
                      json_integer_value(value) > 86400))
            ctx_field_range(ctx, NUMBERS[i], "out_of_range", i == 2 ? 1 : 0, 86400,
                            "This must be a whole number up to 86400.");
    }
    if (json_object_get(body, "unreadable") && !json_is_array(json_object_get(body, "unreadable")))
        ctx_field(ctx, "unreadable", "wrong_type", "This must be a list of calendar ids.");
    TRY(ctx_fields_ok(ctx));
    const char *name;
    json_t *value, *settings = pretend_oauth_settings(world);
    json_object_foreach(body, name, value)
        json_object_set_new(settings, name, json_deep_copy(value));
    return OK;
}

/* An event as it is, over one of that id. */
static enum err stage_event(struct pretend_world *world, struct ctx *ctx, json_t *body) {
    const char *account = json_text(body, "account"), *id = json_text(body, "id");
    json_t *of = account ? pretend_calendar_account(world, ctx->arena, account) : NULL;
    json_t *events = json_object_get(of, "events");
    if (!account)
        ctx_field(ctx, "account", "required", "Say whose event it is.");
    if (!id)
        ctx_field(ctx, "id", "required", "Give it an id.");
    if (!json_is_integer(json_object_get(body, "start_ms")) ||
        !json_is_integer(json_object_get(body, "end_ms")))
        ctx_field(ctx, "start_ms", "required", "Send start_ms and end_ms.");
    TRY(ctx_fields_ok(ctx));
    if (json_object_size(events) >= EVENTS_MAX)
        return ctx_fail(ctx, ERR_OVERLOADED, "There are %d events already.", EVENTS_MAX);
    json_t *event = json_pack("{s:s, s:s, s:s, s:s, s:s}", "calendar", account, "title", "", "kind",
                              "default", "status", "confirmed", "zone", "UTC");
    json_t *sent = json_deep_copy(body);
    json_object_del(sent, "account");
    json_object_update_new(event, sent);
    json_object_set_new(events, id, event);
    return OK;
}

static void list_events(struct pretend_world *world, const struct http_req *req,
                        struct http_reply *reply) {
    struct form form = { 0 };
    struct str account = { NULL, 0 };
    if (form_parse(req->arena, req->query, &form))
        account = form_find(&form, "account");
    json_t *list = json_array(), *one;
    const char *id;
    if (account.ptr) {
        json_t *of = pretend_calendar_account(world, req->arena, str_dup(req->arena, account));
        json_object_foreach(json_object_get(of, "events"), id, one) json_array_append(list, one);
    }
    pretend_reply_new(reply, 200, json_pack("{s:o}", "events", list));
}

enum err pretend_calendar_stage(struct pretend_world *world, struct ctx *ctx,
                                const struct http_req *req, struct str tail, json_t *body,
                                struct http_reply *reply) {
    bool is_post = req->method == METHOD_POST;
    if (!world->accounts)
        world->accounts = json_object();
    if (!is_post && str_is(tail, "events")) {
        list_events(world, req, reply);
        return OK;
    }
    if (!is_post && str_is(tail, "grants")) {
        pretend_reply_new(reply, 200, json_pack("{s:O}", "grants", pretend_oauth_grants(world)));
        return OK;
    }
    if (!is_post)
        return ctx_fail(ctx, ERR_NOT_FOUND, "The sandbox has nothing at this address.");
    if (str_is(tail, "settings"))
        TRY(stage_settings(world, ctx, body));
    else if (str_is(tail, "events"))
        TRY(stage_event(world, ctx, body));
    else if (str_is(tail, "revoke"))
        pretend_oauth_end(world, json_text(body, "account"));
    else if (str_is(tail, "expire"))
        pretend_oauth_expire(world);
    else if (str_is(tail, "stale"))
        json_object_set_new(
            world->accounts, "pages",
            json_pack("{s:I}", "generation", (json_int_t)(generation_of(world) + 1)));
    else
        return ctx_fail(ctx, ERR_NOT_FOUND, "The sandbox has nothing at this address.");
    pretend_reply_new(reply, 200, json_pack("{s:b}", "done", 1));
    return OK;
}
