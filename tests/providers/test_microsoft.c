#include "providers/microsoft.h"

#include "base/clock.h"
#include "fixtures.h"
#include "providers/answer.h"
#include "providers/stage.h"

static const json_t *example; /* that is played */

static const int64_t FROM_MS = INT64_C(1795132800000); /* 2026-11-20T00:00:00Z */
enum { DAY_MS = 24 * 3600 * 1000 };

/* --- what it answers, on the wire -------------------------------------------------------------- */

static const json_t *event_at(const json_t *list, size_t i) {
    return json_array_get(json_object_get(list, "events"), i);
}

static json_t *read_page(struct stage *s, const char *calendar, const char *token, bool *is_stale,
                         enum err *e) {
    struct calendar_span span = { calendar, FROM_MS, FROM_MS + 7 * DAY_MS, 2, token };
    struct calendar_page page = { .answer = { .status = 0 } };
    const char *why = "";
    *is_stale = false;
    *e = MICROSOFT_CALENDAR.events(stage_ctx(s), &s->credential, &span, &page, is_stale);
    return *e == OK && !*is_stale ? json_parse(s->arena, page.answer.body, &why) : NULL;
}

static void check_events(struct stage *s, const json_t *body) {
    bool is_stale;
    enum err e;
    size_t known = 0;
    const json_t *items = json_object_get(body, "value");
    const json_t *page = read_page(s, NULL, NULL, &is_stale, &e);
    CHECK_INT(e, OK);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *said = json_array_get(items, i);
        if (!json_text(said, "id")) /* the documentation shows "datetime-value" */
            continue;
        const json_t *one = event_at(page, known++);
        CHECK_TEXT(json_text(one, "title"), json_text(said, "subject"));
        CHECK_TEXT(json_text(one, "start"), "2017-04-21T10:00:00-07:00"); /* Pacific, in summer */
        CHECK_TEXT(json_text(one, "end"), "2017-04-21T12:00:00-07:00");
        CHECK_TEXT(json_text(one, "location"), "Assembly Hall");
    }
    CHECK_INT(json_array_size(json_object_get(page, "events")), known);
}

static void check_calendars(struct stage *s) {
    struct calendar_entry all[5];
    size_t count = 0;
    const char *account = NULL;
    CHECK_INT(MICROSOFT_CALENDAR.list(stage_ctx(s), &s->credential, all, ARRAY_LEN(all), &count),
              OK);
    CHECK_INT(count, 1);
    CHECK_TEXT(all[0].id, "AAMkAGI2TGuLAAA=");
    CHECK(all[0].can_write);
    CHECK_INT(MICROSOFT_CALENDAR.account(stage_ctx(s), &s->credential, &account), OK);
    CHECK(strstr(account, "samanthab@"));
}

static void check_insert(struct stage *s, const json_t *body) {
    struct calendar_draft draft = { .title = "x", .start_ms = FROM_MS, .end_ms = FROM_MS + 60000 };
    struct calendar_event e;
    CHECK_INT(MICROSOFT_CALENDAR.insert(stage_ctx(s), &s->credential, NULL,
                                        "0123456789abcdef0123456789abcdef", &draft, NULL, &e),
              OK);
    CHECK_TEXT(e.id, json_text(body, "id"));
    CHECK_TEXT(e.time_zone, "Pacific Standard Time");
    CHECK(e.is_placed && e.is_busy && !e.is_all_day);
    CHECK_INT(stage_seen(s, "\"transactionId\":\"0123456789abcdef0123456789abcdef\""), 1);
    CHECK_INT(stage_seen(s, "Prefer: outlook.timezone=\"UTC\""), 1);
}

static void check_error(struct stage *s, int status, const char *expect) {
    bool is_stale;
    struct calendar_span span = { NULL, FROM_MS, FROM_MS + DAY_MS, 2, NULL };
    struct calendar_page page;
    stage_ctx(s)->deadline_ms = ava_now_ms() + 900; /* too little to wait a second and ask again */
    enum err e = MICROSOFT_CALENDAR.events(&s->ctx, &s->credential, &span, &page, &is_stale);
    int asked = stage_seen(s, "GET /me/calendarView?");
    CHECK_INT(s->ctx.problem.upstream_status, status);
    if (status == 429) {
        CHECK_INT(e, ERR_PROVIDER_RATE_LIMITED);
        CHECK_INT(s->ctx.problem.retry_after_s, 3); /* 2.128, and never too early */
        CHECK_INT(asked, 1);
    } else if (strstr(expect, "refresh once")) {
        CHECK_INT(e, ERR_CREDENTIALS_REJECTED);
    } else if (strstr(expect, "missing consent")) {
        CHECK_INT(e, ERR_PERMISSION_DENIED);
        CHECK_INT(asked, 1);
    } else if (strstr(expect, "drop the delta token")) {
        CHECK_INT(e, ERR_PROVIDER_RESOURCE_NOT_FOUND);
        CHECK(read_page(s, NULL, "/me/calendarView?$skip=2", &is_stale, &e) == NULL);
        CHECK(e == OK && is_stale);
    } else if (strstr(expect, "counts for the breaker")) {
        CHECK_INT(e, ERR_PROVIDER_ERROR);
    } else {
        CHECK(strstr(expect, "not retryable") != NULL);
        CHECK_INT(e, ERR_PROVIDER_RESOURCE_NOT_FOUND);
        CHECK_INT(asked, 1);
    }
}

static void play(struct stage *s) {
    const json_t *request = json_object_get(example, "request");
    const json_t *body = json_object_get(example, "body");
    const char *url = json_text(request, "url"), *expect = json_text(example, "expect");
    int status = (int)json_i64_or(example, "status", 0);
    if (status >= 400)
        check_error(s, status, expect ? expect : "");
    else if (strcmp(json_text(request, "method"), "POST") == 0)
        check_insert(s, body);
    else if (strstr(url, "/me/calendars"))
        check_calendars(s);
    else
        check_events(s, body);
}

static void judge(const json_t *v) {
    struct buf text = { 0 };
    char headers[200] = "";
    const char *body = fixtures_text(&text, json_object_get(v, "body"));
    int status = (int)json_i64_or(v, "status", 0);
    const char *after = json_text(json_object_get(v, "headers"), "Retry-After");
    if (after)
        snprintf(headers, sizeof headers, "Retry-After: %s\r\n", after);
    struct scene scenes[] = { { "GET /me/", status, body, headers },
                              { "POST /me/events ", status, body, headers },
                              { 0 } };
    struct refusal refusal = refusal_by_status(status);
    struct ctx ctx = { .arena = arena_new(1 << 16) };
    if (answer_is_refusal(status))
        microsoft_judge(&ctx, status, json_object_get(v, "body"), &refusal);
    CHECK_INT(answer_outcome(status, &refusal) == OUTCOME_FAIL, status >= 500);
    arena_free(ctx.arena);
    example = v;
    stage_play(scenes, play);
    buf_fini(&text);
}

TEST(all_recorded_answers_are_read_right) {
    CHECK(fixtures_each("microsoft/graph_examples.jsonl", judge) >= 7);
}

TEST(all_recorded_errors_mean_what_they_should) {
    CHECK(fixtures_each("microsoft/graph_errors.jsonl", judge) >= 6);
}

/* --- what is odd ------------------------------------------------------------------------------- */

#define AT(time, zone) "{\"dateTime\":\"" time "\",\"timeZone\":\"" zone "\"}"

static void read_odd(struct stage *s) {
    bool is_stale;
    enum err e;
    json_t *page = read_page(s, "A/b=", NULL, &is_stale, &e);
    CHECK_INT(e, OK);
    CHECK_INT(stage_seen(s, "GET /me/calendars/A%2Fb%3D/calendarView?"), 1);
    CHECK_INT(json_array_size(json_object_get(page, "events")), 5);
    CHECK_TEXT(json_text(event_at(page, 0), "start"), "2026-11-20");
    CHECK_TEXT(json_text(event_at(page, 0), "end"), "2026-11-21");
    CHECK(!json_text(event_at(page, 0), "title"));
    CHECK(json_is_false(json_object_get(event_at(page, 1), "time_known")));
    CHECK_TEXT(json_text(event_at(page, 1), "time_zone"), "Customized Time Zone");
    CHECK_TEXT(json_text(event_at(page, 2), "start"), "2026-11-20T10:00:00+01:00");
    CHECK_TEXT(json_text(event_at(page, 2), "status"), "tentative");
    CHECK_TEXT(json_text(event_at(page, 3), "status"), "canceled");
    CHECK(json_is_false(json_object_get(event_at(page, 3), "busy")));
    CHECK_TEXT(json_text(event_at(page, 4), "kind"), "working_location");
    CHECK(json_is_false(json_object_get(event_at(page, 4), "busy")));
}

TEST(an_event_may_lack_anything_but_its_id_and_a_time_is_never_guessed_at) {
    static const struct scene SCENES[] = { { "GET /me/", 200,
                                             "{\"value\":["
                                             "{\"id\":\"a\",\"subject\":\"\",\"isAllDay\":true,"
                                             "\"start\":" AT(
                                                 "2026-11-20T00:00:00.0000000", "W. Europe "
                                                                                "Standard Time") ","
                                                                                                 "\"end\":" AT("2026-11-21T00:00:00.0000000", "W. Europe Standard Time") "},"
                                                                                                                                                                         "{\"id\":\"b\",\"start\":" AT("2026-11-20T09:00:00", "Customized Time Zone") ",\"end\":" AT("2026-11-20T10:00:00", "Customized Time Zone") "},"
                                                                                                                                                                                                                                                                                                                    "{\"id\":\"c\",\"showAs\":\"tentative\",\"start\":" AT("2026-11-20T10:00:00.0000000", "W. Europe Standard Time") ",\"end\":" AT("2026-11-20T10:00:00.0000000",
                                                                                                                                                                                                                                                                                                                                                                                                                                                    "UTC") "},"
                                                                                                                                                                                                                                                                                                                                                                                                                                                           "{\"id\":\"d\",\"isCancelled\":true,\"showAs\":\"busy\",\"start\":" AT(
                                                                                                                                                                                                                                                                                                                                                                                                                                                               "2026-11-20T10:00:00", "UTC") ",\"end\":" AT("2026-11-20T11:00:00", "UTC") "},"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                          "{\"id\":\"e\",\"showAs\":\"workingElsewhere\",\"start\":" AT("2026-11-20T10:00:00",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        "UTC") ",\"end\":" AT("2026-11-20T11:00:00", "UTC") "},"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "{\"id\":\"f\"},{},7,null,[],{\"id\":\"g\",\"start\":" AT("soon",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      "UTC") ",\"end\":" AT("later",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "UTC") "}]}",
                                             NULL },
                                           { 0 } };
    stage_play(SCENES, read_odd);
}

static const char *next;
static enum err expected;

static void read_next(struct stage *s) {
    bool is_stale;
    enum err e;
    char body[300];
    struct scene scenes[] = { { "GET /me/", 200, body, NULL }, { 0 } };
    snprintf(body, sizeof body, "{\"value\":[],\"@odata.nextLink\":\"%s%s\"}",
             next[0] == '/' ? s->config.microsoft_api_base_url : "", next);
    s->scenes = scenes;
    json_t *page = read_page(s, NULL, NULL, &is_stale, &e);
    if (e != expected)
        print_error("%s\n", next);
    CHECK_INT(e, expected);
    if (e == OK)
        CHECK_TEXT(json_text(page, "next"), next);
}

TEST(the_next_page_is_followed_as_it_stands_and_never_to_somebody_else) {
    static const struct {
        const char *next;
        enum err e;
    } CASES[] = {
        { "/me/calendarView?$skip=10&a=%2B", OK },
        { "/me/../../elsewhere", ERR_PROVIDER_BAD_RESPONSE },
        { "/users/x/calendarView", ERR_PROVIDER_BAD_RESPONSE },
        { "/me/a b", ERR_PROVIDER_BAD_RESPONSE },
        { "https://evil.example/me/calendarView", ERR_PROVIDER_BAD_RESPONSE },
        { "http://127.0.0.1.evil.example/me/", ERR_PROVIDER_BAD_RESPONSE },
    };
    static const struct scene NONE[] = { { 0 } };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        next = CASES[i].next;
        expected = CASES[i].e;
        stage_play(NONE, read_next);
    }
}

static void take_time(struct stage *s) {
    struct calendar_times times[] = { { .calendar_id = NULL } };
    enum err e = MICROSOFT_CALENDAR.busy(stage_ctx(s), &s->credential, FROM_MS, FROM_MS + DAY_MS,
                                         "Europe/Paris", times, 1);
    CHECK_INT(e, expected);
    if (e != OK)
        return;
    CHECK(!times[0].failure && times[0].count == 2);
    CHECK_INT(times[0].busy[0].start_ms, FROM_MS - 3600 * 1000); /* a day in Paris */
    CHECK_INT(times[0].busy[0].end_ms, FROM_MS + 23 * 3600 * 1000);
    CHECK_INT(times[0].busy[1].start_ms, FROM_MS + (9 - 14) * 3600 * 1000); /* nobody knows */
    CHECK_INT(times[0].busy[1].end_ms, FROM_MS + (10 + 12) * 3600 * 1000);
}

TEST(what_nobody_can_place_takes_all_it_could_take_and_what_has_no_time_is_no_answer) {
    static const struct scene PLACED[] = {
        { "GET /me/", 200,
          "{\"value\":[{\"id\":\"a\",\"isAllDay\":true,\"start\":" AT("2026-11-20T00:00:00", "x") ",\"end\":" AT(
              "2026-11-21T00:00:00",
              "x") "},"
                   "{\"id\":\"b\",\"start\":" AT(
                       "2026-11-20T09:00:00",
                       "Custom"
                       "ized "
                       "Time "
                       "Zone") ",\"end\":" AT("2026-11-20T10:00:00",
                                              "Customized Time Zone") "},"
                                                                      "{\"id\":\"c\",\"showAs\":"
                                                                      "\"free\",\"start\":" AT(
                                                                          "2026-11-20T10:00:00",
                                                                          "UTC") ",\"end\":" AT("20"
                                                                                                "26"
                                                                                                "-"
                                                                                                "11"
                                                                                                "-"
                                                                                                "20"
                                                                                                "T1"
                                                                                                "1"
                                                                                                ":0"
                                                                                                "0:"
                                                                                                "0"
                                                                                                "0",
                                                                                                "UT"
                                                                                                "C") "}]}",
          NULL },
        { 0 }
    };
    static const struct scene NOT[] = { { "GET /me/", 200, "{\"value\":[{\"id\":\"a\"}]}", NULL },
                                        { 0 } };
    expected = OK;
    stage_play(PLACED, take_time);
    expected = ERR_PROVIDER_BAD_RESPONSE;
    stage_play(NOT, take_time);
}
