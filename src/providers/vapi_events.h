/* vapi_events: what Vapi's server messages say of a call (OpenAPI of 2026-08-20).
 *
 * status-update, end-of-call-report and assistant-request do; the others say nothing of the state of
 * a call. */
#pragma once

#include "providers/dialect.h"

/* What Ava looks at in a server message: the state of a call, and what a question needs. */
extern const char *const VAPI_EVENT_PATHS[];

/* For dialect.read_event and dialect.event_name. */
const char *vapi_event_read(struct ctx *ctx, const struct dialect_event *event,
                            struct dialect_facts *out);
const char *vapi_event_name(const char *type, const char *status);
