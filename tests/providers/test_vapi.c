#include "test.h"

#include "base/json.h"
#include "providers/stage.h"
#include "providers/vapi_assistants.h"
#include "providers/vapi_calls.h"

#define ASSISTANT(rest) "{\"id\":\"asst\",\"updatedAt\":\"2026-11-20T08:00:00.000Z\"" rest "}"
#define VOICE(v)        ASSISTANT(",\"firstMessage\":\"Hi\",\"maxDurationSeconds\":600,\"voice\":" v)

static json_t *json_of(struct stage *s, const char *text) {
    const char *why;
    json_t *tree = json_parse(s->arena, str_of(text), &why);
    CHECK(tree != NULL);
    return tree;
}

TEST(the_speed_range_follows_the_voice_within_avas_own) {
    static const struct {
        const char *voice;
        double min, max; /* 0, 0: no speed */
    } CASES[] = {
        { "{\"provider\":\"11labs\"}", 0.7, 1.2 },
        { "{\"provider\":\"vapi\"}", 0.5, 1.2 },
        { "{\"provider\":\"openai\"}", 0.5, 1.2 },
        { "{\"provider\":\"azure\"}", 0.5, 1.2 },
        { "{\"provider\":\"playht\"}", 0.5, 1.2 },
        { "{\"provider\":\"xai\"}", 0.7, 1.2 },
        { "{\"provider\":\"smallest-ai\"}", 0.5, 1.2 },
        { "{\"provider\":\"deepgram\"}", 0, 0 },
        { "{\"provider\":\"cartesia\",\"model\":\"sonic-3\"}", 0.6, 1.2 },
        { "{\"provider\":\"cartesia\",\"model\":\"sonic-2\"}", 0, 0 },
        { "{\"provider\":\"cartesia\"}", 0, 0 },
        { "{}", 0, 0 },
        { "{\"provider\":7}", 0, 0 },
        { "null", 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        double min = 0, max = 0;
        json_t *voice = json_loads(CASES[i].voice, JSON_DECODE_ANY, NULL);
        CHECK(vapi_voice_speed_range(voice, &min, &max) == (CASES[i].max > 0));
        CHECK(min == CASES[i].min && max == CASES[i].max);
        json_decref(voice);
    }
}

static void read_settings(struct stage *s) {
    struct upstream_answer out;
    CHECK_INT(vapi_settings_read(stage_ctx(s), &s->credential, "asst", &out), OK);
    json_t *tree = json_of(s, str_dup(s->arena, out.body));
    json_t *list = json_object_get(tree, "settings");
    CHECK_INT(json_array_size(list), 3);
    CHECK_TEXT(json_text(json_array_get(list, 0), "value"), "Hi");
    CHECK_TEXT(json_text(json_array_get(list, 2), "updated_at"), "2026-11-20T08:00:00.000Z");
    CHECK(stage_seen(s, "Authorization: Bearer key-of-the-test\r\n") == 1);
    CHECK(stage_seen(s, "traceparent: 00-") == 1 && stage_seen(s, "X-Correlation-ID: ") == 1);
    CHECK_INT(vapi_settings_read(stage_ctx(s), &s->credential, "asst", &out), OK);
    CHECK(out.is_cached && stage_seen(s, "GET /assistant/asst ") == 1);
}

TEST(settings_are_read_from_the_assistant_and_then_from_the_cache) {
    static const struct scene SCENES[] = {
        { "GET /assistant/asst ", 200, VOICE("{\"provider\":\"vapi\",\"speed\":1}"), NULL }, { 0 }
    };
    stage_play(SCENES, read_settings);
}

static void bad_answers(struct stage *s) {
    static const char *const IDS[] = { "no-id", "no-json", "list", "bad-date" };
    for (size_t i = 0; i < ARRAY_LEN(IDS); i++) {
        struct upstream_answer out;
        s->credential.id = IDS[i]; /* a breaker of its own */
        struct ctx *ctx = stage_ctx(s);
        ctx->deadline_ms = ava_now_ms() + 150; /* too little for a retry */
        CHECK_INT(vapi_settings_read(ctx, &s->credential, IDS[i], &out), ERR_PROVIDER_BAD_RESPONSE);
        CHECK_TEXT(ctx->problem.service, "vapi");
    }
}

TEST(an_answer_of_another_shape_is_never_taken_for_settings) {
    static const struct scene SCENES[] = {
        { "GET /assistant/no-id ", 200, "{\"updatedAt\":\"2026-11-20T08:00:00.000Z\"}", NULL },
        { "GET /assistant/no-json ", 200, "<html>", NULL },
        { "GET /assistant/list ", 200, "[]", NULL },
        { "GET /assistant/bad-date ", 200, "{\"id\":\"a\",\"updatedAt\":\"yesterday\"}", NULL },
        { 0 },
    };
    stage_play(SCENES, bad_answers);
}

/* K3: content is nobody's failure. */
static void odd_assistants(struct stage *s) {
    static const char *const IDS[] = { "name", "number", "real", "greeting", "broken", "deep" };
    for (size_t i = 0; i < ARRAY_LEN(IDS); i++) {
        struct upstream_answer out;
        CHECK_INT(vapi_settings_read(stage_ctx(s), &s->credential, IDS[i], &out), OK);
        CHECK(str_find(out.body, STR("\"key\":\"max_call_duration\",\"value\":600")) > 0);
    }
    struct upstream_answer out;
    struct ctx *ctx = stage_ctx(s);
    CHECK_INT(vapi_settings_read(ctx, &s->credential, "date", &out), ERR_PROVIDER_BAD_RESPONSE);
    CHECK_INT(ctx->attempts, 1); /* asking again would bring the same */
}

TEST(odd_content_of_an_answer_is_read_past_and_never_counts_against_the_provider) {
    static const struct scene SCENES[] = {
        { "GET /assistant/name ", 200,
          ASSISTANT(",\"maxDurationSeconds\":600,\"name\":\"Night desk \\udd25\""), NULL },
        { "GET /assistant/number ", 200,
          ASSISTANT(",\"metadata\":{\"ticket\":-10000000000000000000},\"maxDurationSeconds\":600"),
          NULL },
        { "GET /assistant/real ", 200,
          ASSISTANT(",\"transcriber\":{\"gain\":-1e5000},\"maxDurationSeconds\":600"), NULL },
        { "GET /assistant/greeting ", 200,
          ASSISTANT(",\"firstMessage\":7,\"voice\":\"none\",\"maxDurationSeconds\":600"), NULL },
        { "GET /assistant/broken ", 200,
          ASSISTANT(",\"name\":\"a\x01\xC3(\",\"name\":\"\\u0000\",\"maxDurationSeconds\":600"),
          NULL },
        { "GET /assistant/deep ", 200,
          ASSISTANT(",\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
                    "]]]]]]]]]],"
                    "\"maxDurationSeconds\":600"),
          NULL },
        { "GET /assistant/date ", 200, "{\"id\":\"a\",\"updatedAt\":\"yesterday\"}", NULL },
        { 0 },
    };
    stage_play(SCENES, odd_assistants);
}

/* As service/assistants/settings does it. */
static enum err write_setting(struct stage *s, const char *id, enum vapi_setting what,
                              const json_t *value, const char *etag) {
    struct ctx *ctx = stage_ctx(s);
    struct upstream_answer out;
    const json_t *assistant, *now;
    struct str patch;
    TRY(vapi_assistant_read(ctx, &s->credential, id, &assistant));
    TRY(vapi_setting_patch(ctx, assistant, what, value, etag, &patch));
    return vapi_assistant_write(ctx, &s->credential, id, patch, &now, &out);
}

static void change(struct stage *s, const char *assistant, enum vapi_setting what,
                   const char *value, enum err expected) {
    enum err e = write_setting(s, assistant, what, json_of(s, value), NULL);
    if (e != expected)
        print_error("%s: %s\n", assistant, s->ctx.problem.detail ? s->ctx.problem.detail : "");
    CHECK_INT(e, expected);
}

static void change_speeds(struct stage *s) {
    change(s, "labs", VAPI_SPEED, "1.1", OK);
    CHECK_INT(
        stage_seen(
            s,
            "{\"voice\":{\"provider\":\"11labs\",\"voiceId\":\"x\",\"extra\":[1],\"speed\":1.1}}"),
        1);
    change(s, "labs", VAPI_SPEED, "0.6", ERR_INVALID);
    CHECK(s->ctx.problem.fields[0].has_range && s->ctx.problem.fields[0].min == 0.7);
    change(s, "none", VAPI_SPEED, "1", ERR_INVALID);
    change(s, "cartesia", VAPI_SPEED, "0.9", OK);
    CHECK_INT(stage_seen(s, "\"generationConfig\":{\"volume\":1,\"speed\":0.9}"), 1);
    change(s, "cartesia-null", VAPI_SPEED, "0.8", OK);
    CHECK_INT(stage_seen(s, "\"generationConfig\":{\"speed\":0.8}"), 1);
    change(s, "labs", VAPI_GREETING, "\"Hello \\u00e9\"", OK);
    CHECK_INT(stage_seen(s, "{\"firstMessage\":\"Hello "
                            "\xc3\xa9\",\"firstMessageMode\":\"assistant-speaks-first\"}"),
              1);
    change(s, "labs", VAPI_DURATION, "900", OK);
    CHECK_INT(stage_seen(s, "{\"maxDurationSeconds\":900}"), 1);
    CHECK_INT(write_setting(s, "labs", VAPI_DURATION, json_of(s, "900"), "\"other\""),
              ERR_VERSION_CONFLICT);
}

TEST(a_change_patches_only_what_belongs_to_it_and_the_voice_goes_back_whole) {
#define LABS VOICE("{\"provider\":\"11labs\",\"voiceId\":\"x\",\"extra\":[1]}")
#define CARTESIA(config)                                                        \
    VOICE("{\"provider\":\"cartesia\",\"voiceId\":\"x\",\"model\":\"sonic-3\"," \
          "\"generationConfig\":" config "}")
    static const struct scene SCENES[] = {
        { "GET /assistant/labs ", 200, LABS, NULL },
        { "PATCH /assistant/labs ", 200, LABS, NULL },
        { "GET /assistant/none ", 200, ASSISTANT(""), NULL },
        { "GET /assistant/cartesia ", 200, CARTESIA("{\"volume\":1}"), NULL },
        { "PATCH /assistant/cartesia ", 200, CARTESIA("{}"), NULL },
        { "GET /assistant/cartesia-null ", 200, CARTESIA("null"), NULL },
        { "PATCH /assistant/cartesia-null ", 200, CARTESIA("{}"), NULL },
        { 0 },
    };
    stage_play(SCENES, change_speeds);
}

TEST(setting_names_are_read_and_written) {
    for (enum vapi_setting v = 0; v < VAPI_SETTING_COUNT; v++)
        CHECK(vapi_setting_parse(str_of(vapi_setting_name(v))) == v);
    CHECK(vapi_setting_parse(STR("greeting")) == VAPI_SETTING_COUNT);
    CHECK(vapi_setting_parse(STR("")) == VAPI_SETTING_COUNT);
}

TEST(a_control_url_is_followed_to_vapi_alone) {
    static const char REAL[] = "https://api.vapi.ai", NEAR[] = "http://127.0.0.1:4010";
    static const char *const GOOD[] = { "https://api.vapi.ai/1/control",
                                        "https://phone-call-websocket.aws.vapi.ai/1-2/control" };
    static const char *const BAD[] = { "http://phone.vapi.ai/1/control",
                                       "https://vapi.ai.example.com/1/control",
                                       "https://evilvapi.ai/1/control",
                                       "https://evil.example/.vapi.ai/control",
                                       "https://evil.example#.vapi.ai/control",
                                       "https://evil.example?.vapi.ai/control",
                                       "https://user@phone.vapi.ai/1/control",
                                       "https://evil.example:1.vapi.ai/control",
                                       "https://phone.vapi.ai:8443/1/control",
                                       "https://evil.example\\.vapi.ai/1/control",
                                       "https://phone.vapi.ai/1/con trol",
                                       "https://phone.vapi.ai",
                                       "wss://phone.vapi.ai/1/control",
                                       "/1/control",
                                       "" };
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
        CHECK(vapi_is_control_url(REAL, GOOD[i]));
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        if (vapi_is_control_url(REAL, BAD[i]))
            print_error("%s\n", BAD[i]);
        CHECK(!vapi_is_control_url(REAL, BAD[i]));
    }
    CHECK(vapi_is_control_url(NEAR, "http://127.0.0.1:4010/1/control"));
    CHECK(!vapi_is_control_url(NEAR, "http://127.0.0.1:4011/1/control"));
    CHECK(!vapi_is_control_url(NEAR, "http://127.0.0.2:4010/1/control"));
}

/* Plays this call, whose control URL is at the stage itself, and what that URL answers. */
static enum err end_call(struct stage *s, const char *status, int control_status) {
    struct scene scenes[] = { { "GET /call/c1 ", 200, NULL, NULL },
                              { "POST /c1/control ", control_status, "{}", NULL },
                              { 0 } };
    bool ended;
    scenes[0].body =
        arena_printf(s->arena,
                     "{\"id\":\"c1\",\"createdAt\":\"2026-11-20T08:00:00.000Z\",\"status\":\"%s\","
                     "\"monitor\":{\"controlUrl\":\"%s/c1/control\"}}",
                     status, s->config.vapi_base_url);
    pthread_mutex_lock(&s->lock);
    s->scenes = scenes;
    pthread_mutex_unlock(&s->lock);
    return vapi_call_end(stage_ctx(s), &s->credential, "c1", &ended);
}

static void end_calls(struct stage *s) {
    static const char CONTROL[] = "POST /c1/control ", KEY[] = "Authorization: ";
    CHECK_INT(end_call(s, "ended", 500), OK);
    CHECK_INT(stage_seen(s, CONTROL), 0);
    CHECK_INT(end_call(s, "in-progress", 200), OK);
    CHECK_INT(stage_seen(s, CONTROL), 1);
    CHECK_INT(stage_seen(s, "{\"type\":\"end-call\"}"), 1);
    CHECK_INT(stage_seen(s, KEY), 2); /* of the two reads alone */
    CHECK_INT(end_call(s, "in-progress", 401), ERR_PROVIDER_REJECTED);
    CHECK_INT(end_call(s, "in-progress", 200), OK); /* the key is as good as before */
}

TEST(a_call_is_ended_at_its_control_url_without_our_key) {
    static const struct scene NOTHING[] = { { 0 } };
    stage_play(NOTHING, end_calls);
}
