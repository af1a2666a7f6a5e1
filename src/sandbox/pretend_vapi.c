/* The assistants of Vapi, and the way to its calls (OpenAPI of 2026-08-20): the shapes, statuses and refusals that the real
 * one has, so that whoever works against this works against that. */
#include "sandbox/pretend_vapi.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/form.h"
#include "base/json.h"
#include "sandbox/sandbox.h"

enum { ASSISTANTS_MAX = 1000, LIST_DEFAULT = 100 };

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

/* --- refusing -------------------------------------------------------------------------------- */

void vapi_refuse(struct http_reply *reply, int status, json_t *message, const char *error) {
    json_t *body = json_pack("{s:o, s:i}", "message", message, "statusCode", status);
    if (error)
        json_object_set_new(body, "error", json_string(error));
    pretend_reply_new(reply, status, body);
}

void vapi_fail(int status, struct http_reply *reply) {
    static const struct {
        int status;
        const char *message, *error;
    } WORDS[] = {
        { 400, "Bad Request", "Bad Request" },
        { 401,
          "Invalid Key. Hot tip, you may be using the private key instead of the public key, or "
          "vice versa.",
          "Unauthorized" },
        { 402, "Payment required.", "Payment Required" },
        { 403, "Forbidden resource", "Forbidden" },
        { 404, "Assistant not found", "Not Found" },
        { 429, "Rate limit exceeded", NULL },
        { 500, "Internal server error", NULL },
        { 502, "Bad Gateway", NULL },
        { 503, "Service Unavailable", NULL },
        { 504, "Gateway Timeout", NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        if (WORDS[i].status == status) {
            vapi_refuse(reply, status, json_string(WORDS[i].message), WORDS[i].error);
            return;
        }
    vapi_refuse(reply, status, json_string("Something went wrong"), NULL);
}

/* --- checking a body ------------------------------------------------------------------------- */

static void complain(json_t *messages, json_t *message) {
    json_array_append_new(messages, message);
}

static size_t chars(const json_t *text) {
    size_t n = 0;
    for (const char *c = json_string_value(text); *c; c++)
        n += (*c & 0xC0) != 0x80;
    return n;
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

/* --- assistants ------------------------------------------------------------------------------ */

json_t *vapi_time(int64_t unix_ms) {
    char text[32];
    clock_rfc3339(unix_ms, text);
    return json_string(text);
}

json_t *vapi_uuid(const unsigned char b[16]) {
    return json_sprintf("%02x%02x%02x%02x-%02x%02x-4%01x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                        b[0], b[1], b[2], b[3], b[4], b[5], b[6] & 15, b[7], (b[8] & 0x3F) | 0x80,
                        b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* Only what every assistant must have is read by anybody; the rest is there to survive. */
static const char DEMO[] =
    "{\"id\":\"" SANDBOX_VAPI_ASSISTANT_ID "\","
    "\"createdAt\":\"2026-01-15T09:30:00.000Z\",\"updatedAt\":\"2026-01-15T09:30:00.000Z\","
    "\"name\":\"Front desk\","
    "\"firstMessage\":\"Hello, this is Ava. How can I help you today?\","
    "\"firstMessageMode\":\"assistant-speaks-first\","
    "\"maxDurationSeconds\":600,"
    "\"voice\":{\"provider\":\"11labs\",\"voiceId\":\"sarah\",\"model\":\"eleven_turbo_v2_5\","
    "\"speed\":1.0,\"stability\":0.5,\"similarityBoost\":0.75,\"cachingEnabled\":true},"
    "\"model\":{\"provider\":\"openai\",\"model\":\"gpt-4o\",\"temperature\":0.5,"
    "\"messages\":[{\"role\":\"system\",\"content\":\"You answer the phone of a small clinic.\"}]},"
    "\"transcriber\":{\"provider\":\"deepgram\",\"model\":\"nova-2\",\"language\":\"en\"},"
    "\"clientMessages\":[\"transcript\",\"status-update\"],"
    "\"serverMessages\":[\"end-of-call-report\",\"status-update\",\"tool-calls\"],"
    "\"endCallMessage\":\"Thank you for calling. Goodbye.\","
    "\"endCallPhrases\":[\"goodbye\"],"
    "\"startSpeakingPlan\":{\"waitSeconds\":0.4},"
    "\"metadata\":{\"owner\":\"sandbox\"},"
    "\"isServerUrlSecretSet\":false}";

static json_t *make_account(struct str key, const unsigned char hash[32]) {
    json_t *assistant = json_loads(DEMO, 0, NULL);
    json_object_set_new(assistant, "orgId", vapi_uuid(hash));
    return json_pack("{s:o, s:[o], s:[], s:{}, s:{}, s:[]}", "orgId", vapi_uuid(hash), "assistants",
                     assistant, "calls", "callsById", "records", "numbers");
}

json_t *vapi_account(struct pretend_world *world, struct str key) {
    return pretend_account(world, key, make_account);
}

json_t *vapi_assistant_find(const json_t *account, struct str id, size_t *at) {
    json_t *assistants = json_object_get(account, "assistants");
    for (*at = 0; *at < json_array_size(assistants); ++*at) {
        json_t *one = json_array_get(assistants, *at);
        if (str_is(id, json_text(one, "id")))
            return one;
    }
    return NULL;
}

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
    int64_t now = ava_wall_ms();
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
    const char *before = json_text(assistant, "updatedAt");
    int64_t now = ava_wall_ms(), last = 0;
    clock_parse_rfc3339(before, strlen(before), &last);
    assistant_set(assistant, body);
    json_object_set_new(assistant, "updatedAt", vapi_time(now > last ? now : last + 1));
    pretend_reply(reply, 200, assistant);
}

/* createdAtGt and its seven sisters. False when one is not a date. */
static bool in_time(const json_t *assistant, const struct form *query) {
    static const char *const EDGES[] = { "Gt", "Lt", "Ge", "Le" };
    for (size_t i = 0; i < query->count; i++) {
        struct str name = query->pairs[i].name, edge;
        const char *field = str_starts(name, STR("createdAt"))   ? "createdAt"
                            : str_starts(name, STR("updatedAt")) ? "updatedAt"
                                                                 : NULL;
        const char *at = field ? json_text(assistant, field) : NULL;
        int64_t mine, theirs;
        if (!at || !clock_parse_rfc3339(at, strlen(at), &mine) ||
            !clock_parse_rfc3339(query->pairs[i].value.ptr, query->pairs[i].value.len, &theirs))
            continue;
        edge = (struct str){ name.ptr + strlen(field), name.len - strlen(field) };
        if ((str_is(edge, EDGES[0]) && mine <= theirs) ||
            (str_is(edge, EDGES[1]) && mine >= theirs) ||
            (str_is(edge, EDGES[2]) && mine < theirs) || (str_is(edge, EDGES[3]) && mine > theirs))
            return false;
    }
    return true;
}

/* Of the asked assistant, number, ..., when the query names one. */
static bool is_of(const json_t *one, const char *field, const struct form *query) {
    struct str asked = form_find(query, field);
    return !asked.ptr || str_is(asked, json_text(one, field));
}

void vapi_list(const json_t *items, const struct http_req *req, struct http_reply *reply) {
    struct form query = { 0 };
    int64_t limit = LIST_DEFAULT;
    form_parse(req->arena, req->query, &query);
    struct str asked = form_find(&query, "limit");
    if (asked.ptr && !str_to_i64(asked, 0, 1000, &limit)) {
        vapi_refuse(reply, 400, json_pack("[s]", "limit must not be greater than 1000"),
                    "Bad Request");
        return;
    }
    json_t *page = json_array();
    for (size_t i = json_array_size(items); i-- > 0;) { /* newest first */
        json_t *one = json_array_get(items, i);
        if ((int64_t)json_array_size(page) == limit)
            break;
        if (in_time(one, &query) && is_of(one, "assistantId", &query) &&
            is_of(one, "phoneNumberId", &query))
            json_array_append(page, one);
    }
    pretend_reply_new(reply, 200, page);
}

/* --- routes ---------------------------------------------------------------------------------- */

static struct str credential(const struct http_req *req) {
    struct str value = http_field(req, "Authorization");
    if (value.len < 7 || !str_eq_nocase((struct str){ value.ptr, 7 }, STR("Bearer ")))
        return (struct str){ NULL, 0 };
    return str_trim((struct str){ value.ptr + 7, value.len - 7 });
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

static void answer(struct pretend_world *world, const struct http_req *req,
                   struct http_reply *reply) {
    struct str key = credential(req);
    struct str id = { NULL, 0 };
    if (vapi_control_answer(world, req, reply))
        return;
    if (!key.ptr || pretend_refuses(key)) {
        vapi_fail(401, reply);
        return;
    }
    if (str_starts(req->path, STR("/assistant/")))
        id = (struct str){ req->path.ptr + 11, req->path.len - 11 };
    bool is_list = str_is(req->path, "/assistant");
    bool is_read = req->method == METHOD_GET || req->method == METHOD_HEAD;
    bool is_one = id.len && memchr(id.ptr, '/', id.len) == NULL;
    json_t *account = vapi_account(world, key);
    if (!account)
        vapi_fail(503, reply);
    else if (str_is(req->path, "/call") || str_starts(req->path, STR("/call/")))
        vapi_calls_answer(world, account, req, reply);
    else if (vapi_numbers_answer(world, account, req, reply))
        return;
    else if (is_list && is_read)
        vapi_list(json_object_get(account, "assistants"), req, reply);
    else if (is_list && req->method == METHOD_POST)
        create(account, req, reply);
    else if (is_one && (is_read || req->method == METHOD_PATCH || req->method == METHOD_DELETE))
        one(account, id, req, reply);
    else
        vapi_refuse(
            reply, 404,
            json_sprintf("Cannot %s %.*s", http_method_name(req->method), STR_FMT(req->path)),
            "Not Found");
}

const struct pretend PRETEND_VAPI = { "vapi", credential, answer, vapi_fail, vapi_stage };
