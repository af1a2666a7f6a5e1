#include "service/calendars/calendar_tools.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/zone.h"
#include "service/calendars/bookings.h"
#include "service/calendars/calendar_events.h"
#include "service/calendars/free.h"
#include "service/connections/grants.h"

enum {
    MINUTE_MS = 60 * 1000,
    DAY_MS = 24 * 3600 * 1000,
    AHEAD_DAYS = 14, /* looked through when nothing else is asked for */
    SLOTS_SAID = 6,
    SLOTS_FOUND = 200,
    MINUTES_DEFAULT = 30,
    MINE_MAX = 10,
};

/* --- settings --------------------------------------------------------------------------------- */

static const char *zone_wrong(struct arena *a, const char *text) {
    return zone_open(a, str_of(text))
               ? NULL
               : "There is no such time zone; use a name like Europe/Berlin.";
}

static const char *hours_wrong(struct arena *a, const char *text) {
    int opens, ends;
    return free_hours_read(text, &opens, &ends) ? NULL : "Write the hours as 09:00-17:00.";
}

static const char *days_wrong(struct arena *a, const char *text) {
    unsigned days;
    return free_days_read(text, &days) ? NULL : "Write the days as mon,tue,wed,thu,fri.";
}

static const char *const PROVIDERS[] = { "google", "microsoft", NULL };

static const struct tool_field SETTINGS[] = {
    { .name = "provider",
      .type = TOOL_CHOICE,
      .choices = PROVIDERS,
      .about = "Whose calendar; the one that is connected when left out." },
    { .name = "calendar",
      .type = TOOL_TEXT,
      .min = 1,
      .max = 1024,
      .about = "Id of the calendar; the account's own when left out." },
    { .name = "time_zone",
      .type = TOOL_TEXT,
      .min = 1,
      .max = 64,
      .wrong = zone_wrong,
      .about = "In which times are meant and said, like Europe/Berlin; UTC when left out." },
    { .name = "hours",
      .type = TOOL_TEXT,
      .min = 1,
      .max = 20,
      .wrong = hours_wrong,
      .about = "When appointments may be, like 09:00-17:00." },
    { .name = "days",
      .type = TOOL_TEXT,
      .min = 1,
      .max = 40,
      .wrong = days_wrong,
      .about = "On which days, like mon,tue,wed,thu,fri." },
    { .name = "minutes",
      .type = TOOL_NUMBER,
      .min = FREE_MINUTES_MIN,
      .max = 480,
      .about = "How long an appointment is when nobody says; 30 when left out." },
    { .name = "gap",
      .type = TOOL_NUMBER,
      .min = 0,
      .max = 240,
      .about = "Minutes kept free before and after what is there." },
    { .name = NULL }
};

/* What the settings say, with what they leave out filled in. */
struct ground {
    enum provider p;
    const char *calendar_id; /* NULL: the account's own */
    struct zone *zone;
    struct free_query query;
};

/* The provider of the settings, or the one that is connected. */
static enum err find_provider(struct ctx *ctx, const json_t *settings, enum provider *p) {
    const char *named = json_text(settings, "provider");
    *p = named ? provider_parse(str_of(named)) : PROVIDER_COUNT;
    for (enum provider each = 0; *p == PROVIDER_COUNT && each < PROVIDER_COUNT; each++) {
        struct oauth_grant_row row;
        if (!calendars_has(each))
            continue;
        TRY(grant_find(ctx, each, &row));
        if (row.id)
            *p = each;
    }
    if (*p == PROVIDER_COUNT)
        return ctx_fail(ctx, ERR_NOT_CONNECTED, "No calendar is connected.");
    return OK;
}

static enum err find_ground(struct ctx *ctx, const struct tool_run *run, struct ground *g) {
    const char *zone = json_text(run->settings, "time_zone"),
               *hours = json_text(run->settings, "hours"), *days = json_text(run->settings, "days");
    TRY(find_provider(ctx, run->settings, &g->p));
    g->calendar_id = json_text(run->settings, "calendar");
    if (g->calendar_id && strcmp(g->calendar_id, "primary") == 0)
        g->calendar_id = NULL;
    g->zone = zone_open(ctx->arena, str_of(zone ? zone : "UTC"));
    if (!g->zone)
        return ctx_fail(ctx, ERR_INTERNAL, "The time zone of the settings is not known any more.");
    int64_t minutes =
        json_i64_or(run->args, "minutes", json_i64_or(run->settings, "minutes", MINUTES_DEFAULT));
    g->query = (struct free_query){ .calendars = { g->calendar_id },
                                    .calendar_count = 1,
                                    .minutes = (int)minutes,
                                    .step_minutes =
                                        minutes < MINUTES_DEFAULT ? (int)minutes : MINUTES_DEFAULT,
                                    .gap_minutes = (int)json_i64_or(run->settings, "gap", 0),
                                    .time_zone = zone_name(g->zone),
                                    .limit = SLOTS_FOUND };
    free_hours_read(hours ? hours : "09:00-17:00", &g->query.opens_minute, &g->query.ends_minute);
    free_days_read(days ? days : "mon,tue,wed,thu,fri", &g->query.days);
    return OK;
}

/* --- times ------------------------------------------------------------------------------------ */

/* A time that was checked; 0 when it was left out. Without an offset it is by the clocks of the zone. */
static int64_t time_of(const struct ground *g, const json_t *args, const char *name) {
    const char *text = json_text(args, name);
    int64_t ms = 0;
    if (!text || clock_parse_rfc3339(text, strlen(text), &ms))
        return ms;
    return zone_parse_local(str_of(text), &ms) ? zone_from_local_ms(g->zone, ms) : 0;
}

/* "Tuesday, 1 December, 09:00 (2026-12-01T09:00:00+01:00)": to be said, and to be sent back. */
static void say_time(struct buf *out, const struct ground *g, int64_t ms) {
    time_t local = (time_t)(ms / 1000 + zone_offset_s(g->zone, ms));
    struct tm tm;
    char said[64], exact[32];
    gmtime_r(&local, &tm);
    strftime(said, sizeof said, "%A, %-d %B, %H:%M", &tm);
    zone_rfc3339(g->zone, ms, exact);
    buf_printf(out, "%s (%s)", said, exact);
}

/* --- finding ---------------------------------------------------------------------------------- */

static const struct tool_field FIND_FIELDS[] = {
    { .name = "from",
      .type = TOOL_TIME,
      .about = "From when on to look, like 2026-12-01T09:00:00+01:00. Leave it out for now on." },
    { .name = "to", .type = TOOL_TIME, .about = "Until when to look. Leave it out for two weeks." },
    { .name = "minutes",
      .type = TOOL_NUMBER,
      .min = FREE_MINUTES_MIN,
      .max = 480,
      .about = "How long the appointment is to be. Leave it out for the usual length." },
    { .name = NULL }
};

static enum err choose_span(struct ctx *ctx, const struct ground *g, const json_t *args,
                            struct free_query *q) {
    int64_t now_ms = (ava_wall_ms() + MINUTE_MS - 1) / MINUTE_MS * MINUTE_MS;
    q->from_ms = time_of(g, args, "from");
    q->to_ms = time_of(g, args, "to");
    if (q->from_ms < now_ms)
        q->from_ms = now_ms;
    if (!q->to_ms)
        q->to_ms = q->from_ms + (int64_t)AHEAD_DAYS * DAY_MS;
    if (q->to_ms <= q->from_ms)
        ctx_field(ctx, "to", "out_of_range", "This must be later than 'from', and in the future.");
    else if (q->to_ms - q->from_ms > (int64_t)FREE_DAYS_MAX * DAY_MS)
        ctx_field(ctx, "to", "out_of_range", "This must be at most 62 days after 'from'.");
    return ctx_fields_ok(ctx);
}

static enum err unreadable(struct ctx *ctx, const struct free_answer *answer) {
    const char *why = "it could not be read";
    for (size_t i = 0; i < answer->calendar_count; i++)
        if (answer->calendars[i].failure)
            why = answer->calendars[i].failure;
    return ctx_fail(ctx, ERR_PROVIDER_BAD_RESPONSE, "Nobody knows when it is free: %s.", why);
}

/* Some of many, over all of the time rather than the first morning alone: at most three of a day. */
static void say_slots(struct buf *said, const struct ground *g, const struct free_answer *answer) {
    int64_t day = -1;
    int of_day = 0, count = 0;
    for (size_t i = 0; i < answer->count && count < SLOTS_SAID; i++) {
        int64_t start_ms = answer->slots[i].start_ms;
        int64_t its_day = (start_ms + (int64_t)zone_offset_s(g->zone, start_ms) * 1000) / DAY_MS;
        of_day = its_day == day ? of_day + 1 : 1;
        day = its_day;
        if (of_day > 3)
            continue;
        buf_text(said, count++ ? "; " : "");
        say_time(said, g, start_ms);
    }
    buf_printf(said, ". %s",
               answer->is_more || answer->count > (size_t)count
                   ? "There are others; ask for a narrower time to hear them."
                   : "There are no others.");
}

static enum err find_slot(struct ctx *ctx, struct tool_run *run) {
    struct ground g;
    struct free_answer answer;
    TRY(find_ground(ctx, run, &g));
    TRY(choose_span(ctx, &g, run->args, &g.query));
    TRY(free_find(ctx, g.p, &g.query, &answer));
    if (!answer.is_known)
        return unreadable(ctx, &answer);
    if (!answer.count) {
        buf_printf(run->said, "There is no free time of %d minutes then. Ask for another time.",
                   g.query.minutes);
        return OK;
    }
    buf_printf(run->said, "Free for %d minutes (%s): ", g.query.minutes, zone_name(g.zone));
    say_slots(run->said, &g, &answer);
    return OK;
}

const struct tool CALENDAR_FIND_SLOT = {
    .name = "calendar.find_slot",
    .group = "calendar",
    .about =
        "Finds times at which an appointment can be made. Use it before booking, and offer the "
        "caller two or three of the times it gives.",
    .fields = FIND_FIELDS,
    .settings = SETTINGS,
    .run = find_slot,
};

/* --- booking ---------------------------------------------------------------------------------- */

static const struct tool_field BOOK_FIELDS[] = {
    { .name = "start",
      .type = TOOL_TIME,
      .is_required = true,
      .about =
          "When it begins: one of the times that finding gave, as 2026-12-01T09:00:00+01:00." },
    { .name = "minutes",
      .type = TOOL_NUMBER,
      .min = FREE_MINUTES_MIN,
      .max = 480,
      .about = "How long it is to be. Leave it out for the usual length." },
    { .name = "name",
      .type = TOOL_TEXT,
      .min = 1,
      .max = 100,
      .about = "What the caller is called." },
    { .name = "title", .type = TOOL_TEXT, .min = 1, .max = 200, .about = "What it is about." },
    { .name = "email",
      .type = TOOL_EMAIL,
      .about = "The caller's e-mail address, for an invitation; only when they spelled it." },
    { .name = "note",
      .type = TOOL_TEXT,
      .min = 1,
      .max = 2000,
      .about = "What else whoever comes to the appointment should know." },
    { .name = NULL }
};

/* Is nothing there at that time, in the hours in which appointments may be? */
static enum err check_free(struct ctx *ctx, struct ground *g, int64_t start_ms, bool *is_free) {
    struct free_query q = g->query;
    struct free_answer answer;
    q.from_ms = start_ms - (int64_t)q.gap_minutes * MINUTE_MS;
    q.to_ms = start_ms + (int64_t)(q.minutes + q.gap_minutes) * MINUTE_MS;
    q.step_minutes = 1;
    TRY(free_find(ctx, g->p, &q, &answer));
    if (!answer.is_known)
        return unreadable(ctx, &answer);
    *is_free = false;
    for (size_t i = 0; i < answer.count && !*is_free; i++)
        *is_free = answer.slots[i].start_ms == start_ms;
    return OK;
}

static const char *title_of(struct ctx *ctx, const struct tool_run *run) {
    const char *title = json_text(run->args, "title"), *name = json_text(run->args, "name");
    const char *who = name ? name : run->call->caller;
    if (!title)
        title = "Appointment";
    return who ? arena_join(ctx->arena, title, ": ", who) : title;
}

static const char *text_of(struct ctx *ctx, const struct tool_run *run) {
    const char *note = json_text(run->args, "note"), *caller = run->call->caller;
    return arena_join(ctx->arena, note ? note : "", note ? "\n\n" : "", "Made on the phone by Ava",
                      caller ? " for " : "", caller ? caller : "", ".");
}

static enum err place(struct ctx *ctx, struct tool_run *run, const struct ground *g,
                      int64_t start_ms) {
    const char *email = json_text(run->args, "email");
    const char *const guests[] = { email, NULL };
    struct booking_order order = {
        .calendar_id = g->calendar_id,
        .draft = { .title = title_of(ctx, run),
                   .description = text_of(ctx, run),
                   .start_ms = start_ms,
                   .end_ms = start_ms + (int64_t)g->query.minutes * MINUTE_MS,
                   .time_zone = zone_name(g->zone),
                   .attendees = email ? guests : NULL },
        .call_id = run->call->call_id,
        .caller = run->call->caller,
        .is_alone = true,
    };
    struct operation_end end;
    enum err e = booking_place(ctx, g->p, &order, PATIENCE_NORMAL, run->claim, &end);
    run->operation_id = end.was_abandoned ? NULL : end.id;
    TRY(e);
    run->is_pending = end.is_accepted;
    return OK;
}

static enum err book(struct ctx *ctx, struct tool_run *run) {
    struct ground g;
    bool is_free;
    TRY(find_ground(ctx, run, &g));
    int64_t start_ms = time_of(&g, run->args, "start");
    if (start_ms < ava_wall_ms()) {
        ctx_field(ctx, "start", "out_of_range", "This time is over.");
        return ctx_fields_ok(ctx);
    }
    TRY(check_free(ctx, &g, start_ms, &is_free));
    if (!is_free) {
        ctx_field(ctx, "start", "taken", "This time is not free. Find another one and offer that.");
        return ctx_fields_ok(ctx);
    }
    TRY(place(ctx, run, &g, start_ms));
    buf_text(run->said, run->is_pending ? "Asked for, and not confirmed yet: " : "Booked: ");
    say_time(run->said, &g, start_ms);
    buf_printf(run->said, ", %d minutes.", g.query.minutes);
    if (run->is_pending)
        buf_text(run->said, " Say that it will be confirmed, and do not book it again.");
    return OK;
}

const struct tool CALENDAR_BOOK = {
    .name = "calendar.book",
    .group = "calendar",
    .about = "Makes an appointment. Only after the caller has agreed to that very time, and once.",
    .fields = BOOK_FIELDS,
    .settings = SETTINGS,
    .uses_max = 5,
    .run = book,
};

/* --- calling off ------------------------------------------------------------------------------ */

static const struct tool_field CANCEL_FIELDS[] = {
    { .name = "start",
      .type = TOOL_TIME,
      .about = "When the appointment begins that is to be called off. Leave it out when the caller "
               "has only one." },
    { .name = NULL }
};

static void say_which(struct tool_run *run, const struct ground *g, const struct booking_row *rows,
                      size_t count) {
    buf_text(run->said, "The caller has several appointments. Ask which one: ");
    for (size_t i = 0; i < count; i++) {
        buf_text(run->said, i ? "; " : "");
        say_time(run->said, g, rows[i].starts_ms);
    }
    buf_char(run->said, '.');
}

/* Only what Ava booked for the number that calls: nobody calls off somebody else's appointment. */
static enum err cancel(struct ctx *ctx, struct tool_run *run) {
    struct booking_row rows[MINE_MAX];
    struct ground g;
    size_t count = 0, found = 0;
    TRY(find_ground(ctx, run, &g));
    int64_t start_ms = time_of(&g, run->args, "start");
    if (run->call->caller)
        TRY(bookings_of(ctx, run->call->caller, MINE_MAX, rows, &count));
    for (size_t i = 0; start_ms && i < count; i++)
        if (rows[i].starts_ms == start_ms) {
            rows[found] = rows[i];
            found++;
        }
    if (start_ms)
        count = found;
    if (!count) {
        buf_text(run->said, "No appointment was made under this caller's number for that. Offer to "
                            "take a message.");
        return OK;
    }
    if (count > 1) {
        say_which(run, &g, rows, count);
        return OK;
    }
    const char *calendar_id =
        strcmp(rows[0].calendar_id, "primary") == 0 ? NULL : rows[0].calendar_id;
    TRY(booking_cancel(ctx, provider_parse(str_of(rows[0].provider)), calendar_id,
                       rows[0].event_id));
    buf_text(run->said, "Called off: ");
    say_time(run->said, &g, rows[0].starts_ms);
    buf_char(run->said, '.');
    return OK;
}

const struct tool CALENDAR_CANCEL = {
    .name = "calendar.cancel",
    .group = "calendar",
    .about = "Calls off an appointment that was made on the phone from the number that calls now.",
    .fields = CANCEL_FIELDS,
    .settings = SETTINGS,
    .uses_max = 5,
    .run = cancel,
};
