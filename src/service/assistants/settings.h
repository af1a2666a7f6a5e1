/* settings: what callers hear and how long they may speak; Ava's three keys over one assistant. */
#pragma once

#include <jansson.h>

#include "providers/vapi_settings.h"

struct settings_view {
    struct str body;  /* {"settings":[...]} or one setting object */
    const char *etag; /* of all settings together */
    struct upstream_answer answer;
};

enum err settings_list(struct ctx *ctx, struct settings_view *out);
enum err setting_read(struct ctx *ctx, enum vapi_setting s, struct settings_view *out);

/* value is checked against Ava's own range first, then the assistant's voice. etag: the value of If-Match
 * (base/etag.h), may be NULL. */
enum err setting_save(struct ctx *ctx, enum vapi_setting s, const json_t *value, const char *etag,
                      struct settings_view *out);
