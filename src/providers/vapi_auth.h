/* vapi_auth: is this server message really from Vapi?
 *
 * A plan says how Vapi proves it, in Vapi's own words (CreateWebhookCredentialDTO, OpenAPI of
 * 2026-08-20). bearer: a token in a header, Authorization unless headerName says another; the
 * legacy X-Vapi-Secret is a bearer without prefix. hmac: the hash of payloadFormat, by default
 * {timestamp}.{body}, in a header, by default x-signature. Vapi states how old a timestamp may be
 * nowhere; here it is 300 s, as with Svix. oauth2 plans are not taken: they need a token server. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "obs/ctx.h"

enum { VAPI_AUTH_TOLERANCE_S = 300, VAPI_AUTH_PLAN_BYTES_MAX = 1024 };

struct vapi_auth_request {
    struct str method, url, body; /* url: as Vapi called it */
    int64_t now_s;                /* wall clock, Unix seconds */
    /* The one header of that name, in any case; a NULL ptr when absent or there twice. */
    struct str (*header)(const void *arg, const char *name);
    const void *arg;
};

/* A plan by its parts: the text of that name, a NULL ptr when absent, flags as "true" or "false".
 * So it can be read where it is kept, and its secret needs no copy. */
struct vapi_auth_plan {
    struct str (*part)(const void *arg, const char *name);
    const void *arg;
};
struct vapi_auth_plan vapi_auth_plan_of(const json_t *plan); /* lent */

/* In time that depends on lengths only. False too for a plan that cannot be read. */
bool vapi_auth_is_valid(struct arena *a, const struct vapi_auth_plan *plan,
                        const struct vapi_auth_request *r);

/* Does the proof need the whole body? */
bool vapi_auth_covers_body(const struct vapi_auth_plan *plan);

/* The names of parts, ended by NULL: what of a plan is to be kept. */
extern const char *const VAPI_AUTH_PARTS[];

/* Is it a plan that can be kept? What is wrong is collected as fields "webhook_auth.NAME" of ctx. A
 * signature that does not cover the body proves nothing, so such a payloadFormat is refused. */
void vapi_auth_check_plan(struct ctx *ctx, const json_t *plan);
