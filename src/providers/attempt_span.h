/* attempt_span: the span of one attempt at a provider or at a customer's address, by the conventions of
 * OpenTelemetry for HTTP clients. Paths are left out: they hold phone numbers, and customers' may hold
 * secrets. */
#pragma once

#include "net/client_result.h"
#include "obs/spans.h"
#include "providers/upstream.h"
#include "resilience/outcome.h"

/* What became of it. */
struct attempt_end {
    enum client_result result;
    int status; /* of a whole answer, or of a mail server's refusal; else it is not looked at */
    bool is_mail;
    enum outcome outcome;
    int resent; /* attempts of the same call before it */
};

/* url: where it goes. NULL when nothing is recorded, as spans are. */
struct span *attempt_span_begin(struct ctx *ctx, const struct upstream_request *req,
                                const char *url);
/* host: of a mail server. */
struct span *attempt_span_begin_mail(struct ctx *ctx, const struct upstream_request *req,
                                     const char *host);
void attempt_span_end(const struct ctx *ctx, struct span *s, const struct attempt_end *end);
