/* twilio_events: what Twilio's callbacks say of a call or a text (API 2010-04-01): parameters of
 * voice, status, message and message-status. */
#pragma once

#include "providers/dialect.h"

/* For dialect.read_event and dialect.event_name. */
const char *twilio_event_read(struct ctx *ctx, const struct dialect_event *event,
                              struct dialect_facts *out);
const char *twilio_event_name(const char *type, const char *status);
