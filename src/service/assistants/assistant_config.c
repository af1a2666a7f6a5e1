#include "service/assistants/assistant_config.h"

#include <string.h>

#include "base/json.h"
#include "base/tree.h"
#include "obs/fields.h"

/* Of Assistant, and not of UpdateAssistantDTO (OpenAPI of 2026-08-20, and what it answers). */
static const char *const READ_ONLY[] = { "id",        "orgId",         "createdAt",
                                         "updatedAt", "latestVersion", "isServerUrlSecretSet" };

json_t *assistant_config_of(struct ctx *ctx, const json_t *whole) {
    json_t *config = json_is_object(whole) ? json_deep_copy(whole) : json_object();
    for (size_t i = 0; i < ARRAY_LEN(READ_ONLY); i++)
        json_object_del(config, READ_ONLY[i]);
    json_t *metadata = json_object_get(config, "metadata");
    json_object_del(metadata, "ava_op");
    if (json_is_object(metadata) && json_object_size(metadata) == 0)
        json_object_del(config, "metadata");
    return tree_in(ctx->arena, config);
}

enum err assistant_config_check(struct ctx *ctx, const json_t *body, bool is_new) {
    field_name(ctx, body, "name", is_new, ASSISTANT_NAME_CHARS_MAX);
    for (size_t i = 0; i < ARRAY_LEN(READ_ONLY); i++)
        if (json_object_get(body, READ_ONLY[i]))
            ctx_field(ctx, READ_ONLY[i], "reserved",
                      arena_printf(ctx->arena, "The field %s is set by Vapi alone; leave it out.",
                                   READ_ONLY[i]));
    const json_t *metadata = json_object_get(body, "metadata");
    if (metadata && !json_is_object(metadata) && !json_is_null(metadata))
        ctx_field(ctx, "metadata", "wrong_type", "The metadata must be an object.");
    if (json_object_get(metadata, "ava_op"))
        ctx_field(ctx, "metadata", "reserved",
                  "The name ava_op in metadata is Ava's own; choose another one.");
    return ctx_fields_ok(ctx);
}

enum err assistant_config_fits(struct ctx *ctx, const json_t *config) {
    if (field_bytes(config) > ASSISTANT_CONFIG_BYTES_MAX)
        ctx_field_range(ctx, "config", "too_long", 0, ASSISTANT_CONFIG_BYTES_MAX,
                        "The configuration must be at most 262144 bytes of JSON in all.");
    return ctx_fields_ok(ctx);
}

/* Whole metadata goes out: what Ava knows the assistant by must be in it. */
static json_t *with_own(const json_t *whole, json_t *metadata) {
    const json_t *op = json_object_get(json_object_get(whole, "metadata"), "ava_op");
    json_t *out = json_is_object(metadata) ? json_deep_copy(metadata) : json_object();
    if (op)
        json_object_set_new(out, "ava_op", json_deep_copy(op));
    return out;
}

json_t *assistant_config_patch(struct ctx *ctx, const json_t *whole, const json_t *wanted) {
    json_t *now = assistant_config_of(ctx, whole), *patch = tree_in(ctx->arena, json_object());
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)wanted, name, value) {
        if (!tree_same(value, json_object_get(now, name)))
            json_object_set_new(patch, name, json_deep_copy(value));
    }
    json_object_foreach(now, name, value) {
        if (!json_object_get(wanted, name))
            json_object_set_new(patch, name, json_null());
    }
    json_t *metadata = json_object_get(patch, "metadata");
    if (metadata)
        json_object_set_new(patch, "metadata", with_own(whole, metadata));
    return patch;
}
