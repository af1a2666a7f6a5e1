#include "service/calls/ended.h"

#include <string.h>

#include "base/buf.h"
#include "base/defs.h"
#include "base/str.h"
#include "obs/metrics.h"

enum who { NOBODY, CALLEE, CALLER, YOU, VAPI, CARRIER, PROVIDER };

static const char *const WHO[] = {
    "nobody", "callee", "caller", "you", "vapi", "carrier", "provider",
};

static const char *const FAULT_OF[] = {
    "other",      "fault-callee",  "fault-caller",   "fault-you",
    "fault-vapi", "fault-carrier", "fault-provider",
};

static const struct {
    const char *reason;
    enum who who;
    bool is_fault;
    const char *text;
} TABLE[] = {
#define ENDED(reason, who, is_fault, text) { reason, who, is_fault, text },
#include "service/calls/ended.def"
#undef ENDED
};

/* --- what pipelines report -------------------------------------------------------------------- */

/* How a pipeline's reason begins; what follows is who and what. */
static const struct {
    const char *prefix;
    bool is_vapis; /* the account at the other provider is Vapi's own */
} STAGES[] = {
    { "call.in-progress.error-providerfault-", false },
    { "call.in-progress.error-vapifault-", true },
    { "call.in-progress.error-pipeline-", false },
    { "call.start.error-vapifault-", true },
    { "pipeline-error-", false },
};

/* Longer names first where one begins like another. */
static const struct {
    const char *name, *title;
} VENDORS[] = {
    { "anthropic-bedrock", "Anthropic at Bedrock" },
    { "anthropic-vertex", "Anthropic at Vertex" },
    { "anthropic", "Anthropic" },
    { "anyscale", "Anyscale" },
    { "assembly-ai", "AssemblyAI" },
    { "azure-openai", "OpenAI at Azure" },
    { "azure-speech", "Azure Speech" },
    { "azure-voice", "Azure Speech" },
    { "baseten", "Baseten" },
    { "cartesia", "Cartesia" },
    { "cerebras", "Cerebras" },
    { "custom-llm", "Your own language model" },
    { "custom-transcriber", "Your own transcriber" },
    { "custom-voice", "Your own voice" },
    { "deep-seek", "DeepSeek" },
    { "deepgram", "Deepgram" },
    { "deepinfra", "DeepInfra" },
    { "eleven-labs", "ElevenLabs" },
    { "gladia", "Gladia" },
    { "google", "Google" },
    { "groq", "Groq" },
    { "hume", "Hume" },
    { "inflection-ai", "Inflection" },
    { "inworld", "Inworld" },
    { "lmnt", "LMNT" },
    { "microsoft", "Microsoft" },
    { "minimax", "MiniMax" },
    { "mistral", "Mistral" },
    { "neuphonic", "Neuphonic" },
    { "openai", "OpenAI" },
    { "openrouter", "OpenRouter" },
    { "perplexity-ai", "Perplexity" },
    { "playht", "PlayHT" },
    { "rime-ai", "Rime" },
    { "runpod", "RunPod" },
    { "sesame", "Sesame" },
    { "smallest-ai", "Smallest" },
    { "soniox", "Soniox" },
    { "speechmatics", "Speechmatics" },
    { "talkscriber", "Talkscriber" },
    { "tavus", "Tavus" },
    { "together-ai", "Together" },
    { "wellsaid", "WellSaid" },
    { "xai", "xAI" },
    { "vapi", "Vapi" },
};

/* The first whose words are in it. */
static const struct {
    const char *word;
    enum who who; /* of an account of yours */
    const char *text;
} FAULTS[] = {
    { "unauthorized-to-access-model", YOU,
      "%s does not allow this model for the account it is used with." },
    { "model-access-denied", YOU, "%s does not allow this model for the account it is used with." },
    { "401-account-not-in", YOU, "The account is not part of its organisation at %s." },
    { "401", YOU, "%s does not accept the key that is stored for it." },
    { "api-key", YOU, "%s does not accept the key that is stored for it." },
    { "auth-failed", YOU, "%s does not accept the key that is stored for it." },
    { "unauthorized", YOU, "%s does not accept the key that is stored for it." },
    { "quota", YOU, "The quota of the account at %s is used up." },
    { "insufficent-funds", YOU, "The account at %s has no money left." },
    { "out-of-c", YOU, "The account at %s has no credit left." },
    { "requested-payment", YOU, "%s asks for a payment first." },
    { "paid-only", YOU, "What the assistant uses is not part of the plan at %s." },
    { "requested-upgrade", YOU, "What the assistant uses is not part of the plan at %s." },
    { "free-users", YOU, "What the assistant uses is not part of the plan at %s." },
    { "creator-plus", YOU, "What the assistant uses is not part of the plan at %s." },
    { "rate-limit", YOU, "%s was asked more often than the account allows." },
    { "429", YOU, "%s was asked more often than the account allows." },
    { "404", YOU, "%s no longer has the voice or model that the assistant uses." },
    { "not-found", YOU, "%s no longer has the voice or model that the assistant uses." },
    { "no-such-model", YOU, "%s has no such model for this language and plan." },
    { "403", YOU, "%s does not allow this for the account it is used with." },
    { "invalid-json", PROVIDER, "%s answered something that cannot be read." },
    { "invalid-schema", PROVIDER, "%s answered something that cannot be read." },
    { "400", YOU, "%s does not accept how the assistant is set up for it." },
    { "invalid", YOU, "%s does not accept how the assistant is set up for it." },
    { "must-be-a-valid", YOU, "%s does not accept how the assistant is set up for it." },
    { "word-boost", YOU, "%s does not accept the words it was told to expect." },
    { "blocked", YOU, "%s refused what the account asked for; look at it there." },
    { "character-limit", YOU, "The assistant had more to say than %s takes at once." },
    { "samples", YOU, "The voice has no samples at %s yet." },
    { "disabled-by-owner", YOU, "The owner of the voice at %s no longer offers it." },
    { "not-fine-tuned", YOU, "The voice is not ready at %s yet." },
    { "timed-out", PROVIDER, "%s did not answer in time." },
    { "504", PROVIDER, "%s did not answer in time." },
    { "522", PROVIDER, "%s could not be reached." },
    { "502", PROVIDER, "%s could not be reached." },
    { "socket-hang-up", PROVIDER, "%s cut the connection." },
    { "econnreset", PROVIDER, "%s cut the connection." },
    { "overloaded", PROVIDER, "%s had more to do than it can." },
    { "50", PROVIDER, "%s had a fault of its own." },
    { "server-error", PROVIDER, "%s had a fault of its own." },
    { "request-canceled", PROVIDER, "%s called off what it was asked." },
    { "llm-failed", PROVIDER, "The language model of %s failed." },
    { "voice-failed", PROVIDER, "The voice of %s failed." },
    { "transcriber-failed", PROVIDER, "The transcriber of %s failed." },
    { "video-failed", PROVIDER, "The video of %s failed." },
    { "failed", PROVIDER, "%s failed." },
    { "unexpected-error", PROVIDER, "%s had a fault of its own." },
};

/* What no vendor is named in. */
static const struct {
    const char *word;
    enum who who;
    const char *text;
} OTHERS[] = {
    { "no-available-llm-model", YOU,
      "None of the language models that the assistant may use was available." },
    { "ws-model-connection-failed", PROVIDER,
      "The connection to the language model could not be made." },
    { "transport-never-connected", VAPI, "The line between Vapi and the phone never came up." },
    { "connection-to-transport-missing", VAPI,
      "The line between Vapi and the phone never came up." },
    { "transport-connected-but", VAPI, "The line was up, but Vapi had ended the call already." },
    { "pipeline-failed-to-start", VAPI, "Vapi could not start the assistant." },
    { "worker-died", VAPI, "Vapi lost the process that led the call." },
    { "worker-not-available", VAPI, "Vapi had no process free to lead the call." },
    { "outbound-sip-403", CARRIER, "The carrier refused to place the call." },
    { "outbound-sip-407", YOU, "The carrier asks for a user and password that are not set." },
    { "outbound-sip-408", CARRIER, "The carrier did not answer in time." },
    { "outbound-sip-480", CALLEE, "The other side could not be reached." },
    { "outbound-sip-503", CARRIER, "The carrier had no way to place the call." },
};

static struct str after_stage(const char *reason, bool *is_vapis) {
    struct str all = str_of(reason);
    *is_vapis = false;
    for (size_t i = 0; i < ARRAY_LEN(STAGES); i++) {
        size_t len = strlen(STAGES[i].prefix);
        if (!str_starts(all, str_of(STAGES[i].prefix)))
            continue;
        *is_vapis = STAGES[i].is_vapis;
        return (struct str){ all.ptr + len, all.len - len };
    }
    return all;
}

static const char *vendor_of(struct str *rest) {
    for (size_t i = 0; i < ARRAY_LEN(VENDORS); i++) {
        size_t len = strlen(VENDORS[i].name);
        if (!str_starts(*rest, str_of(VENDORS[i].name)) || rest->len <= len ||
            rest->ptr[len] != '-')
            continue;
        *rest = (struct str){ rest->ptr + len + 1, rest->len - len - 1 };
        return VENDORS[i].title;
    }
    return NULL;
}

static struct ended from_pipeline(struct arena *a, const char *reason) {
    bool is_vapis;
    struct str rest = after_stage(reason, &is_vapis);
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++)
        if (str_find(rest, str_of(OTHERS[i].word)) >= 0)
            return (struct ended){ OTHERS[i].text, WHO[OTHERS[i].who], true, true };
    const char *vendor = vendor_of(&rest);
    for (size_t i = 0; vendor && i < ARRAY_LEN(FAULTS); i++) {
        if (str_find(rest, str_of(FAULTS[i].word)) < 0)
            continue;
        enum who who = is_vapis ? VAPI : FAULTS[i].who;
        struct buf *b = buf_in(a);
        ptrdiff_t at = str_find(str_of(FAULTS[i].text), STR("%s"));
        buf_put(b, FAULTS[i].text, (size_t)at);
        buf_text(b, vendor);
        buf_text(b, FAULTS[i].text + at + 2);
        return (struct ended){ str_dup(a, buf_view(b)), WHO[who], true, true };
    }
    return (struct ended){ arena_printf(a, "Ava does not know this reason yet: %s.", reason),
                           WHO[NOBODY], true, false };
}

struct ended ended_explain(struct arena *a, const char *reason) {
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++)
        if (strcmp(TABLE[i].reason, reason) == 0)
            return (struct ended){ TABLE[i].text, WHO[TABLE[i].who], TABLE[i].is_fault, true };
    return from_pipeline(a, reason);
}

const char *ended_label(const char *reason) {
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++)
        if (strcmp(TABLE[i].reason, reason) == 0)
            return TABLE[i].reason;
    struct arena *a = arena_new(512);
    struct ended e = from_pipeline(a, reason);
    const char *label = "other";
    for (size_t i = 0; i < ARRAY_LEN(WHO) && e.is_known; i++)
        if (e.who == WHO[i])
            label = FAULT_OF[i];
    arena_free(a);
    return label;
}

void ended_declare_metrics(void) {
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++)
        metric_add(METRIC_CALLS_ENDED, 0, TABLE[i].reason);
    for (size_t i = CALLEE; i < ARRAY_LEN(WHO); i++)
        metric_add(METRIC_CALLS_ENDED, 0, FAULT_OF[i]);
    metric_add(METRIC_CALLS_ENDED, 0, "other");
}

void ended_write(struct jsonw *w, const struct ended *e) {
    if (!e->text) {
        jsonw_null(w);
        return;
    }
    jsonw_object(w);
    jsonw_text_at(w, "text", e->text);
    jsonw_text_at(w, "who", e->who);
    jsonw_bool_at(w, "is_fault", e->is_fault);
    jsonw_object_end(w);
}
