/* status: from what went wrong to what the caller reads (RFC 9457, RESILIENCE 10). */
#pragma once

#include "http/message.h"
#include "obs/ctx.h"

/* Fills the whole answer: status, application/problem+json, Retry-After. */
void status_problem(const struct problem *p, const char *correlation_id, struct http_reply *reply);

/* At a start: a series of log_messages_total for each problem there is. */
void status_declare_metrics(void);

/* "Vapi is not answering" for a title with {service}; the name with a capital where it stands. */
void status_title(struct buf *out, const char *title, const char *service);
