#include "providers/vapi_settings.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/etag.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/tree.h"
#include "crypto/hash.h"
#include "providers/vapi_whole.h"

static const char *const NAMES[VAPI_SETTING_COUNT] = { "greeting_message", "max_call_duration",
                                                       "voice_speed" };

const char *vapi_setting_name(enum vapi_setting s) {
    return NAMES[s];
}

enum vapi_setting vapi_setting_parse(struct str name) {
    for (enum vapi_setting s = 0; s < VAPI_SETTING_COUNT; s++)
        if (str_is(name, NAMES[s]))
            return s;
    return VAPI_SETTING_COUNT;
}

/* --- where a voice keeps its speed ----------------------------------------------------------- */

/* contracts/README.md, "Speed limits per provider" (OpenAPI of 2026-08-20). */
static const struct {
    const char *provider;
    double min, max;
} SPEEDS[] = {
    { "11labs", 0.7, 1.2 },   { "vapi", 0.25, 2 },      { "openai", 0.25, 4 },
    { "azure", 0.5, 2 },      { "microsoft", 0.5, 2 },  { "minimax", 0.5, 2 },
    { "lmnt", 0.25, 2 },      { "neuphonic", 0.25, 2 }, { "playht", 0.1, 5 },
    { "rime-ai", 0.1, 9 },    { "smallest-ai", 0, 9 },  { "xai", 0.7, 1.5 },
    { "cartesia", 0.6, 1.5 },
};

static bool is_cartesia(const json_t *voice) {
    const char *provider = json_text(voice, "provider");
    return provider && strcmp(provider, "cartesia") == 0;
}

bool vapi_voice_speed_range(const json_t *voice, double *min, double *max) {
    const char *provider = json_text(voice, "provider");
    const char *model = json_text(voice, "model");
    if (is_cartesia(voice) && (!model || strncmp(model, "sonic-3", 7) != 0))
        return false; /* its older models have words for speeds, not numbers */
    for (size_t i = 0; provider && i < ARRAY_LEN(SPEEDS); i++) {
        if (strcmp(provider, SPEEDS[i].provider) != 0)
            continue;
        *min = SPEEDS[i].min > 0.5 ? SPEEDS[i].min : 0.5;
        *max = SPEEDS[i].max < 1.2 ? SPEEDS[i].max : 1.2;
        return true;
    }
    return false;
}

static const json_t *speed_of(const json_t *voice) {
    return is_cartesia(voice) ? json_object_get(json_object_get(voice, "generationConfig"), "speed")
                              : json_object_get(voice, "speed");
}

/* --- reading an assistant -------------------------------------------------------------------- */

/* What vapi_to_settings looks at. */
static const char *const SETTING_PATHS[] = { "id",
                                             "updatedAt",
                                             "firstMessage",
                                             "maxDurationSeconds",
                                             "voice.speed",
                                             "voice.provider",
                                             "voice.generationConfig.speed",
                                             NULL };

static bool is_assistant(const json_t *a) {
    return json_text(a, "id") && json_text(a, "updatedAt");
}

static void setting_write(struct jsonw *w, enum vapi_setting s, const json_t *value,
                          int64_t updated_ms) {
    jsonw_object(w);
    jsonw_text_at(w, "key", NAMES[s]);
    jsonw_key(w, "value");
    jsonw_tree(w, value);
    jsonw_time_at(w, "updated_at", updated_ms);
    jsonw_object_end(w);
}

/* The digest: from the provider's assistant to Ava's settings. */
bool vapi_to_settings(struct ctx *ctx, const json_t *a, struct str *kept) {
    int64_t updated_ms;
    if (!is_assistant(a))
        return false;
    const char *updated = json_text(a, "updatedAt");
    const json_t *greeting = json_object_get(a, "firstMessage");
    const json_t *duration = json_object_get(a, "maxDurationSeconds");
    const json_t *voice = json_object_get(a, "voice");
    const json_t *speed = speed_of(voice);
    if (!clock_parse_rfc3339(updated, strlen(updated), &updated_ms))
        return false;
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    jsonw_key(&w, "settings");
    jsonw_list(&w);
    if (json_is_string(greeting))
        setting_write(&w, VAPI_GREETING, greeting, updated_ms);
    if (json_is_number(duration))
        setting_write(&w, VAPI_DURATION, duration, updated_ms);
    if (json_is_number(speed))
        setting_write(&w, VAPI_SPEED, speed, updated_ms);
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    *kept = buf_view(out);
    return true;
}

bool vapi_read_assistant(struct ctx *ctx, const json_t *said, void *into) {
    *(const json_t **)into = said;
    return vapi_to_settings(ctx, said, &(struct str){ NULL, 0 });
}

struct upstream_request vapi_assistant_request(struct ctx *ctx, const struct upstream_credential *c,
                                               const char *method, const char *operation,
                                               const char *assistant_id) {
    struct buf path = { 0 };
    buf_text(&path, "/assistant/");
    percent_encode(&path, str_of(assistant_id));
    struct upstream_request req =
        vapi_request(c, method, operation, str_dup(ctx->arena, buf_view(&path)));
    req.digest = vapi_to_settings;
    req.paths = SETTING_PATHS;
    req.resource = arena_join(ctx->arena, "assistant/", assistant_id);
    buf_fini(&path);
    return req;
}

enum err vapi_settings_read(struct ctx *ctx, const struct upstream_credential *c,
                            const char *assistant_id, struct upstream_answer *out) {
    struct upstream_request read =
        vapi_assistant_request(ctx, c, "GET", "assistant.get", assistant_id);
    return upstream_call(ctx, &read, out);
}

const char *vapi_settings_etag(struct ctx *ctx, struct str body) {
    unsigned char hash[HASH_BYTES];
    char hex[17];
    hash_blake2b(hash, body);
    hex_encode(hex, hash, 8);
    return arena_join(ctx->arena, "\"", hex, "\"");
}

/* --- changing it ----------------------------------------------------------------------------- */

static enum err wrong_speed(struct ctx *ctx, const json_t *voice, double speed) {
    const char *provider = json_text(voice, "provider");
    double min, max;
    if (!provider) {
        ctx_field(ctx, "value", "unsupported",
                  "The assistant has no voice yet; choose one at Vapi first.");
    } else if (!vapi_voice_speed_range(voice, &min, &max)) {
        ctx_field(ctx, "value", "unsupported",
                  arena_printf(ctx->arena, "The assistant's voice (%.40s) has no speed to set.",
                               provider));
    } else if (speed < min || speed > max) {
        ctx_field_range(ctx, "value", "out_of_range", min, max,
                        arena_printf(ctx->arena,
                                     "Voice speed must be between %g and %g for the assistant's "
                                     "voice (%.40s).",
                                     min, max, provider));
    }
    return ctx_fields_ok(ctx);
}

/* The member voice, whole, with another speed; everything else in it as it was. */
static json_t *voice_with_speed(const json_t *voice, double speed) {
    json_t *changed = json_deep_copy(voice);
    if (is_cartesia(voice)) {
        json_t *config = json_object_get(changed, "generationConfig");
        if (!json_is_object(config)) { /* absent, or null */
            config = json_object();
            json_object_set_new(changed, "generationConfig", config);
        }
        json_object_set_new(config, "speed", json_real(speed));
    } else {
        json_object_set_new(changed, "speed", json_real(speed));
    }
    return json_pack("{s:o}", "voice", changed);
}

/* The voice goes whole, and so only when all of it is known. */
static enum err speed_patch(struct ctx *ctx, const json_t *voice, double speed, struct jsonw *w) {
    TRY(wrong_speed(ctx, voice, speed));
    json_t *patch = tree_in(ctx->arena, voice_with_speed(voice, speed));
    TRY(vapi_whole_check(ctx, patch));
    jsonw_tree(w, patch);
    return OK;
}

static enum err patch_of(struct ctx *ctx, const json_t *assistant, enum vapi_setting s,
                         const json_t *value, struct buf *out) {
    struct jsonw w = jsonw_to(out);
    if (s == VAPI_SPEED)
        return speed_patch(ctx, json_object_get(assistant, "voice"), json_number_value(value), &w);
    jsonw_object(&w);
    if (s == VAPI_GREETING) {
        jsonw_text_at(&w, "firstMessage", json_string_value(value));
        jsonw_text_at(&w, "firstMessageMode", "assistant-speaks-first");
    } else {
        jsonw_i64_at(&w, "maxDurationSeconds", json_integer_value(value));
    }
    jsonw_object_end(&w);
    return OK;
}

enum err vapi_setting_patch(struct ctx *ctx, const json_t *assistant, enum vapi_setting s,
                            const json_t *value, const char *etag, struct str *patch) {
    struct str seen;
    if (!vapi_to_settings(ctx, assistant, &seen))
        return ctx_fail(ctx, ERR_PROVIDER_BAD_RESPONSE, "Vapi's assistant cannot be read.");
    if (etag && !etag_matches(str_of(etag), vapi_settings_etag(ctx, seen)))
        return ctx_fail(ctx, ERR_VERSION_CONFLICT,
                        "Somebody changed the settings meanwhile; read them again and compare.");
    struct buf *out = buf_in(ctx->arena);
    TRY(patch_of(ctx, assistant, s, value, out));
    *patch = buf_view(out);
    return OK;
}

enum err vapi_check(struct ctx *ctx, const struct upstream_credential *c,
                    const char *assistant_id) {
    struct upstream_request read =
        vapi_assistant_request(ctx, c, "GET", "assistant.get", assistant_id);
    struct upstream_answer answer;
    read.skip_cache = true;
    return upstream_call(ctx, &read, &answer);
}
