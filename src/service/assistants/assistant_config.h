/* assistant_config: the configuration of an assistant, which is what the provider keeps of it less
 * what only the provider writes. Versions are of it, people change it, and of a change only the
 * members that differ are sent, whole. Pure but for the problems it notes. */
#pragma once

#include "base/str.h"
#include <jansson.h>

#include "obs/ctx.h"

/* So large that three fit into one answer of the provider's: some are looked for in its list. */
enum { ASSISTANT_NAME_CHARS_MAX = 40, ASSISTANT_CONFIG_BYTES_MAX = 256 * 1024 };

/* Of the provider's object; the arena's. metadata.ava_op is Ava's own business, and not in it. */
json_t *assistant_config_of(struct ctx *ctx, const json_t *whole);

/* Checks what a person sent, for a new one or as a merge patch (RFC 7396) of one that is there:
 * the name, and names that are not to be set. Every other field is the provider's to judge. */
enum err assistant_config_check(struct ctx *ctx, const json_t *body, bool is_new);

/* ERR_INVALID when it is too large. */
enum err assistant_config_fits(struct ctx *ctx, const json_t *config);

/* What must be sent so that `whole` gets the configuration `wanted`: an object, empty when it has
 * it; the arena's. */
json_t *assistant_config_patch(struct ctx *ctx, const json_t *whole, const json_t *wanted);
