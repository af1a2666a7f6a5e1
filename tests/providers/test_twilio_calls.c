#include "providers/twilio_calls.h"

#include "providers/stage.h"
#include "providers/twilio_messages.h"
#include "test.h"

#define SID   "AC0123456789abcdef0123456789abcdef"
#define CALLS "/2010-04-01/Accounts/" SID "/Calls"
#define TEXTS "/2010-04-01/Accounts/" SID "/Messages"
#define CALL(status, more)                                                                    \
    "{\"sid\":\"CA1\",\"direction\":\"outbound-api\",\"status\":\"" status                    \
    "\",\"to\":\"+33612345678\",\"from\":"                                                    \
    "\"+14155550100\",\"date_created\":\"Tue, 31 Aug 2010 20:36:28 +0000\",\"date_updated\":" \
    "\"Tue, 31 Aug 2010 20:36:44 +0000\"" more "}"
#define TEXT(body)                                                                                 \
    "{\"sid\":\"SM1\",\"direction\":\"outbound-api\",\"status\":\"sent\",\"to\":\"+33612345678\"," \
    "\"from\":\"+14155550100\","                                                                   \
    "\"body\":\"" body "\",\"date_created\":\"Tue, 31 Aug 2010 20:36:28 +0000\"}"

static const int64_t MADE_MS = INT64_C(1283286988000);

static void place_one(struct stage *s) {
    struct call_facts facts;
    struct twilio_call_order order = { .to = "+33612345678",
                                       .from = "+14155550100",
                                       .twiml = "<Response/>",
                                       .callback = "https://ava.example/x?op=op_1#rc=5",
                                       .time_limit_s = 3600 };
    CHECK_INT(twilio_call_create(stage_ctx(s), &s->credential, SID, &order, NULL, &facts), OK);
    CHECK_TEXT(facts.provider_id, "CA1");
    CHECK_INT(stage_seen(s, "To=%2B33612345678&From=%2B14155550100&Twiml=%3CResponse%2F%3E"
                            "&TimeLimit=3600&StatusCallback=https%3A%2F%2Fava.example%2Fx%3Fop%3D"
                            "op_1%23rc%3D5&StatusCallbackEvent=initiated&StatusCallbackEvent="
                            "ringing&StatusCallbackEvent=answered&StatusCallbackEvent=completed"),
              1);
}

TEST(a_call_is_asked_for_with_all_that_must_come_back) {
    static const struct scene SCENES[] = {
        { "POST " CALLS ".json ", 201, CALL("queued", ""), NULL }, { 0 }
    };
    stage_play(SCENES, place_one);
}

static void read_ended(struct stage *s) {
    struct call_facts facts;
    CHECK_INT(twilio_call_read(stage_ctx(s), &s->credential, SID, "CA1", &facts), OK);
    CHECK_TEXT(facts.ended_reason, "busy");
    CHECK(facts.started_ms == 0);
    CHECK(facts.ended_ms == MADE_MS + 16000); /* as there is no end_time */
}

TEST(a_call_that_was_never_answered_has_ended_all_the_same) {
    static const struct scene SCENES[] = { { "GET " CALLS "/CA1.json ", 200,
                                             CALL("busy", ",\"start_time\":null,\"end_time\":null"),
                                             NULL },
                                           { 0 } };
    stage_play(SCENES, read_ended);
}

static void strange_answers(struct stage *s) {
    struct call_facts facts;
    struct message_facts text;
    CHECK_INT(twilio_call_read(stage_ctx(s), &s->credential, SID, "CA1", &facts),
              ERR_PROVIDER_BAD_RESPONSE);
    CHECK_INT(twilio_message_read(stage_ctx(s), &s->credential, SID, "SM1", &text),
              ERR_PROVIDER_BAD_RESPONSE);
    CHECK_INT(twilio_message_read(stage_ctx(s), &s->credential, SID, "../x", &text),
              ERR_PROVIDER_RESOURCE_NOT_FOUND);
    CHECK_INT(stage_seen(s, "/Messages/..%2Fx.json "), 1);
}

TEST(what_is_not_a_call_or_a_text_is_a_failure_of_twilio) {
    static const struct scene SCENES[] = {
        { "GET " CALLS "/CA1.json ", 200, "{\"sid\":\"CA1\"}", NULL },
        { "GET " TEXTS "/SM1.json ", 200, "[]", NULL },
        { "GET " TEXTS "/..%2Fx.json ", 404, "{\"code\":20404}", NULL },
        { 0 },
    };
    stage_play(SCENES, strange_answers);
}

static void end_one(struct stage *s) {
    struct call_facts facts;
    CHECK_INT(twilio_call_end(stage_ctx(s), &s->credential, SID, "CA1", &facts),
              ERR_PROVIDER_ERROR);
    CHECK_INT(stage_seen(s, "POST " CALLS "/CA1.json "), UPSTREAM_ATTEMPTS_MAX);
}

TEST(hanging_up_is_tried_again) {
    static const struct scene SCENES[] = { { "POST " CALLS "/CA1.json ", 500, "{}", NULL }, { 0 } };
    stage_play(SCENES, end_one);
}

static void send_one(struct stage *s) {
    struct message_facts facts;
    struct twilio_text text = { .to = "+1", .from = "+2", .body = "a&b" };
    CHECK_INT(twilio_message_create(stage_ctx(s), &s->credential, SID, &text, NULL, &facts),
              ERR_OUTCOME_UNKNOWN);
    CHECK_INT(stage_seen(s, "To=%2B1&From=%2B2&Body=a%26b"), 1);
}

TEST(a_text_is_not) {
    static const struct scene SCENES[] = { { "POST " TEXTS ".json ", 500, "{}", NULL }, { 0 } };
    stage_play(SCENES, send_one);
}

static void look_for_one(struct stage *s) {
    struct twilio_matches m;
    struct twilio_search search = { .to = "+33612345678",
                                    .from = "+14155550100",
                                    .body = "Hi",
                                    .since_ms = MADE_MS,
                                    .until_ms = MADE_MS + 60000 };
    CHECK_INT(twilio_messages_like(stage_ctx(s), &s->credential, SID, &search, &m), OK);
    CHECK(m.count == 1 && !m.is_whole);
    search.body = NULL;
    CHECK_INT(twilio_calls_like(stage_ctx(s), &s->credential, SID, &search, &m), OK);
    CHECK(m.count == 1 && m.is_whole);
    CHECK_TEXT(m.list[0].provider_id, "CA1");
}

TEST(one_is_looked_for_by_its_numbers_and_from_a_minute_before) {
    static const char QUERY[] = "2010-08-31T20%3A35%3A28Z&From=%2B14155550100&PageSize=100"
                                "&To=%2B33612345678 ";
    static struct scene scenes[] = {
        { NULL, 200, "{\"messages\":[" TEXT("Hi") "," TEXT("Ho") "],\"next_page_uri\":\"/x\"}",
          NULL },
        { NULL, 200, "{\"calls\":[" CALL("ringing", "") "],\"next_page_uri\":null}", NULL },
        { 0 },
    };
    struct arena *a = arena_new(1 << 16);
    scenes[0].request = arena_printf(a, "GET " TEXTS ".json?DateSent%%3E=%s", QUERY);
    scenes[1].request = arena_printf(a, "GET " CALLS ".json?StartTime%%3E=%s", QUERY);
    stage_play(scenes, look_for_one);
    arena_free(a);
}
