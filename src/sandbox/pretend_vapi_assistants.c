/* The assistants of Vapi (OpenAPI of 2026-08-20): the shapes, statuses and refusals that the real one
 * has, so that whoever works against this works against that. */
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/json.h"
#include "sandbox/pretend_vapi.h"
#include "sandbox/sandbox.h"

enum { ASSISTANTS_MAX = 1000 };

/* Of CreateAssistantDTO; anything else "should not exist". */
static const struct {
    const char *name;
    json_type type; /* JSON_NULL: not looked at */
    size_t max_chars;
} FIELDS[] = {
    { "transcriber", JSON_OBJECT, 0 },
    { "model", JSON_OBJECT, 0 },
    { "voice", JSON_OBJECT, 0 },
    { "firstMessage", JSON_STRING, 0 },
    { "firstMessageInterruptionsEnabled", JSON_TRUE, 0 },
    { "firstMessageMode", JSON_STRING, 0 },
    { "voicemailDetection", JSON_NULL, 0 },
    { "clientMessages", JSON_ARRAY, 0 },
    { "serverMessages", JSON_ARRAY, 0 },
    { "maxDurationSeconds", JSON_REAL, 0 },
    { "backgroundSound", JSON_STRING, 0 },
    { "modelOutputInMessagesEnabled", JSON_TRUE, 0 },
    { "transportConfigurations", JSON_ARRAY, 0 },
    { "observabilityPlan", JSON_OBJECT, 0 },
    { "credentials", JSON_ARRAY, 0 },
    { "hooks", JSON_ARRAY, 0 },
    { "name", JSON_STRING, 40 },
    { "voicemailMessage", JSON_STRING, 1000 },
    { "endCallMessage", JSON_STRING, 1000 },
    { "endCallPhrases", JSON_ARRAY, 0 },
    { "compliancePlan", JSON_OBJECT, 0 },
    { "metadata", JSON_OBJECT, 0 },
    { "backgroundSpeechDenoisingPlan", JSON_OBJECT, 0 },
    { "analysisPlan", JSON_OBJECT, 0 },
    { "artifactPlan", JSON_OBJECT, 0 },
    { "startSpeakingPlan", JSON_OBJECT, 0 },
    { "stopSpeakingPlan", JSON_OBJECT, 0 },
    { "monitorPlan", JSON_OBJECT, 0 },
    { "credentialIds", JSON_ARRAY, 0 },
    { "server", JSON_OBJECT, 0 },
    { "keypadInputPlan", JSON_OBJECT, 0 },
};

static const struct {
    const char *provider;
    double min, max;
} SPEEDS[] = {
    { "11labs", 0.7, 1.2 },   { "vapi", 0.25, 2 },      { "openai", 0.25, 4 },
    { "azure", 0.5, 2 },      { "microsoft", 0.5, 2 },  { "minimax", 0.5, 2 },
    { "lmnt", 0.25, 2 },      { "neuphonic", 0.25, 2 }, { "playht", 0.1, 5 },
    { "rime-ai", 0.1, 1e99 }, { "xai", 0.7, 1.5 },
};

/* --- checking a body ------------------------------------------------------------------------- */

static void complain(json_t *messages, json_t *message) {
    json_array_append_new(messages, message);
}

static size_t chars(const json_t *text) {
    return str_chars(str_of(json_string_value(text)));
}

static void check_field(json_t *messages, size_t i, const json_t *value) {
    const char *name = FIELDS[i].name;
    switch (FIELDS[i].type) {
    case JSON_STRING:
        if (!json_is_string(value))
            complain(messages, json_sprintf("%s must be a string", name));
        else if (FIELDS[i].max_chars && chars(value) > FIELDS[i].max_chars)
            complain(messages, json_sprintf("%s must be shorter than or equal to %zu characters",
                                            name, FIELDS[i].max_chars));
        break;
    case JSON_TRUE:
        if (!json_is_boolean(value))
            complain(messages, json_sprintf("%s must be a boolean value", name));
        break;
    case JSON_REAL:
        if (!json_is_number(value))
            complain(
                messages,
                json_sprintf("%s must be a number conforming to the specified constraints", name));
        break;
    case JSON_ARRAY:
        if (!json_is_array(value))
            complain(messages, json_sprintf("%s must be an array", name));
        break;
    case JSON_OBJECT:
        if (!json_is_object(value))
            complain(messages, json_sprintf("%s must be an object", name));
        break;
    default:
        break;
    }
}

static void check_range(json_t *messages, const char *name, const json_t *value, double min,
                        double max) {
    if (!json_is_number(value))
        return;
    if (json_number_value(value) < min)
        complain(messages, json_sprintf("%s must not be less than %g", name, min));
    if (json_number_value(value) > max)
        complain(messages, json_sprintf("%s must not be greater than %g", name, max));
}

static void check_voice(json_t *messages, const json_t *voice) {
    const char *provider = json_text(voice, "provider");
    const json_t *speed = json_object_get(voice, "speed");
    if (!json_is_object(voice))
        return;
    if (!provider)
        complain(messages, json_string("voice.provider must be a string"));
    if (!json_text(voice, "voiceId"))
        complain(messages, json_string("voice.voiceId must be a string"));
    if (speed && !json_is_number(speed))
        complain(messages, json_string("voice.speed must be a number conforming to the specified "
                                       "constraints"));
    for (size_t i = 0; provider && i < ARRAY_LEN(SPEEDS); i++)
        if (strcmp(provider, SPEEDS[i].provider) == 0)
            check_range(messages, "voice.speed", speed, SPEEDS[i].min, SPEEDS[i].max);
    if (provider && strcmp(provider, "cartesia") == 0)
        check_range(messages, "voice.generationConfig.speed",
                    json_object_get(json_object_get(voice, "generationConfig"), "speed"), 0.6, 1.5);
}

static bool is_mode(const char *mode) {
    return strcmp(mode, "assistant-speaks-first") == 0 ||
           strcmp(mode, "assistant-waits-for-user") == 0 ||
           strcmp(mode, "assistant-speaks-first-with-model-generated-message") == 0;
}

/* All complaints about it, as a list; null values unset and are always fine. */
static json_t *complaints(json_t *body) {
    json_t *messages = json_array(), *value;
    const char *name;
    json_object_foreach(body, name, value) {
        size_t i = 0;
        while (i < ARRAY_LEN(FIELDS) && strcmp(FIELDS[i].name, name) != 0)
            i++;
        if (i == ARRAY_LEN(FIELDS))
            complain(messages, json_sprintf("property %s should not exist", name));
        else if (!json_is_null(value))
            check_field(messages, i, value);
    }
    check_voice(messages, json_object_get(body, "voice"));
    check_range(messages, "maxDurationSeconds", json_object_get(body, "maxDurationSeconds"), 10,
                43200);
    const char *mode = json_text(body, "firstMessageMode");
    if (mode && !is_mode(mode))
        complain(messages, json_string("firstMessageMode must be one of the following values: "
                                       "assistant-speaks-first, "
                                       "assistant-speaks-first-with-model-generated-message, "
                                       "assistant-waits-for-user"));
    return messages;
}

/* NULL when it was refused. */
static json_t *body_of(const struct http_req *req, struct http_reply *reply) {
    const char *why = NULL;
    json_t *body = json_parse(req->arena, req->body, &why);
    if (!json_is_object(body)) {
        vapi_refuse(reply, 400, json_string(why ? why : "Body must be an object"), "Bad Request");
        return NULL;
    }
    json_t *messages = complaints(body);
    if (json_array_size(messages)) {
        vapi_refuse(reply, 400, messages, "Bad Request");
        return NULL;
    }
    json_decref(messages);
    return body;
}

/* --- answering ------------------------------------------------------------------------------- */

static void assistant_set(json_t *assistant, json_t *body) {
    const char *name;
    json_t *value;
    json_object_foreach(body, name, value) {
        if (json_is_null(value))
            json_object_del(assistant, name);
        else
            json_object_set_new(assistant, name, json_deep_copy(value));
    }
}

static void create(json_t *account, const struct http_req *req, struct http_reply *reply) {
    json_t *body = body_of(req, reply), *assistants = json_object_get(account, "assistants");
    unsigned char raw[16];
    if (!body)
        return;
    if (json_array_size(assistants) >= ASSISTANTS_MAX) {
        vapi_refuse(reply, 400, json_string("The sandbox holds no more assistants."),
                    "Bad Request");
        return;
    }
    int64_t now = ava_steady_ms();
    ava_rand(raw, sizeof raw);
    json_t *assistant = json_pack("{s:o, s:O, s:o, s:o}", "id", vapi_uuid(raw), "orgId",
                                  json_object_get(account, "orgId"), "createdAt", vapi_time(now),
                                  "updatedAt", vapi_time(now));
    assistant_set(assistant, body);
    json_object_set_new(assistant, "isServerUrlSecretSet", json_false());
    json_array_append_new(assistants, assistant);
    pretend_reply(reply, 201, assistant);
}

static void update(json_t *assistant, const struct http_req *req, struct http_reply *reply) {
    json_t *body = body_of(req, reply);
    if (!body)
        return;
    int64_t now = ava_steady_ms(), last = vapi_time_of(assistant, "updatedAt");
    assistant_set(assistant, body);
    json_object_set_new(assistant, "updatedAt", vapi_time(now > last ? now : last + 1));
    pretend_reply(reply, 200, assistant);
}

/* The pretend number that answers calls is bound to the assistant it was shown with. */
static bool is_pinned(json_t *account, const json_t *assistant) {
    const char *id = json_text(assistant, "id");
    return strcmp(id, SANDBOX_VAPI_ASSISTANT_ID) == 0 || vapi_number_uses(account, id);
}

static void one(json_t *account, struct str id, const struct http_req *req,
                struct http_reply *reply) {
    size_t at;
    json_t *assistant = vapi_assistant_find(account, id, &at);
    if (!assistant) {
        vapi_fail(404, reply);
        return;
    }
    if (req->method == METHOD_PATCH) {
        update(assistant, req, reply);
        return;
    }
    if (req->method == METHOD_DELETE && is_pinned(account, assistant)) {
        pretend_reply_new(reply, 409,
                          json_pack("{s:s, s:s}", "error", "assistant_pinned", "message",
                                    "The assistant is pinned by another resource."));
        return;
    }
    pretend_reply(reply, 200, assistant);
    if (req->method == METHOD_DELETE)
        json_array_remove(json_object_get(account, "assistants"), at);
}

bool vapi_assistants_answer(json_t *account, const struct http_req *req, struct http_reply *reply) {
    struct str id = { NULL, 0 }, deeper;
    if (str_starts(req->path, STR("/assistant/")))
        id = (struct str){ req->path.ptr + 11, req->path.len - 11 };
    bool is_list = str_is(req->path, "/assistant");
    bool is_read = req->method == METHOD_GET || req->method == METHOD_HEAD;
    str_cut(id, '/', &deeper);
    bool is_one = id.len && !deeper.ptr;
    if (is_list && is_read)
        vapi_list(json_object_get(account, "assistants"), req, reply);
    else if (is_list && req->method == METHOD_POST)
        create(account, req, reply);
    else if (is_one && (is_read || req->method == METHOD_PATCH || req->method == METHOD_DELETE))
        one(account, id, req, reply);
    else
        return false;
    return true;
}
