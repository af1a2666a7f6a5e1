#include "providers/google.h"

#include "base/clock.h"
#include "fixtures.h"
#include "providers/answer.h"
#include "providers/stage.h"

/* --- what it answers, on the wire -------------------------------------------------------------- */

static const json_t *example; /* that is played */

static const int64_t FROM_MS = INT64_C(1795132800000); /* 2026-11-20T00:00:00Z */
enum { DAY_MS = 24 * 3600 * 1000 };

static const json_t *event_at(const json_t *list, size_t i) {
    return json_array_get(json_object_get(list, "events"), i);
}

static json_t *read_page(struct stage *s, const char *calendar, const char *token, bool *is_stale,
                         enum err *e) {
    struct calendar_span span = { calendar, FROM_MS, FROM_MS + 7 * DAY_MS, 2, token };
    struct calendar_page page = { .answer = { .status = 0 } };
    const char *why = "";
    *is_stale = false;
    *e = GOOGLE_CALENDAR.events(stage_ctx(s), &s->credential, &span, &page, is_stale);
    return *e == OK && !*is_stale ? json_parse(s->arena, page.answer.body, &why) : NULL;
}

static void check_events(struct stage *s, const json_t *body) {
    bool is_stale;
    enum err e;
    const json_t *items = json_object_get(body, "items");
    const json_t *page = read_page(s, NULL, NULL, &is_stale, &e);
    CHECK_INT(e, OK);
    CHECK_INT(json_array_size(json_object_get(page, "events")), json_array_size(items));
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *said = json_array_get(items, i), *one = event_at(page, i);
        const json_t *start = json_object_get(said, "start");
        const char *date = json_text(start, "date");
        CHECK_TEXT(json_text(one, "id"), json_text(said, "id"));
        CHECK_TEXT(json_text(one, "title"), json_text(said, "summary"));
        CHECK_TEXT(json_text(one, "start"), date ? date : json_text(start, "dateTime"));
        CHECK_INT(json_is_true(json_object_get(one, "all_day")), date != NULL);
        CHECK_INT(json_is_true(json_object_get(one, "busy")),
                  !json_text(said, "transparency")); /* "transparent" of the day's */
        CHECK(json_is_true(json_object_get(one, "time_known")));
        const char *series = json_text(said, "recurringEventId");
        CHECK_INT(json_text(one, "series_id") != NULL, series != NULL);
    }
    const char *next = json_text(body, "nextPageToken");
    CHECK(next ? strcmp(json_text(page, "next"), next) == 0 : !json_text(page, "next"));
}

static void check_calendars(struct stage *s) {
    struct calendar_entry all[5];
    size_t count = 0;
    const char *account = NULL;
    CHECK_INT(GOOGLE_CALENDAR.list(stage_ctx(s), &s->credential, all, ARRAY_LEN(all), &count), OK);
    CHECK_INT(count, 2);
    CHECK(all[0].is_primary && all[0].can_write && !all[1].is_primary && !all[1].can_write);
    CHECK_TEXT(all[1].name, "Jours f\xc3\xa9ri\xc3\xa9s en France");
    CHECK_INT(GOOGLE_CALENDAR.account(stage_ctx(s), &s->credential, &account), OK);
    CHECK_TEXT(account, "user@example.com");
}

static void check_busy(struct stage *s) {
    struct calendar_times times[] = { { .calendar_id = NULL },
                                      { .calendar_id = "other@example.org" },
                                      { .calendar_id = "not-answered@example.org" } };
    CHECK_INT(GOOGLE_CALENDAR.busy(stage_ctx(s), &s->credential, FROM_MS, FROM_MS + DAY_MS,
                                   "Europe/Paris", times, 3),
              OK);
    CHECK(!times[0].failure && times[0].count == 1);
    CHECK_INT(times[0].busy[0].start_ms, FROM_MS + 9 * 3600 * 1000);
    CHECK_INT(times[0].busy[0].end_ms, FROM_MS + 9 * 3600 * 1000 + 30 * 60 * 1000);
    CHECK(times[1].failure && times[2].failure); /* never free */
}

static void play_example(struct stage *s) {
    const char *request = json_text(example, "request");
    if (strstr(request, "calendarList"))
        check_calendars(s);
    else if (strstr(request, "freeBusy"))
        check_busy(s);
    else
        check_events(s, json_object_get(example, "body"));
}

static void judge_example(const json_t *v) {
    struct buf text = { 0 };
    const char *body = fixtures_text(&text, json_object_get(v, "body"));
    struct scene scenes[] = { { "GET /", 200, body, NULL },
                              { "POST /freeBusy", 200, body, NULL },
                              { 0 } };
    example = v;
    stage_play(scenes, play_example);
    buf_fini(&text);
}

TEST(all_recorded_answers_are_read_right) {
    CHECK(fixtures_each("google/calendar_examples.jsonl", judge_example) >= 5);
}

/* --- what it refuses --------------------------------------------------------------------------- */

static void play_error(struct stage *s) {
    const char *expect = json_text(example, "expect");
    int status = (int)json_i64_or(example, "status", 0);
    bool is_stale;
    enum err e;
    struct calendar_span span = { NULL, FROM_MS, FROM_MS + DAY_MS, 2, NULL };
    struct calendar_page page;
    stage_ctx(s)->deadline_ms = ava_now_ms() + 900; /* too little to wait a second and ask again */
    e = GOOGLE_CALENDAR.events(&s->ctx, &s->credential, &span, &page, &is_stale);
    int asked = stage_seen(s, "GET /calendars/primary/events?");
    CHECK_INT(s->ctx.problem.upstream_status, status);
    if (strstr(expect, "refresh once")) {
        CHECK_INT(e, ERR_CREDENTIALS_REJECTED);
    } else if (strstr(expect, "drop the sync token")) {
        CHECK_INT(e, ERR_PROVIDER_RESOURCE_NOT_FOUND);
        CHECK(read_page(s, NULL, "old", &is_stale, &e) == NULL);
        CHECK(e == OK && is_stale);
    } else if (strstr(expect, "rate limit") || status == 429) {
        CHECK_INT(e, ERR_PROVIDER_RATE_LIMITED);
    } else if (status >= 500) {
        CHECK_INT(e, ERR_PROVIDER_ERROR);
        CHECK(asked > 1);
    } else {
        CHECK(strstr(expect, "not retryable") != NULL);
        CHECK_INT(e, status == 404 ? ERR_PROVIDER_RESOURCE_NOT_FOUND : ERR_PROVIDER_REJECTED);
        CHECK_INT(asked, 1);
    }
}

static void judge_error(const json_t *v) {
    struct buf text = { 0 };
    const char *body = fixtures_text(&text, json_object_get(v, "body"));
    int status = (int)json_i64_or(v, "status", 0);
    struct scene scenes[] = { { "GET /", status, body, NULL }, { 0 } };
    struct refusal refusal = refusal_by_status(status);
    struct ctx ctx = { .arena = arena_new(1 << 16) };
    if (answer_is_refusal(status))
        google_judge(&ctx, status, json_object_get(v, "body"), &refusal);
    enum outcome o = answer_outcome(status, &refusal);
    bool counts = strstr(json_text(v, "expect"), "counts for the breaker") != NULL;
    CHECK_INT(o == OUTCOME_FAIL, counts);
    arena_free(ctx.arena);
    example = v;
    stage_play(scenes, play_error);
    buf_fini(&text);
}

TEST(all_recorded_errors_mean_what_they_should) {
    CHECK(fixtures_each("google/calendar_errors.jsonl", judge_error) >= 7);
}

/* --- what is odd ------------------------------------------------------------------------------- */

static void read_odd(struct stage *s) {
    bool is_stale;
    enum err e;
    json_t *page = read_page(s, "a#b@c.example", NULL, &is_stale, &e);
    CHECK_INT(e, OK);
    CHECK_INT(stage_seen(s, "GET /calendars/a%23b%40c.example/events?"), 1);
    CHECK_INT(json_array_size(json_object_get(page, "events")), 4);
    CHECK_TEXT(json_text(event_at(page, 0), "status"), "canceled");
    CHECK(json_is_false(json_object_get(event_at(page, 0), "busy")));
    CHECK(!json_text(event_at(page, 1), "title"));
    CHECK(json_is_false(json_object_get(event_at(page, 1), "time_known")));
    CHECK_TEXT(json_text(event_at(page, 1), "start"), "2026-11-20T09:00:00");
    CHECK_TEXT(json_text(event_at(page, 2), "start"), "2026-11-20T09:00:00+01:00");
    CHECK_TEXT(json_text(event_at(page, 3), "kind"), "working_location");
    CHECK(json_is_false(json_object_get(event_at(page, 3), "busy")));
}

TEST(an_event_may_lack_anything_but_its_id_and_a_time_is_never_guessed_at) {
    static const struct scene SCENES[] = {
        { "GET /calendars/", 200,
          "{\"items\":["
          "{\"id\":\"a\",\"status\":\"cancelled\",\"start\":{\"date\":\"2026-11-20\"},"
          "\"end\":{\"date\":\"2026-11-21\"}},"
          "{\"id\":\"b\",\"start\":{\"dateTime\":\"2026-11-20T09:00:00\",\"timeZone\":\"Mars\"},"
          "\"end\":{\"dateTime\":\"2026-11-20T10:00:00\",\"timeZone\":\"Mars\"}},"
          "{\"id\":\"c\",\"start\":{\"dateTime\":\"2026-11-20T09:00:00\","
          "\"timeZone\":\"Europe/Paris\"},\"end\":{\"dateTime\":\"2026-11-20T09:30:00Z\"}},"
          "{\"id\":\"d\",\"eventType\":\"workingLocation\",\"start\":{\"date\":\"2026-11-20\"},"
          "\"end\":{\"date\":\"2026-11-21\"}},"
          "{\"id\":\"e\",\"status\":\"cancelled\"},{\"id\":7},{},null,[],\"x\","
          "{\"id\":\"f\",\"start\":{\"date\":\"2026-02-30\"},\"end\":{\"date\":\"x\"}},"
          "{\"id\":\"g\",\"start\":7,\"end\":[]}]}",
          NULL },
        { 0 }
    };
    stage_play(SCENES, read_odd);
}

static void read_nothing(struct stage *s) {
    bool is_stale;
    enum err e;
    read_page(s, NULL, NULL, &is_stale, &e);
    CHECK_INT(e, ERR_PROVIDER_BAD_RESPONSE);
}

TEST(what_is_no_page_of_events_is_no_answer) {
    static const char *const BODIES[] = { "[]", "\"x\"", "{\"items\":7}", "{\"items\":{}}", "{" };
    for (size_t i = 0; i < ARRAY_LEN(BODIES); i++) {
        struct scene scenes[] = { { "GET /", 200, BODIES[i], NULL }, { 0 } };
        stage_play(scenes, read_nothing);
    }
}

static void book_again(struct stage *s) {
    struct calendar_draft draft = { .title = "A \"visit\"",
                                    .start_ms = FROM_MS,
                                    .end_ms = FROM_MS + 1800000 };
    struct calendar_event e;
    CHECK_INT(GOOGLE_CALENDAR.insert(stage_ctx(s), &s->credential, NULL,
                                     "0123456789abcdef0123456789abcdef", &draft, NULL, &e),
              OK);
    CHECK_TEXT(e.title, "A visit");
    CHECK_INT(stage_seen(s, "\"id\":\"0123456789abcdef0123456789abcdef\""), 1);
    CHECK_INT(stage_seen(s, "GET /calendars/primary/events/0123456789abcdef0123456789abcdef "), 1);
}

TEST(an_appointment_whose_answer_got_lost_is_the_one_that_is_there) {
    static const struct scene SCENES[] = {
        { "POST /calendars/primary/events?sendUpdates=all ", 409,
          "{\"error\":{\"code\":409,\"errors\":[{\"reason\":\"duplicate\"}]}}", NULL },
        { "GET /calendars/primary/events/0123456789abcdef0123456789abcdef ", 200,
          "{\"id\":\"0123456789abcdef0123456789abcdef\",\"summary\":\"A visit\",\"start\":{"
          "\"dateTime\":\"2026-11-20T00:00:00Z\"},\"end\":{\"dateTime\":\"2026-11-20T00:30:00Z\"}}",
          NULL },
        { 0 }
    };
    stage_play(SCENES, book_again);
}

static void remove_gone(struct stage *s) {
    CHECK_INT(GOOGLE_CALENDAR.remove(stage_ctx(s), &s->credential, NULL, "x/../y"), OK);
    CHECK_INT(stage_seen(s, "DELETE /calendars/primary/events/x%2F..%2Fy?"), 1);
}

TEST(what_is_gone_already_is_removed) {
    static const struct scene SCENES[] = {
        { "DELETE /", 410, "{\"error\":{\"code\":410,\"errors\":[{\"reason\":\"deleted\"}]}}",
          NULL },
        { 0 }
    };
    stage_play(SCENES, remove_gone);
}
