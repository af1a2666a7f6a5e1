#include "providers/dialect.h"

#include <string.h>

#include "base/json.h"
#include "test.h"

static const struct dialect_field *field_of(const struct dialect *d, const char *name) {
    for (size_t i = 0; i < d->field_count; i++)
        if (strcmp(d->fields[i].name, name) == 0)
            return &d->fields[i];
    return NULL;
}

TEST(each_dialect_that_can_be_connected_is_whole) {
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        const struct dialect *d = dialect_of(p);
        if (!d->fields)
            continue;
        const struct dialect_field *key = field_of(d, d->key_field);
        CHECK(key && key->is_secret && (key->is_required || d->check_fields));
        CHECK((d->base_url || field_of(d, "host")) && d->check && d->refusals);
        for (const struct dialect_refusal *r = d->refusals; r->err != OK; r++)
            CHECK(field_of(d, r->field) && r->words);
        for (size_t i = 0; i < d->field_count; i++) /* what is collected is checked before */
            CHECK(d->fields[i].check_object || !d->fields[i].collect_object);
    }
}

TEST(each_dialect_that_sends_webhooks_can_read_them) {
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        CHECK(!dialect_of(p)->webhooks || (dialect_of(p)->read_event && dialect_of(p)->event_name));
}

/* The next provider is added by a constant: until then nothing is taken for it. */
TEST(a_provider_without_a_dialect_has_one_of_nothing) {
    static const enum provider NONE[] = { PROVIDER_DESTINATION, PROVIDER_COUNT };
    for (size_t i = 0; i < ARRAY_LEN(NONE); i++) {
        const struct dialect *d = dialect_of(NONE[i]);
        CHECK(d && !d->fields && !d->webhooks && !d->calls && !d->messages && !d->base_url);
        CHECK(!d->throttle_did_nothing && !d->platform && !d->callback_suffix);
    }
}

TEST(a_word_that_is_in_no_table_has_rank_0) {
    CHECK_INT(dialect_rank(dialect_of(PROVIDER_VAPI)->calls->ranks, "completed"), 0);
    CHECK_INT(dialect_rank(dialect_of(PROVIDER_VAPI)->calls->ranks, NULL), 0);
    CHECK_INT(dialect_rank(NULL, "ended"), 0);
}

/* --- what webhooks say ------------------------------------------------------------------------- */

static struct dialect_facts read_event(struct arena *a, enum provider p, const char *type,
                                       const char *body, const char *query) {
    struct dialect_facts out = { .call = { .provider_id = NULL } };
    const char *why;
    struct ctx ctx;
    ctx_init(&ctx, NULL, a, 1000);
    struct dialect_event event = { .type = type,
                                   .body = json_parse(a, str_of(body), &why),
                                   .query = query ? json_parse(a, str_of(query), &why) : NULL,
                                   .received_ms = 1000000 };
    dialect_of(p)->read_event(&ctx, &event, &out);
    return out;
}

TEST(a_callback_of_twilio_is_read_once_into_facts) {
    struct arena *a = arena_new(1 << 20);
    struct dialect_facts f =
        read_event(a, PROVIDER_TWILIO, "status",
                   "{\"CallSid\":\"CA1\",\"CallStatus\":\"completed\",\"Direction\":"
                   "\"outbound-api\",\"To\":\"+1\",\"From\":\"+2\",\"CallDuration\":\"30\"}",
                   "{\"op\":\"op_1\"}");
    CHECK_TEXT(f.call.provider_id, "CA1");
    CHECK_TEXT(f.call.operation_id, "op_1");
    CHECK_TEXT(f.call.direction, "outbound");
    CHECK_TEXT(f.call.ended_reason, "completed");
    CHECK(f.call.ended_ms == 1000000 && f.call.started_ms == 970000 && !f.call.has_exact_times);
    CHECK(!f.message.provider_id);
    arena_free(a);
}

TEST(a_text_that_came_in_brings_what_it_says) {
    struct arena *a = arena_new(1 << 20);
    struct dialect_facts f = read_event(a, PROVIDER_TWILIO, "message",
                                        "{\"MessageSid\":\"SM1\",\"To\":\"+1\",\"From\":\"+2\","
                                        "\"Body\":\"Hi\",\"MediaUrl0\":\"https://m.example/1\"}",
                                        NULL);
    CHECK(f.message.is_received && !f.call.provider_id);
    CHECK_TEXT(str_dup(a, f.message.content),
               "{\"body\":\"Hi\",\"media_urls\":[\"https://m.example/1\"]}");
    f = read_event(a, PROVIDER_TWILIO, "message-status",
                   "{\"MessageSid\":\"SM1\",\"MessageStatus\":\"failed\",\"ErrorCode\":\"30007\"}",
                   NULL);
    CHECK(!f.message.is_received && f.message.error && !f.message.content.ptr);
    arena_free(a);
}

TEST(an_end_of_vapi_brings_its_own_times_and_its_cost) {
    struct arena *a = arena_new(1 << 20);
    struct dialect_facts f = read_event(
        a, PROVIDER_VAPI, "end-of-call-report",
        "{\"message\":{\"type\":\"end-of-call-report\",\"timestamp\":5000,\"startedAt\":\"1970-01-"
        "01T00:00:01Z\",\"endedAt\":"
        "\"1970-01-01T00:00:03Z\",\"endedReason\":\"hangup\",\"cost\":0.05,\"call\":{\"id\":\"v1\","
        "\"type\":\"outboundPhoneCall\",\"phoneCallProviderId\":"
        "\"CA0123456789abcdef0123456789abcdef\",\"customer\":{\"number\":"
        "\"+1\"},\"assistantOverrides\":{\"metadata\":{\"ava_op\":\"op_1\"}}}}}",
        NULL);
    CHECK_TEXT(f.call.carrier_id, "CA0123456789abcdef0123456789abcdef");
    CHECK_TEXT(f.call.operation_id, "op_1");
    CHECK(f.call.started_ms == 1000 && f.call.ended_ms == 3000 && f.call.has_exact_times);
    CHECK(f.call.has_cost && f.call.cost_micros == 50000);
    arena_free(a);
}

/* TRAFFIC 21: what stood elsewhere in another year. */
TEST(ids_and_numbers_of_a_call_are_found_at_their_old_and_new_places) {
    static const char *const BODIES[] = {
        "{\"message\":{\"type\":\"status-update\",\"status\":\"in-progress\",\"timestamp\":"
        "\"2026-11-20T08:00:00Z\",\"phoneNumber\":{\"number\":\"+15005550006\"},\"call\":{\"id\":"
        "\"v1\","
        "\"squadId\":\"s\",\"customer\":{\"sipUri\":\"sip:bo@example.org\"},\"transport\":{"
        "\"callSid\":"
        "\"CA0123456789abcdef0123456789abcdef\"}}}}",
        "{\"message\":{\"type\":\"status-update\",\"status\":\"in-progress\",\"timestamp\":"
        "1795161600.0,\"customer\":{\"number\":\"sip:bo@example.org\"},\"call\":{\"id\":\"v1\","
        "\"type\":"
        "\"inboundPhoneCall\",\"workflowId\":\"w\",\"phoneNumber\":{\"number\":\"+15005550006\"},"
        "\"phoneCallProviderId\":\"CA0123456789abcdef0123456789abcdef\"}}}",
    };
    struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(BODIES); i++) {
        struct call_facts f = read_event(a, PROVIDER_VAPI, "status-update", BODIES[i], NULL).call;
        CHECK_TEXT(f.from, "sip:bo@example.org");
        CHECK_TEXT(f.to, "+15005550006");
        CHECK_TEXT(f.carrier_id, "CA0123456789abcdef0123456789abcdef");
        CHECK(f.started_ms > 1790000000000 && f.started_ms < 1800000000000);
        CHECK(f.takes_line);
    }
    CHECK(
        !read_event(a, PROVIDER_VAPI, "status-update",
                    "{\"message\":{\"type\":\"status-update\",\"status\":\"in-progress\",\"call\":{"
                    "\"id\":\"v2\",\"type\":\"webCall\",\"phoneCallProviderId\":\"WS1\"}}}",
                    NULL)
             .call.takes_line);
    arena_free(a);
}

TEST(times_are_read_in_every_form_they_were_seen_in) {
    static const struct {
        const char *value;
        int64_t ms;
    } CASES[] = {
        { "\"2026-11-20T08:00:00Z\"", 1795161600000 },
        { "\"2026-11-20T08:00:00.123Z\"", 1795161600123 },
        { "1795161600", 1795161600000 },
        { "1795161600123", 1795161600123 },
        { "1795161600.123", 1795161600123 },
        { "\"1795161600\"", 1795161600000 },
        { "\"1795161600123\"", 1795161600123 },
        { "\"yesterday\"", 5000 },
        { "-1", 5000 },
        { "1e300", 5000 },
        { "null", 5000 },
        { "{}", 5000 },
    };
    struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const char *body = arena_printf(a,
                                        "{\"message\":{\"type\":\"status-update\",\"status\":"
                                        "\"ringing\",\"timestamp\":%s,\"call\":{\"id\":\"v1\"}}}",
                                        CASES[i].value);
        int64_t ms = read_event(a, PROVIDER_VAPI, "status-update", body, NULL).call.at_ms;
        if (CASES[i].ms != 5000)
            CHECK_INT(ms, CASES[i].ms);
        else
            CHECK(ms > 0 && ms < INT64_C(4000000000000));
    }
    arena_free(a);
}

/* TRAFFIC 22, 19, 10. */
TEST(a_leg_is_no_call_of_its_own_and_what_else_twilio_tells_is_told) {
    static const struct {
        const char *type, *body, *told;
    } CASES[] = {
        { "status",
          "{\"CallSid\":\"CA2\",\"ParentCallSid\":\"CA1\",\"Direction\":\"outbound-dial\",\"To\":"
          "\"+15005550006\",\"CallStatus\":\"completed\",\"CallDuration\":\"55\"}",
          "the leg to +15005550006: completed of 55 s" },
        { "status",
          "{\"CallSid\":\"CA2\",\"Direction\":\"outbound-dial\",\"CallStatus\":\"ringing\"}",
          "the leg to somebody: ringing" },
        { "voice", "{\"CallSid\":\"CA1\",\"RecordingSid\":\"RE1\",\"RecordingDuration\":\"41\"}",
          "the caller left a message of 41 s" },
        { "status", "{\"CallSid\":\"CA1\",\"RecordingSid\":\"RE1\",\"RecordingStatus\":\"absent\"}",
          "a recording is empty, so that there is none" },
        { "message", "{\"MessageSid\":\"SM1\",\"OptOutType\":\"STOP\"}", "the sender wrote STOP" },
    };
    struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct dialect_facts f = read_event(a, PROVIDER_TWILIO, CASES[i].type, CASES[i].body, NULL);
        CHECK(!f.call.provider_id);
        CHECK_TEXT(f.told, CASES[i].told);
    }
    struct dialect_facts f = read_event(
        a, PROVIDER_TWILIO, "status",
        "{\"CallSid\":\"CA1\",\"CallStatus\":\"in-progress\",\"AnsweredBy\":\"machine_start\"}",
        NULL);
    CHECK_TEXT(f.told, "a machine answered");
    CHECK_TEXT(f.call.provider_id, "CA1");
    arena_free(a);
}

TEST(a_text_is_known_by_twilios_older_names_and_by_the_first_of_several_values) {
    struct arena *a = arena_new(1 << 20);
    struct message_facts m =
        read_event(a, PROVIDER_TWILIO, "message",
                   "{\"SmsSid\":\"SM1\",\"Body\":[\"a\",\"b\"],\"From\":\"whatsapp:+15005550291\"}",
                   NULL)
            .message;
    CHECK_TEXT(m.provider_id, "SM1");
    CHECK_TEXT(m.from, "whatsapp:+15005550291");
    CHECK(str_find(m.content, STR("\"body\":\"a\"")) > 0);
    m = read_event(a, PROVIDER_TWILIO, "message-status",
                   "{\"SmsMessageSid\":\"SM2\",\"SmsStatus\":\"sent\"}", NULL)
            .message;
    CHECK_TEXT(m.provider_id, "SM2");
    CHECK_TEXT(m.status, "sent");
    arena_free(a);
}

TEST(what_says_nothing_of_a_call_gives_no_facts) {
    static const char *const BODIES[] = { "{}", "[]", "null", "{\"message\":7}",
                                          "{\"message\":{\"call\":{\"id\":\"\"}}}" };
    struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(BODIES); i++) {
        CHECK(!read_event(a, PROVIDER_VAPI, "status-update", BODIES[i], NULL).call.provider_id);
        CHECK(!read_event(a, PROVIDER_TWILIO, "voice", BODIES[i], NULL).call.provider_id);
        CHECK(!read_event(a, PROVIDER_TWILIO, "message", BODIES[i], NULL).message.provider_id);
    }
    arena_free(a);
}
