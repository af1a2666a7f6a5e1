/* vapi_whole: what must not go back to Vapi inside an object that is sent whole (model, voice, server,
 * transport, credentials, metadata...), because reading it did not give its true value.
 *
 * Vapi answers with a word in place of a secret; written back, the word becomes the secret. A number
 * that fits neither 64 bits nor a double was changed by reading it (sift.h). */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "obs/ctx.h"

/* True when the text is a word that stands for a hidden value, or an address or a scheme with such
 * a word in it ("Bearer [REDACTED]"). A sentence that only mentions the word is none. */
bool vapi_text_is_hidden(const char *text);

/* ERR_INVALID, with the JSON pointer of each hidden text of the body as a wrong field; OK when there
 * is none. */
enum err vapi_hidden_check(struct ctx *ctx, const json_t *body);

/* The same for a body that was made of what Vapi said, where also each number that is not as it came
 * is a wrong field. */
enum err vapi_whole_check(struct ctx *ctx, const json_t *body);
