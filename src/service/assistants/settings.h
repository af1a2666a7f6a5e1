/* settings: what callers hear and how long they may speak; Ava's three keys over one assistant. */
#pragma once

#include <jansson.h>

#include "providers/vapi_settings.h"

struct settings_view {
    struct str body;  /* {"settings":[...]} or one setting object */
    const char *etag; /* of all settings together */
    struct upstream_answer answer;
};

/* All three settings, or one, from the cache where it may be. ERR_NOT_CONNECTED. */
enum err settings_list(struct ctx *ctx, struct settings_view *out);
enum err setting_read(struct ctx *ctx, enum vapi_setting s, struct settings_view *out);

/* Changes one setting; *out: as it is after that. value is checked against Ava's own range first,
 * then against the assistant's voice (ERR_INVALID). etag: If-Match (base/etag.h) of all settings,
 * else ERR_VERSION_CONFLICT; NULL: whatever they are. */
enum err setting_save(struct ctx *ctx, enum vapi_setting s, const json_t *value, const char *etag,
                      struct settings_view *out);
