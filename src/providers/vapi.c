#include "providers/vapi.h"

#include <math.h>
#include <stdlib.h>
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

/* Seconds until the year 5138, milliseconds since 1973: nothing is both. */
static int64_t of_number(double value) {
    double ms = value < 1e11 ? value * 1000 : value;
    return ms > 0 && ms < 1e15 ? (int64_t)llround(ms) : 0;
}

int64_t vapi_read_time(const json_t *thing, const char *name) {
    const json_t *value = json_object_get(thing, name);
    const char *text = json_string_value(value);
    int64_t ms;
    char *end;
    if (json_is_number(value))
        return of_number(json_number_value(value));
    if (!text || !text[0])
        return 0;
    if (clock_parse_rfc3339(text, strlen(text), &ms))
        return ms;
    double number = strtod(text, &end);
    return *end ? 0 : of_number(number);
}
