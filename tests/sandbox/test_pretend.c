#include "sandbox/pretend.h"

#include <string.h>

#include "base/encode.h"
#include "base/json.h"
#include "sandbox/sandbox.h"
#include "test.h"

struct asked {
    struct arena *arena;
    struct pretend_world world;
    struct http_reply reply;
};

static struct asked begin(void) {
    return (struct asked){ .arena = arena_new(4 << 20) };
}

static void end(struct asked *a) {
    pretend_world_fini(&a->world);
    http_reply_fini(&a->reply);
    arena_free(a->arena);
}

static json_t *ask(struct asked *a, const struct pretend *kind, const char *authorization,
                   enum http_method method, const char *target, const char *body) {
    static const bool HERE = false;
    struct http_field fields[] = { { STR("Authorization"), str_of(authorization) } };
    struct str query, path = str_cut(str_of(target), '?', &query);
    struct http_req req = { .method = method,
                            .target = str_of(target),
                            .path = path,
                            .query = query,
                            .fields = fields,
                            .field_count = 1,
                            .body = str_of(body),
                            .arena = a->arena,
                            .is_gone = &HERE };
    const char *why = "";
    http_reply_reset(&a->reply);
    kind->answer(&a->world, &req, &a->reply);
    json_t *tree = json_parse(a->arena, buf_view(&a->reply.body), &why);
    CHECK(tree != NULL);
    return tree;
}

static json_t *vapi(struct asked *a, enum http_method method, const char *target,
                    const char *body) {
    return ask(a, &PRETEND_VAPI, "Bearer " SANDBOX_VAPI_API_KEY, method, target, body);
}

#define DEMO "/assistant/" SANDBOX_VAPI_ASSISTANT_ID

static const char *complaint(const json_t *body, size_t i) {
    return json_string_value(json_array_get(json_object_get(body, "message"), i));
}

TEST(vapi_refuses_a_wrong_key_in_its_own_words) {
    struct asked a = begin();
    static const char *const WRONG[] = { "Bearer wrong-key", "Bearer short", "Basic abc", "" };
    for (size_t i = 0; i < 4; i++) {
        json_t *body = ask(&a, &PRETEND_VAPI, WRONG[i], METHOD_GET, "/assistant", "");
        CHECK_INT(a.reply.status, 401);
        CHECK(strncmp(json_text(body, "message"), "Invalid Key.", 12) == 0);
        CHECK_TEXT(json_text(body, "error"), "Unauthorized");
    }
    end(&a);
}

TEST(vapi_accounts_do_not_see_each_other) {
    struct asked a = begin();
    vapi(&a, METHOD_PATCH, DEMO, "{\"firstMessage\":\"mine\"}");
    json_t *other = ask(&a, &PRETEND_VAPI, "Bearer another-key-0001", METHOD_GET, DEMO, "");
    CHECK(strcmp(json_text(other, "firstMessage"), "mine") != 0);
    json_t *mine = vapi(&a, METHOD_GET, DEMO, "");
    CHECK_TEXT(json_text(mine, "firstMessage"), "mine");
    CHECK(strcmp(json_text(mine, "orgId"), json_text(other, "orgId")) != 0);
    end(&a);
}

TEST(vapi_moves_updated_at_and_keeps_what_a_patch_does_not_name) {
    struct asked a = begin();
    json_t *was = vapi(&a, METHOD_GET, DEMO, "");
    json_t *is = vapi(&a, METHOD_PATCH, DEMO, "{\"maxDurationSeconds\":900,\"name\":null}");
    CHECK_INT(a.reply.status, 200);
    CHECK(strcmp(json_text(is, "updatedAt"), json_text(was, "updatedAt")) > 0);
    CHECK_TEXT(json_text(is, "createdAt"), json_text(was, "createdAt"));
    CHECK_INT(json_i64_or(is, "maxDurationSeconds", 0), 900);
    CHECK(json_object_get(is, "name") == NULL);
    CHECK(json_equal(json_object_get(is, "voice"), json_object_get(was, "voice")));
    end(&a);
}

TEST(vapi_replaces_a_voice_whole) {
    struct asked a = begin();
    json_t *is = vapi(&a, METHOD_PATCH, DEMO,
                      "{\"voice\":{\"provider\":\"11labs\",\"voiceId\":\"x\",\"new\":{\"a\":1}}}");
    json_t *voice = json_object_get(is, "voice");
    CHECK_INT(json_object_size(voice), 3);
    vapi(&a, METHOD_PATCH, DEMO, "{\"voice\":{\"speed\":1}}");
    CHECK_INT(a.reply.status, 400);
    end(&a);
}

TEST(vapi_names_every_wrong_field_and_changes_nothing) {
    struct asked a = begin();
    json_t *body = vapi(&a, METHOD_PATCH, DEMO,
                        "{\"greeting_message\":\"x\",\"maxDurationSeconds\":9,"
                        "\"voice\":{\"provider\":\"11labs\",\"voiceId\":\"x\",\"speed\":0.5}}");
    CHECK_INT(a.reply.status, 400);
    CHECK_TEXT(complaint(body, 0), "property greeting_message should not exist");
    CHECK_TEXT(complaint(body, 1), "voice.speed must not be less than 0.7");
    CHECK_TEXT(complaint(body, 2), "maxDurationSeconds must not be less than 10");
    CHECK_INT(json_i64_or(vapi(&a, METHOD_GET, DEMO, ""), "maxDurationSeconds", 0), 600);
    static const char *const BROKEN[] = { "{", "[]", "{\"firstMessage\":7}",
                                          "{\"firstMessageMode\":\"sing\"}",
                                          "{\"maxDurationSeconds\":43201}" };
    for (size_t i = 0; i < 5; i++) {
        vapi(&a, METHOD_PATCH, DEMO, BROKEN[i]);
        CHECK_INT(a.reply.status, 400);
    }
    end(&a);
}

TEST(vapi_makes_lists_and_removes_assistants) {
    struct asked a = begin();
    json_t *made = vapi(&a, METHOD_POST, "/assistant", "{\"name\":\"Second\"}");
    CHECK_INT(a.reply.status, 201);
    json_t *all = vapi(&a, METHOD_GET, "/assistant", "");
    CHECK_INT(json_array_size(all), 2);
    CHECK_TEXT(json_text(json_array_get(all, 0), "id"), json_text(made, "id"));
    CHECK_INT(json_array_size(vapi(&a, METHOD_GET, "/assistant?limit=1", "")), 1);
    json_t *old = vapi(&a, METHOD_GET, "/assistant?createdAtLt=2026-02-01T00%3A00%3A00.000Z", "");
    CHECK_TEXT(json_text(json_array_get(old, 0), "id"), SANDBOX_VAPI_ASSISTANT_ID);
    const char *path = arena_join(a.arena, "/assistant/", json_text(made, "id"));
    vapi(&a, METHOD_DELETE, path, "");
    CHECK_INT(a.reply.status, 200);
    CHECK_TEXT(json_text(vapi(&a, METHOD_GET, path, ""), "message"), "Assistant not found");
    CHECK_INT(a.reply.status, 404);
    vapi(&a, METHOD_PUT, "/assistant/x", "{}");
    CHECK_INT(a.reply.status, 404);
    end(&a);
}

TEST(vapi_keeps_the_assistant_that_a_number_uses) {
    struct asked a = begin();
    json_t *refused = vapi(&a, METHOD_DELETE, DEMO, "");
    CHECK_INT(a.reply.status, 409);
    CHECK_TEXT(json_text(refused, "error"), "assistant_pinned");
    CHECK(json_object_get(refused, "statusCode") == NULL);
    vapi(&a, METHOD_GET, DEMO, "");
    CHECK_INT(a.reply.status, 200);
    end(&a);
}

static const char *basic(struct asked *a, const char *sid, const char *token) {
    const char *pair = arena_printf(a->arena, "%s:%s", sid, token);
    return arena_printf(a->arena, "Basic %s", base64_encode(a->arena, pair, strlen(pair)));
}

static json_t *twilio(struct asked *a, enum http_method method, const char *rest,
                      const char *body) {
    return ask(
        a, &PRETEND_TWILIO, basic(a, SANDBOX_TWILIO_ACCOUNT_SID, SANDBOX_TWILIO_AUTH_TOKEN), method,
        arena_printf(a->arena, "/2010-04-01/Accounts/" SANDBOX_TWILIO_ACCOUNT_SID "%s", rest),
        body);
}

TEST(twilio_refuses_a_wrong_token_and_a_foreign_account) {
    struct asked a = begin();
    const char *path = "/2010-04-01/Accounts/" SANDBOX_TWILIO_ACCOUNT_SID ".json";
    json_t *body = ask(&a, &PRETEND_TWILIO, basic(&a, SANDBOX_TWILIO_ACCOUNT_SID, "revoked-1"),
                       METHOD_GET, path, "");
    CHECK_INT(a.reply.status, 401);
    CHECK_INT(json_i64_or(body, "code", 0), 20003);
    CHECK_TEXT(json_text(body, "more_info"), "https://www.twilio.com/docs/errors/20003");
    body = ask(&a, &PRETEND_TWILIO,
               basic(&a, "AC00000000000000000000000000000001", SANDBOX_TWILIO_AUTH_TOKEN),
               METHOD_GET, path, "");
    CHECK_INT(a.reply.status, 404);
    CHECK_INT(json_i64_or(body, "code", 0), 20404);
    end(&a);
}

TEST(twilio_shows_an_active_account) {
    struct asked a = begin();
    json_t *account = twilio(&a, METHOD_GET, ".json", "");
    CHECK_TEXT(json_text(account, "status"), "active");
    CHECK_TEXT(json_text(account, "sid"), SANDBOX_TWILIO_ACCOUNT_SID);
    CHECK_INT(json_object_size(json_object_get(account, "subresource_uris")), 20);
    end(&a);
}

TEST(twilio_lists_can_be_walked_number_by_number) {
    struct asked a = begin();
    const char *rest = "/IncomingPhoneNumbers.json?PageSize=1";
    const char *seen[3];
    for (int page = 0; page < 3; page++) {
        json_t *body = twilio(&a, METHOD_GET, rest, "");
        json_t *numbers = json_object_get(body, "incoming_phone_numbers");
        CHECK_INT(a.reply.status, 200);
        CHECK_INT(json_array_size(numbers), 1);
        CHECK_INT(json_i64_or(body, "page", -1), page);
        seen[page] = json_text(json_array_get(numbers, 0), "phone_number");
        const char *next = json_text(body, "next_page_uri");
        CHECK((next != NULL) == (page < 2));
        if (next)
            rest = strstr(next, "/Incoming");
    }
    CHECK(strcmp(seen[0], seen[1]) && strcmp(seen[1], seen[2]) && strcmp(seen[0], seen[2]));
    twilio(&a, METHOD_GET, "/IncomingPhoneNumbers.json?PageSize=1001", "");
    CHECK_INT(a.reply.status, 400);
    twilio(&a, METHOD_GET, "/IncomingPhoneNumbers.json?PageToken=PAno", "");
    CHECK_INT(a.reply.status, 400);
    json_t *none = twilio(&a, METHOD_GET, "/IncomingPhoneNumbers.json?Page=9", "");
    CHECK_INT(json_array_size(json_object_get(none, "incoming_phone_numbers")), 0);
    end(&a);
}

TEST(twilio_numbers_are_pointed_elsewhere) {
    struct asked a = begin();
    json_t *list = twilio(&a, METHOD_GET, "/IncomingPhoneNumbers.json", "");
    json_t *first = json_array_get(json_object_get(list, "incoming_phone_numbers"), 0);
    const char *rest =
        arena_printf(a.arena, "/IncomingPhoneNumbers/%s.json", json_text(first, "sid"));
    json_t *n = twilio(&a, METHOD_POST, rest,
                       "VoiceUrl=https%3A%2F%2Fava.example.com%2Fv&VoiceMethod=POST&Odd=1");
    CHECK_INT(a.reply.status, 200);
    CHECK_TEXT(json_text(n, "voice_url"), "https://ava.example.com/v");
    CHECK_TEXT(json_text(n, "phone_number"), json_text(first, "phone_number"));
    CHECK_TEXT(json_text(twilio(&a, METHOD_GET, rest, ""), "voice_url"),
               "https://ava.example.com/v");
    twilio(&a, METHOD_GET, "/IncomingPhoneNumbers/PN00000000000000000000000000000000.json", "");
    CHECK_INT(a.reply.status, 404);
    end(&a);
}

TEST(both_have_words_for_every_status) {
    for (int status = 400; status < 600; status++) {
        struct http_reply reply = { 0 };
        PRETEND_VAPI.refuse(status, &reply);
        CHECK_INT(reply.status, status);
        http_reply_reset(&reply);
        PRETEND_TWILIO.refuse(status, &reply);
        CHECK_INT(reply.status, status);
        http_reply_fini(&reply);
    }
}
