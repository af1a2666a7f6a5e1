#include "providers/vapi.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"

static void authorize(struct ctx *ctx, const struct upstream_request *req,
                      const struct secret *fields, struct upstream_headers *out) {
    struct str key = secret_field(fields, "api_key");
    out->lines[out->count++] = arena_printf(ctx->arena, "Authorization: Bearer %.*s", STR_FMT(key));
}

struct upstream_request vapi_request(const struct upstream_credential *c, const char *method,
                                     const char *operation, const char *path) {
    return (struct upstream_request){ .provider = PROVIDER_VAPI,
                                      .operation = operation,
                                      .method = method,
                                      .path = path,
                                      .credential = c,
                                      .authorize = authorize };
}

int64_t vapi_read_time(const json_t *thing, const char *name) {
    const char *text = json_text(thing, name);
    int64_t ms = 0;
    if (text && !clock_parse_rfc3339(text, strlen(text), &ms))
        ms = 0;
    return ms;
}
