/* vapi_settings: Ava's three settings in the dialect of Vapi (OpenAPI of 2026-08-20).
 *
 * There is no settings endpoint: Ava's settings are fields of one assistant (contracts: firstMessage,
 * maxDurationSeconds, voice.speed). `voice` is a union by provider and must be sent back whole. */
#pragma once

#include "providers/vapi.h"

enum vapi_setting { VAPI_GREETING, VAPI_DURATION, VAPI_SPEED, VAPI_SETTING_COUNT };

const char *vapi_setting_name(enum vapi_setting s);    /* "greeting_message" */
enum vapi_setting vapi_setting_parse(struct str name); /* VAPI_SETTING_COUNT when unknown */

/* The settings of the assistant, from the cache where it may be: out->body is
 * {"settings":[{"key","value","updated_at"}]}, only what the assistant sets. */
enum err vapi_settings_read(struct ctx *ctx, const struct upstream_credential *c,
                            const char *assistant_id, struct upstream_answer *out);

/* What to send to change one of them, and nothing that belongs to another: JSON in the arena.
 * assistant: as it is now. ERR_VERSION_CONFLICT when Ava's view of it no longer has the etag (NULL:
 * whatever it is). value has the right type and Ava's range; a speed that the assistant's voice does
 * not allow ends in ERR_INVALID with the true range. */
enum err vapi_setting_patch(struct ctx *ctx, const json_t *assistant, enum vapi_setting s,
                            const json_t *value, const char *etag, struct str *patch);

/* Asks Vapi whether this key can read this assistant. */
enum err vapi_check(struct ctx *ctx, const struct upstream_credential *c, const char *assistant_id);

/* The ETag of a settings body. */
const char *vapi_settings_etag(struct ctx *ctx, struct str body);

/* The speeds a voice allows, within Ava's own 0.5..1.2. False when it has no speed. */
bool vapi_voice_speed_range(const json_t *voice, double *min, double *max);

/* A request for one assistant: the answer is its settings, and it is cached as them. */
struct upstream_request vapi_assistant_request(struct ctx *ctx, const struct upstream_credential *c,
                                               const char *method, const char *operation,
                                               const char *assistant_id);
/* The digest of an assistant: its settings, of which those that have another type than documented are
 * left out. And the read function of all of it, into a const json_t *. */
bool vapi_to_settings(struct ctx *ctx, const json_t *said, struct str *kept);
bool vapi_read_assistant(struct ctx *ctx, const json_t *said, void *into);
