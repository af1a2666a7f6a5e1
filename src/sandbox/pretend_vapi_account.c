/* What an account of the pretend Vapi has when it is first used: one assistant, and nothing else. */
#include <string.h>

#include "base/json.h"
#include "sandbox/pretend_vapi.h"
#include "sandbox/sandbox.h"

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

bool vapi_tell_to(struct pretend_world *world, struct str key, const char *url,
                  const char *secret) {
    size_t at;
    json_t *account = vapi_account(world, key);
    json_t *assistant =
        account ? vapi_assistant_find(account, str_of(SANDBOX_VAPI_ASSISTANT_ID), &at) : NULL;
    const char *now = json_text(json_object_get(assistant, "server"), "url");
    if (!assistant || (now && now[0] && strcmp(now, url) != 0))
        return false;
    json_object_set_new(assistant, "server",
                        json_pack("{s:s, s:{s:s}, s:{s:s, s:i, s:i}}", "url", url, "headers",
                                  "X-Vapi-Secret", secret, "backoffPlan", "type", "exponential",
                                  "maxRetries", 5, "baseDelaySeconds", 1));
    return true;
}
