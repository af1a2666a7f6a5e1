/* resend_events: what a webhook of Resend's says of a mail (event types of resend.com/docs, read 2026-11-29). */
#pragma once

#include "base/jsonw.h"
#include "providers/dialect.h"

extern const char *const RESEND_EVENT_PATHS[];
extern const struct dialect_rank RESEND_RANKS[];

/* Appends the list of the types that are read, as JSON. */
void resend_event_types_write(struct jsonw *w);

/* For dialect.read_event. */
const char *resend_event_read(struct ctx *ctx, const struct dialect_event *event,
                              struct dialect_facts *out);
/* For dialect.event_name. */
const char *resend_event_name(const char *type, const char *status);
