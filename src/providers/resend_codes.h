/* resend_codes: whom a refusal of Resend's means, by its name and its words (resend.com/docs/api-reference/errors,
 * read 2026-11-29). The same name comes with several statuses: "validation_error" with 400 and 401 for a key
 * that does not exist, with 403 for a domain that is not verified, with 400 and 422 for a field. */
#pragma once

#include "providers/dialect.h"

void resend_judge(struct ctx *ctx, int status, const json_t *said, struct refusal *out);
