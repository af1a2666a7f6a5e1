/* The numbers of Vapi (OpenAPI of 2026-08-20): POST and GET /phone-number, GET, PATCH and DELETE
 * /phone-number/{id}. One that comes from Twilio is answered here from then on: as the real one does,
 * this rewrites where it leads at Twilio. */
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/json.h"
#include "sandbox/pretend_twilio.h"
#include "sandbox/pretend_vapi.h"

enum { NUMBERS_MAX = 1000 };

#define VOICE_URL "https://api.vapi.ai/twilio/inbound_call"
#define SMS_URL   "https://api.vapi.ai/twilio/sms"

/* Of CreateTwilioPhoneNumberDTO; of an update, those from "name" on. */
static const char *const FIELDS[] = { "provider",
                                      "number",
                                      "twilioAccountSid",
                                      "twilioAuthToken",
                                      "twilioApiKey",
                                      "twilioApiSecret",
                                      "name",
                                      "assistantId",
                                      "workflowId",
                                      "squadId",
                                      "server",
                                      "smsEnabled",
                                      "hooks",
                                      "fallbackDestination" };

static json_t *numbers_of(json_t *account) {
    return json_object_get(account, "numbers");
}

static json_t *number_find(json_t *account, const char *field, struct str value, size_t *at) {
    json_t *numbers = numbers_of(account);
    for (*at = 0; *at < json_array_size(numbers); ++*at) {
        json_t *one = json_array_get(numbers, *at);
        if (str_is(value, json_text(one, field)))
            return one;
    }
    return NULL;
}

bool vapi_number_uses(json_t *account, const char *assistant_id) {
    size_t at;
    return number_find(account, "assistantId", str_of(assistant_id), &at) != NULL;
}

/* --- checking -------------------------------------------------------------------------------- */

static void complain(json_t *messages, const char *text) {
    json_array_append_new(messages, json_string(text));
}

static json_t *complaints(json_t *account, const json_t *body) {
    json_t *messages = json_array(), *value;
    const char *name, *assistant = json_text(body, "assistantId");
    size_t at;
    json_object_foreach((json_t *)body, name, value) {
        size_t i = 0;
        while (i < ARRAY_LEN(FIELDS) && strcmp(FIELDS[i], name) != 0)
            i++;
        if (i == ARRAY_LEN(FIELDS))
            json_array_append_new(messages, json_sprintf("property %s should not exist", name));
    }
    const char *title = json_text(body, "name");
    if (title && str_chars(str_of(title)) > 40)
        complain(messages, "name must be shorter than or equal to 40 characters");
    if (json_object_get(body, "smsEnabled") &&
        !json_is_boolean(json_object_get(body, "smsEnabled")))
        complain(messages, "smsEnabled must be a boolean value");
    if (assistant && !vapi_assistant_find(account, str_of(assistant), &at))
        json_array_append_new(messages, json_sprintf("Couldn't Get Assistant. Does Not Exist. "
                                                     "assistantId: %s",
                                                     assistant));
    return messages;
}

static void check_new(json_t *account, const json_t *body, json_t *messages) {
    const char *provider = json_text(body, "provider"), *number = json_text(body, "number");
    size_t at;
    if (!provider || strcmp(provider, "twilio") != 0)
        complain(messages, "The sandbox imports numbers of twilio only");
    if (!number)
        complain(messages, "number must be a string");
    if (!json_text(body, "twilioAccountSid"))
        complain(messages, "twilioAccountSid must be a string");
    if (!json_text(body, "twilioAuthToken") && !json_text(body, "twilioApiKey"))
        complain(messages, "twilioAuthToken must be a string");
    const json_t *same = number ? number_find(account, "number", str_of(number), &at) : NULL;
    if (same)
        json_array_append_new(
            messages,
            json_sprintf("Existing Phone Number %s Has Identical `number`", json_text(same, "id")));
    if (json_array_size(numbers_of(account)) >= NUMBERS_MAX)
        complain(messages, "The sandbox holds no more numbers.");
}

static bool is_refused(json_t *messages, struct http_reply *reply) {
    if (json_array_size(messages)) {
        vapi_refuse(reply, 400, messages, "Bad Request");
        return true;
    }
    json_decref(messages);
    return false;
}

static json_t *body_of(const struct http_req *req, struct http_reply *reply) {
    const char *why = NULL;
    json_t *body = json_parse(req->arena, req->body, &why);
    if (json_is_object(body))
        return body;
    vapi_refuse(reply, 400, json_string(why ? why : "Body must be an object"), "Bad Request");
    return NULL;
}

/* --- answering ------------------------------------------------------------------------------- */

static void create(const struct pretend_world *world, json_t *account, const struct http_req *req,
                   struct http_reply *reply) {
    json_t *body = body_of(req, reply);
    unsigned char raw[16];
    int64_t now = ava_steady_ms();
    if (!body)
        return;
    json_t *messages = complaints(account, body);
    check_new(account, body, messages);
    if (is_refused(messages, reply))
        return;
    const char *sid = json_text(body, "twilioAccountSid");
    bool takes_texts = !json_is_false(json_object_get(body, "smsEnabled"));
    if (world->twilio &&
        !twilio_number_rewrite(world->twilio, str_of(sid), json_text(body, "number"), VOICE_URL,
                               takes_texts ? SMS_URL : NULL)) {
        vapi_refuse(reply, 400, json_string("Number Not Found on Twilio."), "Bad Request");
        return;
    }
    ava_rand(raw, sizeof raw);
    json_t *number = json_deep_copy(body);
    json_object_update_new(number,
                           json_pack("{s:o, s:O, s:o, s:o, s:s}", "id", vapi_uuid(raw), "orgId",
                                     json_object_get(account, "orgId"), "createdAt", vapi_time(now),
                                     "updatedAt", vapi_time(now), "status", "active"));
    json_array_append_new(numbers_of(account), number);
    pretend_reply(reply, 201, number);
}

static void update(json_t *account, json_t *number, const struct http_req *req,
                   struct http_reply *reply) {
    json_t *body = body_of(req, reply), *value;
    const char *name;
    if (!body || is_refused(complaints(account, body), reply))
        return;
    json_object_foreach(body, name, value) {
        if (json_is_null(value))
            json_object_del(number, name);
        else
            json_object_set_new(number, name, json_deep_copy(value));
    }
    json_object_set_new(number, "updatedAt", vapi_time(ava_steady_ms()));
    pretend_reply(reply, 200, number);
}

static void one(json_t *account, const struct http_req *req, struct http_reply *reply) {
    size_t at;
    struct str id = { req->path.ptr + 14, req->path.len - 14 };
    json_t *number = number_find(account, "id", id, &at);
    if (!number) {
        vapi_refuse(reply, 404, json_string("Phone Number not found"), "Not Found");
    } else if (req->method == METHOD_PATCH) {
        update(account, number, req, reply);
    } else {
        pretend_reply(reply, 200, number);
        if (req->method == METHOD_DELETE)
            json_array_remove(numbers_of(account), at);
    }
}

bool vapi_numbers_answer(const struct pretend_world *world, json_t *account,
                         const struct http_req *req, struct http_reply *reply) {
    bool is_read = req->method == METHOD_GET || req->method == METHOD_HEAD;
    bool is_list = str_is(req->path, "/phone-number");
    if (is_list && req->method == METHOD_POST)
        create(world, account, req, reply);
    else if (is_list && is_read)
        vapi_list(numbers_of(account), req, reply);
    else if (str_starts(req->path, STR("/phone-number/")) &&
             (is_read || req->method == METHOD_PATCH || req->method == METHOD_DELETE))
        one(account, req, reply);
    else
        return false;
    return true;
}
